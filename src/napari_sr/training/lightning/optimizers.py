"""Optimisers and learning-rate schedules, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim import lr_scheduler as schedulers

from napari_sr.registry import Registry

#: (parameters, learning rate, betas) -> optimiser
OptimizerMaker = Callable[[Iterable[nn.Parameter], float, tuple[float, float]], Optimizer]
#: (optimiser, learning rate, steps) -> schedule
ScheduleMaker = Callable[[Optimizer, float, int], Any]

OPTIMIZERS: Registry[OptimizerMaker] = Registry(kind="optimizer")
SCHEDULES: Registry[ScheduleMaker] = Registry(kind="schedule")

OPTIMIZERS.register("adam", title="Adam")(lambda p, rate, betas: torch.optim.Adam(p, lr=rate, betas=betas))
OPTIMIZERS.register("amsgrad", title="Adam with AMSGrad")(
    lambda p, rate, betas: torch.optim.Adam(p, lr=rate, betas=betas, amsgrad=True)
)
OPTIMIZERS.register("adamw", title="AdamW")(lambda p, rate, betas: torch.optim.AdamW(p, lr=rate, betas=betas))
OPTIMIZERS.register("rmsprop", title="RMSprop")(lambda p, rate, betas: torch.optim.RMSprop(p, lr=rate, alpha=betas[1]))

#: share of the run after which a stepwise schedule lowers the rate
MILESTONES = (0.5, 0.75, 0.9)
#: number of times that the rate is halved over a run, as 003 does each epoch
HALVINGS = 6

SCHEDULES.register("constant", title="constant")(
    lambda optimizer, rate, steps: schedulers.ConstantLR(optimizer, factor=1.0)
)
SCHEDULES.register("one-cycle", title="one cycle (up, then down)", reference="Smith 2018, arXiv:1708.07120")(
    # one more than the steps, since the schedule is advanced after the last step too; the moments stay what they are,
    # since cycling them would undo the (0.5, 0.9) of WGAN-GP
    lambda optimizer, rate, steps: schedulers.OneCycleLR(
        optimizer, max_lr=rate, total_steps=steps + 1, cycle_momentum=False
    )
)
SCHEDULES.register("cosine", title="cosine", reference="Loshchilov & Hutter 2017, arXiv:1608.03983")(
    lambda optimizer, rate, steps: schedulers.CosineAnnealingLR(optimizer, T_max=steps, eta_min=rate / 1000)
)
SCHEDULES.register("multi-step", title="halved at 50, 75 and 90 % of the run")(
    lambda optimizer, rate, steps: schedulers.MultiStepLR(
        optimizer, milestones=sorted({max(1, round(share * steps)) for share in MILESTONES}), gamma=0.5
    )
)
SCHEDULES.register("halving", title="halved six times, at equal distances")(
    lambda optimizer, rate, steps: schedulers.StepLR(
        optimizer, step_size=max(1, -(-steps // (HALVINGS + 1))), gamma=0.5
    )
)
SCHEDULES.register("plateau", title="halved when validation stops getting better")(
    lambda optimizer, rate, steps: schedulers.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=3)
)


def make_optimizer(name: str, parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float]) -> Optimizer:
    """Build an optimiser over those parameters that are trained."""
    return OPTIMIZERS[name]([p for p in parameters if p.requires_grad], rate, betas)


def make_schedule(name: str, optimizer: Optimizer, rate: float, steps: int) -> Any:
    """Build a schedule over ``steps`` steps of its optimiser."""
    return SCHEDULES[name](optimizer, rate, steps)


def lower_rates(optimizer: Optimizer, schedule: Any, factor: float) -> None:
    """Multiply everything from which a schedule computes its rates by ``factor``."""
    for group in optimizer.param_groups:
        for key in ("lr", "initial_lr", "max_lr", "min_lr"):
            if key in group:
                group[key] *= factor
    if hasattr(schedule, "base_lrs"):
        schedule.base_lrs = [rate * factor for rate in schedule.base_lrs]
