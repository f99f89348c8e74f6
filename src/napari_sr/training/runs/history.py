"""The curves of a run, one line a report, in ``history.csv`` beside its checkpoints."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_sr.errors import TrainingError
from napari_sr.training.progress import CRITIC_CURVES, TrainProgress

FILE = "history.csv"
FIGURES = ("seconds", "train_loss", "val_loss", "val_psnr", "val_bicubic", "val_ssim", "val_bicubic_ssim")
COLUMNS = ("step", *FIGURES, *CRITIC_CURVES)


class History:
    """Writes the curves of a run.

    Parameters
    ----------
    folder
        Of the run.
    from_step
        Step that the run goes on from; what an earlier part reported after it never came to be, and is dropped.
    """

    def __init__(self, folder: Path, *, from_step: int = 0) -> None:
        self.path = folder / FILE
        kept = self.rewind(from_step)
        #: duration of the earlier parts
        self.seconds = kept[-1].seconds if kept else 0.0

    def rewind(self, step: int) -> Sequence[TrainProgress]:
        """Drop what was reported after ``step``, and return the rest."""
        kept = [p for p in read_history(self.path.parent, steps=0) if 0 < p.step <= step]
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_row(p) for p in kept)
        new.replace(self.path)  # whole or not at all
        return kept

    def add(self, progress: TrainProgress) -> None:
        """Append one report."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(_row(progress))


def _row(progress: TrainProgress) -> list[str]:
    figures: list[float | None] = [getattr(progress, name) for name in FIGURES]
    figures += [progress.losses.get(name) for name in CRITIC_CURVES]
    return [str(progress.step), *("" if value is None else f"{value:.7g}" for value in figures)]


def read_history(folder: Path, *, steps: int) -> Sequence[TrainProgress]:
    """Return the reports of a run of ``steps`` steps; none if it has not reported yet.

    Raises
    ------
    TrainingError
        If the file is not a history.
    """
    path = folder / FILE
    if not path.exists():
        return []
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line.replace("\0", "") for line in file)
        if rows.fieldnames is not None and list(rows.fieldnames) != list(COLUMNS):
            raise TrainingError(f"{path} is not the history of a run.")
        for row in rows:
            if None in row.values():  # fewer columns than there are
                continue
            try:
                values: dict[str, Any] = {n: float(row[n]) if row[n] else None for n in (*FIGURES, *CRITIC_CURVES)}
                step = int(row["step"])
            except (TypeError, ValueError):  # the process was killed, or lost its power, while it wrote this line
                continue
            losses = {name: value for name in CRITIC_CURVES if (value := values.pop(name)) is not None}
            seconds, loss = values.pop("seconds") or 0.0, values.pop("train_loss")
            found.append(
                TrainProgress(step, steps, seconds, float("nan") if loss is None else loss, losses=losses, **values)
            )
    return found
