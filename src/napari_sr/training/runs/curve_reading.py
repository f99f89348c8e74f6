"""The curves of a run in words: what they say of this run, not of curves in general."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.curves import curve, smoothed

Kind = Literal["early", "falling", "level", "rising", "overfitting", "noisy"]
#: validations from which a curve has a direction
ENOUGH = 3
#: share of its lowest value by which a validation loss counts as risen
RISEN = 0.02
#: share of its last value within which a validation loss counts as level
LEVEL = 0.01
#: share by which the training loss must rise for both to rise
BOTH = 1.05
#: share of the lowest value that a noisy loss jumps by from one validation to the next, and how many show it
JUMP, JUMPS = 0.03, 5
#: dB below which a difference is none
MARGIN = 0.02


@dataclass(frozen=True)
class Trend:
    """Which way the validation loss goes, and since which step."""

    kind: Kind
    since: int = 0


def trend(history: Sequence[TrainProgress]) -> Trend:
    """Return which way the validation loss of a run goes.

    ``noisy`` is a loss that jumps up and down all the time; ``overfitting`` one that rises while the training loss does
    not, ``rising`` one that rises with it; ``level`` one that has not moved by more than a hundredth in the last third.
    """
    steps, losses = curve(history, lambda p: p.val_loss)
    if len(losses) < ENOUGH:
        return Trend("early")
    low, last = min(losses), losses[-1]
    lowest = losses.index(low)
    changes = [b - a for a, b in pairwise(losses)]
    if len(changes) >= JUMPS and _is_noisy(changes, low):
        return Trend("noisy", steps[0])
    if len(losses) - lowest > 2 and min(losses[-2:]) > (1 + RISEN) * low:
        kind: Kind = "rising" if _training_rises(history, steps[lowest]) else "overfitting"
        return Trend(kind, steps[lowest])
    near = [abs(loss - last) <= LEVEL * abs(last) for loss in losses]
    first = len(near) - next((n for n, is_near in enumerate(reversed(near)) if not is_near), len(near))
    if len(near) - first >= max(ENOUGH, len(near) / 3):
        return Trend("level", steps[first])
    return Trend("falling", steps[0])


def _is_noisy(changes: Sequence[float], low: float) -> bool:
    """Return True if a loss turns around at more than half of its validations, by more than a little."""
    turns = sum(a * b < 0 for a, b in pairwise(changes))
    jump = sum(abs(change) for change in changes) / len(changes)
    return turns > (len(changes) - 1) / 2 and jump > JUMP * low


def _training_rises(history: Sequence[TrainProgress], since: int) -> bool:
    steps, losses = curve(history, lambda p: p.train_loss)
    smooth = smoothed(losses)
    before = [value for step, value in zip(steps, smooth, strict=True) if step <= since]
    return bool(before) and smooth[-1] > BOTH * before[-1]


def reading(history: Sequence[TrainProgress], *, critic: bool = False) -> str:
    """Return in one or two sentences what the curves of a run say.

    Parameters
    ----------
    history
        Its reports so far; the run is over if the last one is of its last step.
    critic
        The run is an adversarial one: a falling fidelity then is not a fault.
    """
    if not history:
        return ""
    first = _with_a_critic(history) if critic else _of_losses(history)
    return " ".join(part for part in (first, _beside_bicubic(history)) if part)


def _of_losses(history: Sequence[TrainProgress]) -> str:
    now, over = trend(history), history[-1].step >= history[-1].steps
    if now.kind == "early":
        return _too_early(history, over=over)
    if now.kind == "noisy":
        return (
            "The validation loss jumps up and down: a lower learning rate or more patches a step (batch size) would "
            "steady it."
        )
    if now.kind == "overfitting":
        return (
            f"The validation loss has risen since step {now.since}, the training loss has not: the model learns its "
            f"images by heart. {'Give it more images.' if over else 'Stop it, or give it more images.'}"
        )
    if now.kind == "rising":
        return f"Both losses have risen since step {now.since}: the learning rate is too high."
    if now.kind == "level":
        return f"The validation loss has levelled off since step {now.since}" + (
            ": more steps of the same would bring little." if over else "."
        )
    return (
        "The validation loss was still falling at the end: a longer run would do better."
        if over
        else "The validation loss is falling: the model is learning."
    )


def _too_early(history: Sequence[TrainProgress], *, over: bool) -> str:
    count = len(curve(history, lambda p: p.val_loss)[0])
    if over:
        times = {0: "never", 1: "once", 2: "twice"}[count]
        return f"The run was validated {times}: too little to read its curves."
    return (
        f"The curves can be read after {ENOUGH} validations; so far there {'is 1' if count == 1 else f'are {count}'}."
    )


def _with_a_critic(history: Sequence[TrainProgress]) -> str:
    began = next((p.step for p in history if p.losses), None)
    steps, psnr = curve(history, lambda p: p.val_psnr)
    if began is None:
        return "The critic has not come in yet. " + _of_losses(history)
    before = [value for step, value in zip(steps, psnr, strict=True) if step < began]
    if before and steps[-1] >= began:
        change = psnr[-1] - before[-1]
        how = "fallen" if change < 0 else "risen"
        why = ": the price of sharper pictures, which may show what is not there" if change < -MARGIN else ""
        return f"Since the critic came in at step {began}, PSNR has {how} by {abs(change):.2f} dB{why}."
    return "With a critic, the losses do not tell how good a picture is: look at the pictures."


def _beside_bicubic(history: Sequence[TrainProgress]) -> str:
    measured = [p for p in history if p.val_psnr is not None and p.val_bicubic is not None]
    if not measured:
        return ""
    gain = (measured[-1].val_psnr or 0.0) - (measured[-1].val_bicubic or 0.0)
    if not math.isfinite(gain):
        return ""
    if abs(gain) <= MARGIN:
        return "PSNR is that of bicubic interpolation."
    return f"PSNR is {abs(gain):.2f} dB {'above' if gain > 0 else 'below'} that of bicubic interpolation."
