"""The folders of training runs that the viewer starts: where they are, and which were not finished."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from napari_sr.errors import SRError
from napari_sr.training.config import TrainConfig
from napari_sr.training.history import read_history

#: environment variable that moves the folder of the runs
ENVIRONMENT = "NAPARI_SR_RUNS"


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
    """Return True if the run in ``folder`` came to its end: then its model is there."""
    return (folder / f"{name}.safetensors").exists()


def unfinished_runs() -> list[Run]:
    """Return the runs that were stopped or killed, the latest first; folders that hold none are passed over."""
    found = []
    for checkpoint in runs_folder().glob("*/last.ckpt"):
        folder = checkpoint.parent
        try:
            config = TrainConfig.read(folder / "config.yaml")
            history = read_history(folder, steps=config.steps)
        except SRError:
            continue
        if not is_finished(folder, config.name):
            found.append((checkpoint.stat().st_mtime, Run(folder, config, history[-1].step if history else 0)))
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]


def command_line(folder: Path, output: str = "again") -> str:
    """Return the shell command that repeats the run in ``folder``."""
    return f"napari-sr train {shlex.quote(str(folder / 'config.yaml'))} -o {shlex.quote(output)}"
