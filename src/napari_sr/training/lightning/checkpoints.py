"""Checkpoints that are whole at any moment, and survive a move of their folder."""

from __future__ import annotations

import errno
import io
import os
import zlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from napari_sr.errors import TrainingError


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and puts it in its place when it is complete.

    Lightning writes to the system's temporary folder and moves the file from there. On another file system that is a
    copy over the old checkpoint, and a process that is killed meanwhile leaves neither.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        content = io.BytesIO()
        torch.save(checkpoint, content)
        try:
            with part.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except OSError:
            part.unlink(missing_ok=True)
            raise


class Keeper(ModelCheckpoint):
    """Lightning's checkpoint callback, which on resuming looks for its files where they are now.

    Lightning stores whole paths and forgets the best score when the folder's name has changed; the next
    validation would then replace a better ``best.ckpt``.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def here(path: Any) -> str:
            return str(Path(str(self.dirpath)) / Path(str(path)).name) if path else ""

        moved = {
            name: here(state_dict.get(name)) for name in ("best_model_path", "last_model_path", "kth_best_model_path")
        }
        best = {here(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath})


def saved(checkpoint: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Return what a checkpoint of ours holds; raises :class:`TrainingError` if it is not whole.

    ``mapped``: tensors stay in the file until they are looked at.
    """
    try:
        content: dict[str, Any] = torch.load(checkpoint, weights_only=False, map_location="cpu", mmap=mapped)
    except (EOFError, RuntimeError, ValueError, KeyError, OSError, UnpicklingError, zlib.error, BadZipFile) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a seek beyond the end of half a file
            raise
        raise TrainingError(
            f"{checkpoint.name} in {checkpoint.parent} is damaged, or not whole ({type(error).__name__}). The run "
            "cannot go on from it; the model that it wrote last may be there, to start another run from."
        ) from error
    return content


def checkpoint_step(checkpoint: Path) -> int:
    """Return the step that a run goes on from; raises :class:`TrainingError` if the file is not whole."""
    return int(saved(checkpoint, mapped=True)["global_step"])
