"""How a run is stopped, paused, and saved on its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from napari_sr.errors import Cancelled
from napari_sr.training.lightning.clock import Clock
from napari_sr.training.lightning.machine import any_process

#: seconds after which a run is saved that has not come to a validation
SAVE_SECONDS = 300.0


class StoppedInValidation(Exception):
    """The run was asked to stop while it was validated; its state was saved."""


class Stopping(Callback):
    """Asks after every batch whether to stop, and saves the state every few minutes.

    Parameters
    ----------
    should_stop
        The caller's; while it does not return, the run is paused.
    clock
        Does not count pauses.

    Attributes
    ----------
    checkpoint
        Where the state is saved between validations; nowhere if None.
    stopped
        The run was asked to stop; its state is saved.
    """

    def __init__(self, *, should_stop: Callable[[], bool], clock: Clock) -> None:
        self.should_stop, self.clock = should_stop, clock
        self.checkpoint: Path | None = None
        self.stopped = False
        self._saved = time.monotonic()

    def asked(self) -> bool:
        """Ask the caller, who may take his time: that is how a run is paused."""
        with self.clock.pause():
            return self.should_stop()

    def check(self) -> None:
        """Raise :class:`Cancelled` if the run shall stop before it has begun."""
        if self.asked():
            raise Cancelled("Stopped before the first step.")

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        due = time.monotonic() - self._saved > SAVE_SECONDS
        if self.checkpoint is not None and any_process(trainer, due):
            trainer.save_checkpoint(self.checkpoint)
            self._saved = time.monotonic()
        if any_process(trainer, self.asked()):
            self.stopped = True
            trainer.should_stop = True
            trainer.limit_val_batches = 0  # Lightning would validate once more, which takes long with large networks

    def on_validation_batch_end(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        # several processes have to go on together
        if trainer.world_size == 1 and trainer.state.fn == "fit" and self.asked():
            if self.checkpoint is not None:
                trainer.save_checkpoint(self.checkpoint)
            self.stopped = True
            raise StoppedInValidation

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._saved = time.monotonic()  # Lightning saves after every validation
