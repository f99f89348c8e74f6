"""What a run tells while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from napari_sr.networks import SRNetwork
from napari_sr.training.lightning.clock import Clock
from napari_sr.training.lightning.machine import is_main_process
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.progress import CRITIC_CURVES, TrainProgress
from napari_sr.training.runs.history import History

#: at most so many reports a run come at equal distances,
REPORTS = 400
#: which are at most so many steps,
LONGEST_REPORT = 20
#: and others when that takes longer than this
REPORT_SECONDS = 1.0
#: seconds between pictures of the network's progress; and at least so many times as long as one takes
SHOW_SECONDS, SHOW_SHARE = 8.0, 20
#: what a validation measures
VALIDATED = ("val_loss", "val_psnr", "val_bicubic", "val_ssim", "val_bicubic_ssim")


class Telling(Callback):
    """Hands progress to the caller, and to the history of the run.

    Parameters
    ----------
    steps
        Of the run.
    clock
        Of the run.
    on_event
        The caller's; called in the first process only.
    on_network
        Called now and then, and after every validation, with the network as it is: for pictures of the progress.

    Attributes
    ----------
    done
        Steps that were done.
    history
        Where figures are kept; nowhere if None.
    """

    def __init__(
        self,
        *,
        steps: int,
        clock: Clock,
        on_event: Callable[[TrainProgress], None],
        on_network: Callable[[SRNetwork], None] | None = None,
    ) -> None:
        self.steps, self.clock = steps, clock
        self.every = min(LONGEST_REPORT, max(1, steps // REPORTS))
        self.on_event = on_event if is_main_process() else _ignore
        self.on_network = on_network if is_main_process() else None
        self.history: History | None = None
        self.done = 0
        self._began: tuple[int, float] | None = None  # step and time of the first batch of this part
        self._reported = self._shown = 0.0

    def say(self, step: int, note: str = "", *, stage: str = "") -> None:
        """Report a sentence."""
        self.on_event(TrainProgress(step, self.steps, self.clock.seconds(), note=note, stage=stage))

    def begin(self, history: History) -> None:
        """Take over the history of the run, with the time of its earlier parts."""
        self.history = history
        self.clock.earlier = history.seconds

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        if self._began is None:
            self._began = (trainer.global_step, self.clock.seconds())

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        self.done = trainer.global_step
        if trainer.global_step % self.every == 0 or now - self._reported > REPORT_SECONDS:
            self._report(trainer, validated=False)
        if now > self._shown:
            self._show(pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._report(trainer, validated=True)
            self._show(pl_module)

    def _report(self, trainer: L.Trainer, *, validated: bool) -> None:
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
        step, seconds = trainer.global_step, self.clock.seconds()
        remaining = None
        if self._began is not None and step > self._began[0]:
            remaining = (seconds - self._began[1]) / (step - self._began[0]) * (self.steps - step)
        progress = TrainProgress(
            step=step, steps=self.steps, seconds=self.clock.total(),
            train_loss=metrics.get("train_loss", float("nan")), remaining=remaining,
            losses={k: metrics[k] for k in CRITIC_CURVES if k in metrics},
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
        network = module.kept
        training, before = network.training, time.monotonic()
        network.eval()
        with torch.no_grad():  # not inference mode: what a network keeps for later must be usable in training
            self.on_network(network)
        network.train(training)
        took = time.monotonic() - before
        self._shown = time.monotonic() + max(SHOW_SECONDS, SHOW_SHARE * took)


def _ignore(event: TrainProgress) -> None:
    """Say nothing: the first process does."""
