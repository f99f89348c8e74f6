"""How long a training will take here: a few of its steps, measured."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_sr.losses.perceptual import OF_FEATURES, RANDOM
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.kinds import make_module
from napari_sr.training.lightning.precision import lightning_precision
from napari_sr.training.lightning.quiet import quiet_lightning
from napari_sr.training.recipes import OVERHEAD
from napari_sr.training.start import starting_network

#: seconds of steps after which a first estimate is given
FIRST = 1.0


class _Noise(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Pairs of patches of noise."""

    def __init__(self, *, lr_patch: int, scale: int, length: int, conditions: int) -> None:
        self.lr_patch, self.scale, self.length, self.conditions = lr_patch, scale, length, conditions

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        drawn = torch.Generator().manual_seed(item)
        side = self.lr_patch * self.scale
        hr = torch.rand(1, side, side, generator=drawn)
        return hr[:, :: self.scale, :: self.scale].clone(), hr, torch.zeros(self.conditions)


class _Clock(Callback):
    """Stops the run when enough of its steps were seen."""

    def __init__(
        self, *, cycle: int, seconds: float, should_stop: Callable[[], bool], on_estimate: Callable[[float], None]
    ) -> None:
        self.cycle, self.seconds, self.should_stop, self.on_estimate = cycle, seconds, should_stop, on_estimate
        self.estimated = False
        self.began: float | None = None
        self.ends: list[float] = []

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        self.began = self.began or time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any, **kwargs: Any) -> None:
        self.ends.append(time.monotonic())
        if len(self.ends) == 1 and self.began is not None and not self.should_stop():
            first = self.ends[0] - self.began
            if first > FIRST / 2:  # what is built once weighs little in a step that takes long
                self.on_estimate(first)
        done = len(self.ends) - 1  # the first step pays for what is built once
        lasted = self.ends[-1] - self.ends[0]
        if not self.estimated and done >= 1 and (done >= self.cycle or lasted > FIRST) and not self.should_stop():
            self.estimated = True
            self.on_estimate(lasted / done)
        enough = done >= self.cycle and done % self.cycle == 0 and lasted > self.seconds / 3
        if enough or (done >= 1 and lasted > self.seconds) or self.should_stop():
            trainer.should_stop = True

    def seconds_per_step(self) -> float | None:
        """Return the mean over whole cycles of generator and critic, as far as they were seen."""
        done = len(self.ends) - 1
        if done < 1:
            return None
        counted = done - done % self.cycle or done
        return (self.ends[counted] - self.ends[0]) / counted


def seconds_per_step(
    config: TrainConfig,
    *,
    seconds: float = 6.0,
    device: str = "auto",
    should_stop: Callable[[], bool] = lambda: False,
    on_estimate: Callable[[float], None] = lambda per_step: None,
) -> float | None:
    """Return the seconds a step of ``config`` takes on this computer, by doing some on noise.

    Parameters
    ----------
    config
        Of the run; its images are not read.
    seconds
        At most about so long is measured.
    device, should_stop
        As for :func:`napari_sr.training.fit`.
    on_estimate
        Called with a first figure as soon as there is one.

    Returns
    -------
    float or None
        None if it was stopped before a step was complete.
    """
    config = _without_downloads(config)
    config = replace(config, schedule="constant")  # others end with the run, and measuring may take more steps
    adversarial = config.adversarial
    if adversarial is not None:  # what takes long is the phase with the critic
        config = replace(config, adversarial=replace(adversarial, pixel_steps=0), steps=max(config.steps, 2))
    cycle = 1 if adversarial is None else adversarial.cycle
    network = starting_network(config).network
    module = make_module(network, config)
    average = module.prepare_timing()
    clock = _Clock(
        cycle=cycle, seconds=seconds, should_stop=should_stop, on_estimate=lambda step: on_estimate(average * step)
    )
    noise = _Noise(
        lr_patch=config.lr_patch, scale=config.scale, length=config.batch_size * 10_000,
        conditions=len(network.conditions),
    )  # fmt: skip
    with quiet_lightning(), tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            accelerator=device, devices=1, precision=lightning_precision(config.precision, device), max_steps=10_000,
            logger=False, callbacks=[clock], enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=False, limit_val_batches=0, default_root_dir=folder,
        )  # fmt: skip
        trainer.fit(module, DataLoader(noise, batch_size=config.batch_size, num_workers=0))
    measured = clock.seconds_per_step()
    return None if measured is None else average * measured


def _without_downloads(config: TrainConfig) -> TrainConfig:
    """Return the configuration with random weights in the losses that compare features: they take as long."""
    used = OF_FEATURES & set(config.extra_losses)
    options = {name: {**config.extra_options.get(name, {}), "weights": RANDOM} for name in used}
    changed = replace(config, extra_options={**config.extra_options, **options})
    if config.loss in OF_FEATURES:
        changed = replace(changed, loss_options={**config.loss_options, "weights": RANDOM})
    return changed


def expected_seconds(config: TrainConfig, per_step: float) -> float:
    """Return how long a run of ``config`` will take at ``per_step`` seconds a step."""
    return OVERHEAD * per_step * config.steps
