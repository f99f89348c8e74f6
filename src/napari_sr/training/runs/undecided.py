"""The finished runs whose bad verdict nobody has answered: their models are in no list yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_sr.errors import SRError
from napari_sr.models.model import read_card
from napari_sr.models.store import user_path
from napari_sr.training.runs.folders import is_running, runs_folder
from napari_sr.training.runs.verdict import Verdict

#: file in the folder of a run whose model the user has kept or discarded
ANSWERED = ".answered"


@dataclass(frozen=True)
class Undecided:
    """A finished run with a bad verdict: its model is in no list until the user says so."""

    folder: Path
    path: Path
    verdict: Verdict


def answer(folder: Path) -> None:
    """Note that the user has decided about the run in ``folder``."""
    (folder / ANSWERED).touch()


def verdict_of(path: Path) -> Verdict | None:
    """Return the verdict on the model in ``path``; None if it was not measured."""
    return Verdict.of(read_card(path).training)


def undecided_runs() -> list[Undecided]:
    """Return the finished runs of the viewer that still wait for an answer, the latest first."""
    found = []
    for report in runs_folder().glob("*/report.html"):
        folder = report.parent
        path = folder / f"{folder.name}.safetensors"  # the viewer names folders as models
        try:
            verdict = verdict_of(path)
            open_still = not (folder / ANSWERED).exists() and not user_path(path.stem).exists()
            if verdict is not None and verdict.bad and open_still and not is_running(folder):
                found.append((path.stat().st_mtime, Undecided(folder, path, verdict)))
        except (SRError, OSError):
            continue
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]
