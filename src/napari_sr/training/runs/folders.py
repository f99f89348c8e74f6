"""The folders of training runs that the viewer starts: where they are, and which were not finished."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from napari_sr.errors import SRError, TrainingError
from napari_sr.models.store import user_path
from napari_sr.paths import reason
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.checkpoints import checkpoint_step

#: environment variable that moves the folder of the runs
ENVIRONMENT = "NAPARI_SR_RUNS"
#: file that tells other processes that a run is at work
LOCK = ".at-work"


@dataclass(frozen=True)
class EarlierRun:
    """A run that was not finished.

    Attributes
    ----------
    folder
        With ``config.yaml`` and ``last.ckpt``.
    config
        Its settings.
    step
        At which it is resumed: that of its checkpoint.
    problem
        Why it cannot be resumed; empty if it can.
    """

    folder: Path
    config: TrainConfig
    step: int
    problem: str = ""


def runs_folder() -> Path:
    """Return the folder of the runs (it may not exist yet); ``NAPARI_SR_RUNS`` moves it."""
    moved = os.environ.get(ENVIRONMENT)
    return Path(moved) if moved else Path(platformdirs.user_data_dir("napari-sr")) / "runs"


def is_finished(folder: Path, name: str) -> bool:
    """Return True if the run in ``folder`` came to its end: its model was measured, or is in the user's list."""
    return (folder / "report.html").exists() or user_path(name).exists()


def at_work(folder: Path) -> FileLock:
    """Return what a process holds while it trains in ``folder``; the system takes it back when the process ends."""
    return FileLock(folder / LOCK)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make the folder of a run and keep other processes out of it; one that has come to nothing is taken away.

    Raises
    ------
    TrainingError
        If another process trains there, or the folder cannot be written.
    """
    lock, fresh = at_work(folder), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise TrainingError(f"Another training is at work in {folder}. Wait for it, or choose another one.") from None
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written: {reason(error)}.") from None
    try:
        yield
    finally:
        lock.release()
        if fresh and {path.name for path in folder.iterdir()} <= {LOCK}:
            shutil.rmtree(folder, ignore_errors=True)


def check_folder(config: TrainConfig, folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise :class:`TrainingError` if the run cannot go on, or would replace another one."""
    checkpoint, model = folder / "last.ckpt", folder / f"{config.name}.safetensors"
    if resume and not checkpoint.exists():
        raise TrainingError(f"There is nothing to resume in {folder}: last.ckpt is missing.")
    if resume and (folder / "config.yaml").exists():
        planned = TrainConfig.read(folder / "config.yaml").steps
        if planned != config.steps:
            raise TrainingError(
                f"steps: this run was planned for {planned} steps, and its learning rate follows from that. Resume it "
                f"with {planned}, or start another run from its model (start_from)."
            )
    if resume or overwrite:
        return
    if checkpoint.exists():
        raise TrainingError(
            f"{folder} holds an earlier run. Go on with it (--resume), choose another folder, "
            "or allow it to be replaced (--overwrite)."
        )
    if model.exists():
        raise TrainingError(
            f"{folder} holds {model.name} already. Choose another folder, or allow it to be replaced (--overwrite)."
        )


def is_running(folder: Path) -> bool:
    """Return True if a process, this one or another, is training in ``folder``."""
    try:
        with at_work(folder).acquire(timeout=0):
            return False
    except Timeout:
        return True


def unfinished_runs() -> list[EarlierRun]:
    """Return the runs that were stopped or killed, the latest first; folders that hold none are passed over.

    One whose checkpoint is damaged is among them, and says so: whoever looks for it should not have to guess.
    """
    found = []
    for checkpoint in runs_folder().glob("*/last.ckpt"):
        try:
            run = _unfinished(checkpoint)
        except (SRError, OSError, ValueError):
            continue
        if run is not None:
            found.append((checkpoint.stat().st_mtime, run))
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _unfinished(checkpoint: Path) -> EarlierRun | None:
    """Return the run that a checkpoint is of; None if it is at work, or finished."""
    folder = checkpoint.parent
    config = TrainConfig.read(folder / "config.yaml")
    if is_running(folder) or is_finished(folder, config.name):
        return None
    try:
        return EarlierRun(folder, config, checkpoint_step(checkpoint))
    except TrainingError as error:
        return EarlierRun(folder, config, 0, f"{error} Delete that folder to take the run off this list.")


def command_line(folder: Path, output: str = "again") -> str:
    """Return the shell command that repeats the run in ``folder``."""
    words = ["napari-sr", "train", str(folder / "config.yaml"), "-o", output]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
