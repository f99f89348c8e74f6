"""What a run tells while it trains, and how it is asked to stop."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.callbacks import Callback

from napari_sr.errors import TrainingError


@dataclass(frozen=True)
class TrainProgress:
    """One look at a run: how far, the last losses, and the fidelity beside bicubic's."""

    step: int
    steps: int
    seconds: float
    train_loss: float
    val_psnr: float | None = None
    val_bicubic: float | None = None


class Reporter(Callback):
    """Hands progress to the caller and stops when asked, after every batch."""

    def __init__(
        self,
        *,
        steps: int,
        every: int,
        on_event: Callable[[TrainProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.steps, self.every = steps, every
        self.on_event, self.should_stop = on_event, should_stop
        self.start = time.monotonic()
        self.stopped = False

    def _report(self, trainer: L.Trainer, *, validated: bool) -> None:
        metrics = trainer.callback_metrics
        loss = float(metrics["train_loss"]) if "train_loss" in metrics else float("nan")
        if not validated and not np.isfinite(loss):
            raise TrainingError(
                f"The loss is no longer a number at step {trainer.global_step}. Lower the learning rate."
            )
        self.on_event(
            TrainProgress(
                step=trainer.global_step,
                steps=self.steps,
                seconds=time.monotonic() - self.start,
                train_loss=loss,
                val_psnr=float(metrics["val_psnr"]) if validated else None,
                val_bicubic=float(metrics["val_bicubic"]) if validated else None,
            )
        )

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step % self.every == 0:
            self._report(trainer, validated=False)
        if self.should_stop():
            self.stopped = True
            trainer.should_stop = True

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._report(trainer, validated=True)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's hardware lines, tips, and advice that cannot be followed inside a viewer."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # workers would be processes, which a viewer cannot start; the other two are between Lightning and torch
            for message in (".*does not have many workers", ".*LeafSpec", ".*Checkpoint directory .* exists"):
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)
