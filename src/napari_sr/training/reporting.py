"""What a run tells while it trains, and how it is asked to stop."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only

from napari_sr.errors import TrainingError
from napari_sr.training.config import TrainConfig
from napari_sr.training.module import NonFiniteLoss

#: workers would be processes, which a viewer cannot start; frozen losses are in eval mode because they must be; the
#: others are between Lightning and torch
QUIET = (
    ".*does not have many workers",
    ".*in eval mode at the start",
    ".*LeafSpec",
    ".*Checkpoint directory .* exists",
)
#: share of a run after which a network should have left bicubic behind
WARM_UP = 0.3
#: and at least so many steps: some networks start almost constant
WARM_UP_STEPS = 200
#: standard deviation of the output, as a share of the truth's, below which it counts as constant
CONSTANT = 0.05
#: weight of the past in the smoothed PSNR that early stopping looks at
SMOOTHING = 0.6


@dataclass(frozen=True)
class TrainProgress:
    """One look at a run: how far, the last losses, and the fidelity beside bicubic's.

    Attributes
    ----------
    step, steps, seconds
        How far.
    train_loss
        The generator's loss.
    val_psnr, val_bicubic
        On the validation images, in dB; None between validations.
    losses
        Of an adversarial training: ``adversarial_loss``, ``critic_loss``, ``gradient_penalty``.
    note
        A sentence on something that went wrong; empty as a rule.
    """

    step: int
    steps: int
    seconds: float
    train_loss: float
    val_psnr: float | None = None
    val_bicubic: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


class Reporter(Callback):
    """Hands progress to the caller, stops when asked, after every batch, and notices a run that goes wrong.

    Parameters
    ----------
    config
        Of the run.
    every
        Steps between reports.
    on_event, should_stop
        The caller's.
    """

    def __init__(
        self,
        *,
        config: TrainConfig,
        every: int,
        on_event: Callable[[TrainProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.config, self.every = config, every
        self.on_event = on_event if is_main_process() else _ignore
        self.should_stop = should_stop
        self.start = time.monotonic()
        self.stopped = False
        self.smoothed: float | None = None
        self.best = -np.inf
        self.without = 0
        self.warned = False

    def say(self, step: int, note: str) -> None:
        """Report a sentence."""
        seconds = time.monotonic() - self.start
        self.on_event(TrainProgress(step, self.config.steps, seconds, float("nan"), note=note))

    def _report(self, trainer: L.Trainer, *, validated: bool, note: str = "") -> None:
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
        self.on_event(
            TrainProgress(
                step=trainer.global_step,
                steps=self.config.steps,
                seconds=time.monotonic() - self.start,
                train_loss=metrics.get("train_loss", float("nan")),
                val_psnr=metrics["val_psnr"] if validated else None,
                val_bicubic=metrics["val_bicubic"] if validated else None,
                losses={k: metrics[k] for k in ("adversarial_loss", "critic_loss", "gradient_penalty") if k in metrics},
                note=note,
            )
        )

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        if trainer.global_step % self.every == 0:
            self._report(trainer, validated=False)
        stop = self.should_stop()
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(bool(stop), all=False)
        if stop:
            self.stopped = True
            trainer.should_stop = True

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        psnr = float(trainer.callback_metrics["val_psnr"])
        if not np.isfinite(psnr):  # before the checkpoint is written, which would keep the broken weights
            raise NonFiniteLoss(trainer.global_step)
        self._report(trainer, validated=True, note=self._collapse(trainer, psnr))
        if self.config.patience and self._no_better(psnr):
            self.say(trainer.global_step, f"Ended early: no better for {self.config.patience} validations.")
            trainer.should_stop = True

    def _collapse(self, trainer: L.Trainer, psnr: float) -> str:
        """Return a warning about a network that has learnt nothing; raises if its output is one colour."""
        if trainer.global_step < max(WARM_UP * self.config.steps, WARM_UP_STEPS):
            return ""
        if float(trainer.callback_metrics["val_contrast"]) < CONSTANT:
            raise TrainingError(
                f"The network paints every image in one colour (step {trainer.global_step}): it has collapsed. "
                f"Start again with a lower learning rate than {self.config.learning_rate:g}, or larger batches."
            )
        if (
            psnr < float(trainer.callback_metrics["val_bicubic"])
            and self.config.adversarial is None
            and not self.warned
        ):
            self.warned = True
            return (
                "The network is still worse than bicubic interpolation. A lower learning rate, a longer run, or "
                "images more like the validation images may help."
            )
        return ""

    def _no_better(self, psnr: float) -> bool:
        before = psnr if self.smoothed is None else self.smoothed
        self.smoothed = SMOOTHING * before + (1 - SMOOTHING) * psnr
        self.without = 0 if self.smoothed > self.best else self.without + 1
        self.best = max(self.best, self.smoothed)
        return self.without >= self.config.patience


def _ignore(event: TrainProgress) -> None:
    """Say nothing: the first process does."""


def is_main_process() -> bool:
    """Return True unless this is one of several processes that share a training, and not the first."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's hardware lines, tips, and advice that cannot be followed inside a viewer."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in QUIET:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)
