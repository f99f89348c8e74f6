"""What a network can be told of an image: conditions, with their ranges and how they are fed to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One number that a network is told.

    Attributes
    ----------
    name, title, unit
        For code, for people, and what it counts in.
    low, high
        Limits: what lies beyond is taken as the limit.
    default
        Where nothing is known.
    logarithmic
        True if it is its logarithm that counts.
    decimals
        With which it is shown.
    explanation
        A sentence for tooltips and help.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    default: float
    logarithmic: bool = False
    decimals: int = 2
    explanation: str = ""

    def clipped(self, value: float) -> float:
        """Return the value within the limits."""
        return min(max(value, self.low), self.high)

    def normalised(self, value: float) -> float:
        """Return what the network sees: -1 at the lower limit, 1 at the upper."""
        f = math.log if self.logarithmic else float
        low, high = f(self.low), f(self.high)
        return 2 * (f(self.clipped(value)) - low) / (high - low) - 1


BLUR = Condition(
    "blur", "How blurred", "LR pixels", 0.0, 1.3, 0.5,
    explanation="Standard deviation of everything that blurs, optics and pixel size together, in pixels of this image.",
)  # fmt: skip
NOISE = Condition(
    "noise", "How noisy", "% of the range", 0.1, 30.0, 1.0, logarithmic=True,
    explanation="Standard deviation of the noise at medium brightness, in per cent of the image's range of brightness.",
)  # fmt: skip
SHOT = Condition(
    "shot", "Noise from light", "", -1.0, 1.0, 0.0,
    explanation="1 if bright pixels have all the noise (photons), 0 if it is the same everywhere (detector), "
    "-1 if dark ones have it (inverted images).",
)  # fmt: skip


def normalised(conditions: Sequence[Condition], values: Mapping[str, float]) -> list[float]:
    """Return what a network sees of ``values``, in the order of its conditions; defaults where one is missing."""
    return [c.normalised(values.get(c.name, c.default)) for c in conditions]


def within(limits: tuple[float, float] | None, value: float) -> float:
    """Return an estimate within what the model was trained on: it knows no other, and densities have no noise."""
    return value if limits is None else min(max(value, limits[0]), limits[1])


def noise_conditions(slope: float, intercept: float, *, low: float, high: float) -> dict[str, float]:
    """Return ``noise`` and ``shot`` of a variance slope v + intercept at image values v from ``low`` to ``high``.

    With D and B the variances at the dark and the bright end, shares of (high - low)²:

        noise = 100 sqrt((D + B) / 2),   shot = (B - D) / (D + B)
    """
    span = high - low
    dark, bright = (max(slope * value + intercept, 0.0) / span**2 for value in (low, high))
    total = dark + bright
    return {"noise": 100 * math.sqrt(total / 2), "shot": (bright - dark) / total if total > 0 else 0.0}
