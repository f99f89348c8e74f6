"""The end of the first phase of an adversarial training: the model with the pixel loss alone is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.module import SRModule


class EndOfPixelPhase(Callback):
    """Calls ``write`` with the module when the step comes at which the critic enters.

    Attributes
    ----------
    write
        Keeps the model; nothing is kept if None.
    """

    def __init__(self, *, config: TrainConfig) -> None:
        self.step = config.adversarial.pixel_steps if config.adversarial is not None else 0
        self.write: Callable[[SRModule], None] | None = None

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        due = self.step > 0 and trainer.global_step == self.step and trainer.is_global_zero
        if due and self.write is not None:
            assert isinstance(pl_module, SRModule)
            self.write(pl_module)
