"""Optimisers and learning-rate schedules, by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
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
# its own decay of 0.99, as torch and the theses have it: with Adam's 0.999, the first steps are three times as long
OPTIMIZERS.register("rmsprop", title="RMSprop")(lambda p, rate, betas: torch.optim.RMSprop(p, lr=rate))

#: share of the run after which a stepwise schedule lowers the rate
MILESTONES = (0.5, 0.75, 0.9)
#: likewise, of SwinIR
LATE = (0.5, 0.8, 0.9, 0.95)
#: number of times that the rate is halved over a run
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
SCHEDULES.register("tenth", title="a tenth after half of the run", reference="Ledig et al. 2017, arXiv:1609.04802")(
    lambda optimizer, rate, steps: schedulers.MultiStepLR(optimizer, milestones=[max(1, steps // 2)], gamma=0.1)
)
SCHEDULES.register("tenth-late", title="a tenth after 80 % of the run", reference="arXiv:1905.01164")(
    lambda optimizer, rate, steps: schedulers.MultiStepLR(optimizer, milestones=[max(1, steps * 4 // 5)], gamma=0.1)
)
SCHEDULES.register("halving", title="halved six times, at equal distances")(
    lambda optimizer, rate, steps: schedulers.StepLR(
        optimizer, step_size=max(1, -(-steps // (HALVINGS + 1))), gamma=0.5
    )
)
SCHEDULES.register("halving-50", title="halved after each of 50 epochs", reference="report on W2S ESRGAN, section 3.1")(
    lambda optimizer, rate, steps: schedulers.StepLR(optimizer, step_size=max(1, -(-steps // 50)), gamma=0.5)
)
SCHEDULES.register("halved-late", title="halved at 50, 80, 90 and 95 % of the run", reference="arXiv:2108.10257")(
    lambda optimizer, rate, steps: schedulers.MultiStepLR(
        optimizer, milestones=sorted({max(1, round(share * steps)) for share in LATE}), gamma=0.5
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


def make_phases(optimizer: Optimizer, rate: float, phases: Sequence[tuple[str, int]]) -> Any:
    """Build a schedule of phases, each of which begins anew at ``rate``.

    Parameters
    ----------
    optimizer, rate
        Whose rate it sets; the highest one.
    phases
        Name in :data:`SCHEDULES` and steps of the optimiser; one without steps is left out. ``plateau``, which looks at
        what was reached, knows no phases: one in the last phase is that of the whole run.
    """
    left = [(name, steps) for name, steps in phases if steps > 0] or [(phases[-1][0], 1)]
    if len(left) == 1 or left[-1][0] == "plateau":
        return make_schedule(left[-1][0], optimizer, rate, sum(steps for _, steps in left))
    ends = list(itertools.accumulate(steps for _, steps in left))[:-1]
    group, parts, first = optimizer.param_groups[0], [], 0.0
    for name, steps in left:
        group.pop("initial_lr", None)  # every schedule takes the rate that it finds for its own
        group["lr"] = rate
        parts.append(make_schedule(name, optimizer, rate, steps))
        first = first or group["lr"]
    # one cycle reads at every step what it has put there; the others have read it already
    cycles = [part for part in parts if isinstance(part, schedulers.OneCycleLR)]
    group["initial_lr"] = cycles[0].base_lrs[0] if cycles else rate
    joined = schedulers.SequentialLR(optimizer, parts, milestones=ends)
    group["lr"] = first
    return joined


def lower_rates(optimizer: Optimizer, schedule: Any, factor: float) -> None:
    """Multiply everything from which a schedule computes its rates by ``factor``."""
    for group in optimizer.param_groups:
        for key in ("lr", "initial_lr", "max_lr", "min_lr"):
            if key in group:
                group[key] *= factor
    for one in (schedule, *getattr(schedule, "_schedulers", ())):  # the phases of one in several
        if hasattr(one, "base_lrs"):
            one.base_lrs = [rate * factor for rate in one.base_lrs]
