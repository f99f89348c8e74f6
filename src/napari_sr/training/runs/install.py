"""From the folder of a run into the user's list of models; and the runs whose bad verdict nobody has answered."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from napari_sr.errors import SRError, TrainingError
from napari_sr.models.model import read_card
from napari_sr.models.store import user_folder
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


def install(path: Path, *, overwrite: bool = False) -> Path:
    """Copy the model in ``path`` into the user's folder, whole or not at all, and return its place there.

    Raises
    ------
    TrainingError
        If there is a model of that name, unless it may be replaced, or the copy cannot be written.
    """
    target = user_folder() / path.name
    if target.exists() and not overwrite:  # it was not there when the run began
        raise TrainingError(f"Another model called {path.stem} has come up meanwhile. This one is in {path}.")
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, part)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)  # half a model is none
        raise TrainingError(
            f"The model could not be copied to {target.parent} ({error.strerror}). It is in {path}; open it from there."
        ) from None
    return target


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
            open_still = not (folder / ANSWERED).exists() and not (user_folder() / path.name).exists()
            if verdict is not None and verdict.bad and open_still and not is_running(folder):
                found.append((path.stat().st_mtime, Undecided(folder, path, verdict)))
        except (SRError, OSError):
            continue
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]
