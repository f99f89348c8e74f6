"""What a run tells while it trains, and how it is asked to stop."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only

from napari_sr.errors import Cancelled, TrainingError
from napari_sr.networks import SRNetwork
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.module import NonFiniteLoss, SRModule
from napari_sr.training.progress import RIVAL_LOSSES, TrainProgress
from napari_sr.training.runs.history import History

#: workers would be processes, which a viewer cannot start; frozen losses are in eval mode because they must be; the
#: others are between Lightning and torch
QUIET = (
    ".*does not have many workers",
    ".*in eval mode at the start",
    ".*LeafSpec",
    ".*have no `val_dataloader`",
    ".*Checkpoint directory .* exists",
    ".*GPU available but not used",  # the user said so
    r".*`lr_scheduler.step\(\)` before `optimizer.step\(\)`",  # mixed fp16 leaves out first steps that overflow
)
#: share of a run after which a network should have left bicubic behind
WARM_UP = 0.3
#: and at least so many steps: some networks start almost constant
WARM_UP_STEPS = 200
#: standard deviation of the output, as a share of the truth's, below which it counts as constant
CONSTANT = 0.05
#: at most so many reports a run come at equal distances,
REPORTS = 400
#: which are at most so many steps,
LONGEST_REPORT = 20
#: and others when that takes longer than this
REPORT_SECONDS = 1.0
#: seconds after which a run is saved that has not come to a validation
SAVE_SECONDS = 300.0
#: seconds between pictures of the network's progress; and at least so many times as long as one takes
SHOW_SECONDS, SHOW_SHARE = 8.0, 20
#: what a validation measures
VALIDATED = ("val_loss", "val_psnr", "val_bicubic", "val_ssim", "val_bicubic_ssim")
#: weight of the past in the smoothed PSNR that early stopping looks at
SMOOTHING = 0.6


class StoppedInValidation(Exception):
    """The run was asked to stop while it was validated; its state was saved."""


class Reporter(Callback):
    """Hands progress to the caller, stops when asked, after every batch, and notices a run that goes wrong.

    Parameters
    ----------
    config
        Of the run.
    on_event, should_stop
        The caller's. The time that ``should_stop`` takes is a pause, and not counted.
    on_network
        Called now and then, and after every validation, with the network as it is: for pictures of the progress.

    Attributes
    ----------
    checkpoint
        Where the state is saved between validations; nowhere if None.
    stopped
        The run was asked to stop, and its state was saved.
    """

    def __init__(
        self,
        *,
        config: TrainConfig,
        on_event: Callable[[TrainProgress], None],
        should_stop: Callable[[], bool],
        on_network: Callable[[SRNetwork], None] | None = None,
    ) -> None:
        self.config = config
        self.every = min(LONGEST_REPORT, max(1, config.steps // REPORTS))
        self.on_event = on_event if is_main_process() else _ignore
        self.should_stop = should_stop
        self.on_network = on_network if is_main_process() else None
        self.history: History | None = None
        self.start = time.monotonic()
        self.paused = 0.0
        self.stopped = False
        self.checkpoint: Path | None = None
        self.smoothed: float | None = None
        self.best = -np.inf
        self.without = 0
        self.warned = False
        self.steps = 0  # that were done
        self._began: tuple[int, float] | None = None  # step and time of the first batch of this part
        self._reported = self._shown = 0.0
        self._saved = time.monotonic()

    def seconds(self) -> float:
        """Return how long the run has lasted, without pauses."""
        return time.monotonic() - self.start - self.paused

    def total(self) -> float:
        """Return how long the run has lasted, with the parts before it was resumed."""
        return self.seconds() + (self.history.seconds if self.history is not None else 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Return what early stopping has to know after a resume."""
        return {"smoothed": self.smoothed, "best": float(self.best), "without": self.without, "warned": self.warned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def say(self, step: int, note: str = "", *, stage: str = "") -> None:
        """Report a sentence."""
        self.on_event(TrainProgress(step, self.config.steps, self.seconds(), note=note, stage=stage))

    def stop_asked(self) -> bool:
        """Ask the caller, who may take his time: that is how a run is paused."""
        asked = time.monotonic()
        stop = self.should_stop()
        self.paused += time.monotonic() - asked
        return stop

    def check_stop(self) -> None:
        """Raise :class:`Cancelled` if the run shall stop before it has begun."""
        if self.stop_asked():
            raise Cancelled("Stopped before the first step.")

    def _report(self, trainer: L.Trainer, *, validated: bool, note: str = "") -> None:
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
        step, seconds = trainer.global_step, self.seconds()
        remaining = None
        if self._began is not None and step > self._began[0]:
            remaining = (seconds - self._began[1]) / (step - self._began[0]) * (self.config.steps - step)
        progress = TrainProgress(
            step=step, steps=self.config.steps, seconds=self.total(),
            train_loss=metrics.get("train_loss", float("nan")), remaining=remaining,
            losses={k: metrics[k] for k in RIVAL_LOSSES if k in metrics}, note=note,
        )  # fmt: skip
        if validated:
            measured: dict[str, Any] = {name: metrics[name] for name in VALIDATED}
            progress = replace(progress, **measured)
        if self.history is not None and is_main_process():
            self.history.add(progress)
        self._reported = time.monotonic()
        self.on_event(progress)

    def _show(self, module: SRModule) -> None:
        """Let the caller make a picture of what the network does now."""
        if self.on_network is None:
            return
        network = module.judged
        training, before = network.training, time.monotonic()
        network.eval()
        with torch.no_grad():  # not inference mode: what a network keeps for later must be usable in training
            self.on_network(network)
        network.train(training)
        took = time.monotonic() - before
        self._shown = time.monotonic() + max(SHOW_SECONDS, SHOW_SHARE * took)

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        if self._began is None:
            self._began = (trainer.global_step, self.seconds())

    @staticmethod
    def _any(trainer: L.Trainer, answer: bool) -> bool:
        """Return True if any of the processes says so."""
        if trainer.world_size > 1:
            return bool(trainer.strategy.reduce_boolean_decision(answer, all=False))
        return answer

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        self.steps = trainer.global_step
        if trainer.global_step % self.every == 0 or now - self._reported > REPORT_SECONDS:
            self._report(trainer, validated=False)
        if now > self._shown:
            self._show(pl_module)
        due = time.monotonic() - self._saved > SAVE_SECONDS
        if self.checkpoint is not None and self._any(trainer, due):
            trainer.save_checkpoint(self.checkpoint)
            self._saved = time.monotonic()
        if self._any(trainer, self.stop_asked()):
            self.stopped = True
            trainer.should_stop = True
            trainer.limit_val_batches = 0  # Lightning would validate once more, which takes long with large networks

    def on_validation_batch_end(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        # several processes have to go on together
        if trainer.world_size == 1 and trainer.state.fn == "fit" and self.stop_asked():
            if self.checkpoint is not None:
                trainer.save_checkpoint(self.checkpoint)
            self.stopped = True
            raise StoppedInValidation

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        psnr = float(trainer.callback_metrics["val_psnr"])
        if not np.isfinite(psnr):  # before the checkpoint is written, which would keep the broken weights
            raise NonFiniteLoss(trainer.global_step)
        self._saved = time.monotonic()  # Lightning saves after every validation
        self._report(trainer, validated=True, note=self._collapse(trainer, psnr))
        self._show(pl_module)
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
