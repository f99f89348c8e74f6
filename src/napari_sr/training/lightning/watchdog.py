"""Notices a run that goes wrong, or no further."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from napari_sr.errors import TrainingError
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.module import NonFiniteLoss

#: share of a run after which a network should have left bicubic behind
WARM_UP = 0.3
#: and at least so many steps: some networks start almost constant
WARM_UP_STEPS = 200
#: standard deviation of the output, as a share of the truth's, below which it counts as constant
CONSTANT = 0.05
#: weight of the past in the smoothed PSNR that early stopping looks at
SMOOTHING = 0.6


class Watchdog(Callback):
    """Looks at every validation: stops a run that broke, collapsed, or gets no better, and warns of a weak one.

    Parameters
    ----------
    config
        Of the run.
    say
        Reports a sentence at a step.
    """

    def __init__(self, *, config: TrainConfig, say: Callable[[int, str], None]) -> None:
        self.config, self.say = config, say
        self.smoothed: float | None = None
        self.best = -math.inf
        self.without = 0
        self.warned = False

    @property
    def state_key(self) -> str:
        """Under which its state lies in a checkpoint, those of earlier versions included."""
        return "Reporter"

    def state_dict(self) -> dict[str, Any]:
        """Return what early stopping has to know after a resume."""
        return {"smoothed": self.smoothed, "best": float(self.best), "without": self.without, "warned": self.warned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        step, psnr = trainer.global_step, float(trainer.callback_metrics["val_psnr"])
        if not math.isfinite(psnr):  # before the checkpoint is written, which would keep the broken weights
            raise NonFiniteLoss(step)
        if step >= max(WARM_UP * self.config.steps, WARM_UP_STEPS):
            self._check_collapse(step, float(trainer.callback_metrics["val_contrast"]))
            self._warn(step, psnr, float(trainer.callback_metrics["val_bicubic"]))
        if self.config.patience and self._no_better(psnr, float(trainer.callback_metrics["val_loss"])):
            self.say(step, f"Ended early: no better for {self.config.patience} validations.")
            trainer.should_stop = True

    def _check_collapse(self, step: int, contrast: float) -> None:
        if contrast < CONSTANT:
            raise TrainingError(
                f"The network paints every image in one colour (step {step}): it has collapsed. "
                f"Start again with a lower learning rate than {self.config.learning_rate:g}, or larger batches."
            )

    def _warn(self, step: int, psnr: float, bicubic: float) -> None:
        if psnr < bicubic and self.config.adversarial is None and not self.warned:
            self.warned = True
            self.say(
                step,
                "The network is still worse than bicubic interpolation. A lower learning rate, a longer run, or "
                "images more like the validation images may help.",
            )

    def _no_better(self, psnr: float, loss: float) -> bool:
        if self.config.monitor == "loss":  # as Keras's EarlyStopping: not smoothed
            figure = -loss
        else:
            before = psnr if self.smoothed is None else self.smoothed
            figure = self.smoothed = SMOOTHING * before + (1 - SMOOTHING) * psnr
        self.without = 0 if figure > self.best else self.without + 1
        self.best = max(self.best, figure)
        return self.without >= self.config.patience
