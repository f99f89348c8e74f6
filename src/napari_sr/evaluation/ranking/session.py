"""Blind ranking: people put reconstructions of a patch in order, without knowing which is whose."""

from __future__ import annotations

import csv
import io
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.paths import reason

SESSION, PICTURES, ANSWERS = "session.json", "pictures.npz", "answers-*.json"
REFERENCE = "reference"
VERSION = 1


@dataclass(frozen=True)
class Question:
    """One patch: its image and plane, first row and column in the reference, and side in pixels of the reference."""

    image: str
    plane: int
    row: int
    column: int
    side: int


@dataclass(frozen=True)
class Answer:
    """The methods in the order in which one person put them for one question: the best first."""

    rater: str
    question: int
    order: tuple[str, ...]

    def rank(self, method: str) -> int:
        """Return the place of a method, from 1."""
        return self.order.index(method) + 1


class Session:
    """A folder with pictures and what people have answered; it can be opened again at any time, by several people.

    Parameters
    ----------
    folder
        Where it is, with its three kinds of file: what is asked, the pictures, and the answers of each rater.

    Raises
    ------
    ImageError
        If the folder holds no session, or its files are damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / SESSION).is_file():
            raise ImageError(f"{folder} holds no blind ranking (there is no {SESSION} in it).")
        try:
            said = json.loads((folder / SESSION).read_text(encoding="utf-8"))
            self.methods = tuple(str(m) for m in said["methods"])
            self.questions = tuple(Question(**q) for q in said["questions"])
            self.seed = int(said["seed"])
            self.pictures = np.load(folder / PICTURES, allow_pickle=False)
        except (ValueError, KeyError, TypeError, OSError, zlib.error) as error:
            raise ImageError(f"The ranking in {folder} cannot be read: {error}") from None

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        methods: Sequence[str],
        questions: Sequence[Question],
        pictures: Mapping[tuple[int, str], npt.NDArray[Any]],
        seed: int = 0,
    ) -> Session:
        """Write a new session.

        Parameters
        ----------
        folder
            Is made; must not hold a session already.
        methods
            Names of what is ranked.
        questions
            One for each patch.
        pictures
            By number of the question and method, or ``reference``; of one shape for each question.
        seed
            Of the order in which pictures are shown.

        Raises
        ------
        ImageError
            If there is nothing to rank, a name is taken, or the folder cannot be written.
        """
        if len(methods) < 2:
            raise ImageError("A ranking needs at least two images beside the reference.")
        if len(set(methods)) < len(methods) or REFERENCE in methods:
            raise ImageError(f"The images need names of their own, and none may be called {REFERENCE}.")
        if (folder / SESSION).exists():
            raise ImageError(f"{folder} holds a ranking already: continue it, or choose another folder.")
        # names of arrays say nothing of whose they are
        names = {name: str(number) for number, name in enumerate((REFERENCE, *methods))}
        arrays: dict[str, Any] = {f"{number}-{names[name]}": image for (number, name), image in pictures.items()}
        said = {
            "version": VERSION, "methods": list(methods), "seed": seed, "questions": [asdict(q) for q in questions],
        }  # fmt: skip
        try:
            folder.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(folder / PICTURES, **arrays)
            _write(folder / SESSION, json.dumps(said, indent=1))
        except OSError as error:
            raise ImageError(f"{folder} cannot be written ({reason(error)}).") from None
        return cls(folder)

    def picture(self, question: int, name: str) -> npt.NDArray[Any]:
        """Return what a method made of a patch, or its reference."""
        return np.asarray(self.pictures[f"{question}-{(REFERENCE, *self.methods).index(name)}"])

    def shown(self, rater: str, question: int) -> tuple[str, ...]:
        """Return the methods in the order in which this person sees them at first: another one for every patch."""
        order = np.random.default_rng((self.seed, question, zlib.crc32(rater.encode()))).permutation(len(self.methods))
        return tuple(self.methods[i] for i in order)

    def answers(self) -> tuple[Answer, ...]:
        """Return what all people have answered.

        Raises
        ------
        ImageError
            If a file of answers is damaged.
        """
        found = []
        for path in sorted(self.folder.glob(ANSWERS)):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                one = [Answer(said["rater"], int(n), tuple(order)) for n, order in said["answers"].items()]
            except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
                raise ImageError(f"{path} cannot be read: {error}") from None
            if any(sorted(a.order) != sorted(self.methods) or a.question >= len(self.questions) for a in one):
                raise ImageError(f"{path} does not belong to this ranking.")
            found += one
        return tuple(found)

    def of(self, rater: str) -> dict[int, Answer]:
        """Return the answers of one person by question."""
        return {a.question: a for a in self.answers() if a.rater == rater}

    def answer(self, answer: Answer) -> None:
        """Write an answer down at once; an earlier one of the same person to the same question is replaced.

        Raises
        ------
        ImageError
            If it does not name every method once, or cannot be written.
        """
        if sorted(answer.order) != sorted(self.methods):
            raise ImageError("An answer has to name every image once.")
        kept = self.of(answer.rater) | {answer.question: answer}
        said = {"rater": answer.rater, "answers": {str(n): list(kept[n].order) for n in sorted(kept)}}
        path = self.folder / ANSWERS.replace("*", f"{zlib.crc32(answer.rater.encode()):08x}")
        try:
            _write(path, json.dumps(said, indent=1, ensure_ascii=False))
        except OSError as error:
            raise ImageError(f"The answer could not be saved in {self.folder} ({reason(error)}).") from None

    def to_csv(self) -> str:
        """Return every answer: rater, patch, and the rank of every method."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(["rater", "image", "plane", "row", "column", "side", *self.methods])
        for answer in self.answers():
            q = self.questions[answer.question]
            ranks = [answer.rank(m) for m in self.methods]
            writer.writerow([answer.rater, q.image, q.plane, q.row, q.column, q.side, *ranks])
        return buffer.getvalue()


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
