"""The folders of training runs that the viewer starts: where they are, and which were not finished."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from napari_sr.errors import SRError
from napari_sr.models.store import user_folder
from napari_sr.training.config import TrainConfig
from napari_sr.training.runs.history import read_history

#: environment variable that moves the folder of the runs
ENVIRONMENT = "NAPARI_SR_RUNS"
#: file that tells other processes that a run is at work
LOCK = ".at-work"


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


def at_work(folder: Path) -> FileLock:
    """Return what a process holds while it trains in ``folder``; the system takes it back when the process ends."""
    return FileLock(folder / LOCK)


def is_running(folder: Path) -> bool:
    """Return True if a process, this one or another, is training in ``folder``."""
    try:
        with at_work(folder).acquire(timeout=0):
            return False
    except Timeout:
        return True


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
