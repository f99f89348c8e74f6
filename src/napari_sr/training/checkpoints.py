"""Checkpoints that survive a move of their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


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
