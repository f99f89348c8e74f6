"""The folders of training runs that the viewer starts: where they are, and which were not finished."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from napari_sr.errors import SRError
from napari_sr.store import user_folder
from napari_sr.training.config import TrainConfig
from napari_sr.training.history import FILE, read_history

#: environment variable that moves the folder of the runs
ENVIRONMENT = "NAPARI_SR_RUNS"
#: seconds without a report after which a run was killed
SILENCE = 60.0


@dataclass(frozen=True)
class Run:
    """A run that can be resumed.

    Attributes
    ----------
    folder
        With ``config.yaml`` and ``last.ckpt``.
    config
        Its settings.
    step
        That it reported last.
    """

    folder: Path
    config: TrainConfig
    step: int


def runs_folder() -> Path:
    """Return the folder of the runs (it may not exist yet); ``NAPARI_SR_RUNS`` moves it."""
    moved = os.environ.get(ENVIRONMENT)
    return Path(moved) if moved else Path(platformdirs.user_data_dir("napari-sr")) / "runs"


def is_finished(folder: Path, name: str) -> bool:
    """Return True if the run in ``folder`` came to its end: its model was measured, or is in the user's list."""
    return (folder / "report.html").exists() or (user_folder() / f"{name}.safetensors").exists()


def is_running(folder: Path) -> bool:
    """Return True if a process, this one or another, seems to be at work in ``folder``.

    A run that was stopped wrote its checkpoint last; one that was killed has not reported for a while.
    """
    history, checkpoint = (folder / name for name in (FILE, "last.ckpt"))
    if not history.exists():
        return False
    reported = history.stat().st_mtime
    return reported > checkpoint.stat().st_mtime and time.time() - reported < SILENCE


def unfinished_runs() -> list[Run]:
    """Return the runs that were stopped or killed, the latest first; folders that hold none are passed over."""
    found = []
    for checkpoint in runs_folder().glob("*/last.ckpt"):
        folder = checkpoint.parent
        try:
            config = TrainConfig.read(folder / "config.yaml")
            history = read_history(folder, steps=config.steps)
            running = is_running(folder)
        except (SRError, OSError, ValueError, csv.Error):
            continue
        if not running and not is_finished(folder, config.name):
            found.append((checkpoint.stat().st_mtime, Run(folder, config, history[-1].step if history else 0)))
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]


def command_line(folder: Path, output: str = "again") -> str:
    """Return the shell command that repeats the run in ``folder``."""
    words = ["napari-sr", "train", str(folder / "config.yaml"), "-o", output]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
