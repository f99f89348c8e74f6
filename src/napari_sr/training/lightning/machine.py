"""What a training runs on: its devices, the processes that share it, and those that prepare its patches."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only

from napari_sr.errors import TrainingError
from napari_sr.inference.device import available_devices


@dataclass(frozen=True)
class Machine:
    """The devices of a run.

    Attributes
    ----------
    accelerator
        Lightning's name of their kind.
    devices, num_nodes
        Devices a machine, and machines.
    workers
        Processes that prepare patches beside the one that trains.
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    workers: int = 0

    @property
    def world_size(self) -> int:
        """Devices in all."""
        return self.devices * self.num_nodes

    def check(self, batch_size: int) -> None:
        """Raise :class:`TrainingError` if there are no such devices, or they cannot share a batch."""
        there = {name.partition(":")[0] for name in available_devices()}
        known = ["auto", *sorted(there), *(["gpu"] if there - {"cpu"} else [])]
        if self.accelerator not in known:
            raise TrainingError(f"device: {self.accelerator!r} is not available here; use one of: {', '.join(known)}.")
        if batch_size % self.world_size:
            raise TrainingError(f"batch_size: {batch_size} patches cannot be shared by {self.world_size} devices.")


def is_main_process() -> bool:
    """Return True unless this is one of several processes that share a training, and not the first."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


def any_process(trainer: L.Trainer, answer: bool) -> bool:
    """Return True if any of the processes that share a training says so."""
    if trainer.world_size > 1:
        return bool(trainer.strategy.reduce_boolean_decision(answer, all=False))
    return answer


def usual_workers(device: str) -> int:
    """Return how many processes should prepare patches for a training on ``device``.

    A GPU waits for a single one: of the 51 steps a second that an H200 makes of ``wgan-gp`` with 16 patches, 25 are
    left with patches prepared in between, and 49 with eight processes. Systems that cannot copy a process start a new
    one each time, which takes longer than a short training.
    """
    on_gpu = device.startswith(("cuda", "gpu")) or (device == "auto" and torch.cuda.is_available())
    return min(8, (os.cpu_count() or 1) // 2) if on_gpu and sys.platform == "linux" else 0
