"""What a run tells while it goes on, and at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """How far a run is, after a tile.

    Attributes
    ----------
    fraction
        Share of the output that is done, 0 to 1.
    seconds
        Since the start.
    megapixels
        Output done so far.
    stage
        What is being done, if it is not the super-resolution itself.
    before
        Share of the output that an earlier run had done.
    """

    fraction: float
    seconds: float
    megapixels: float
    stage: str = ""
    before: float = 0.0

    @property
    def rate(self) -> float:
        """Output megapixels a second."""
        return self.megapixels / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float:
        """Seconds left at the present rate."""
        now = self.fraction - self.before
        return self.seconds * (1 - self.fraction) / now if now > 0 else math.nan


@dataclass(frozen=True)
class Report:
    """What was done: for the result line and the layer's metadata.

    ``problems`` are sentences on what is wrong with the result, ``notes`` on what else should be known;
    ``fixed_channels``: channels were scaled as the whole image says, not as each tile does.
    """

    model: str
    scale: int
    device: str
    precision: str
    tile: int
    halo: int
    blend: int
    planes: int
    seconds: float
    megapixels: float
    non_finite: int = 0
    tiles_redone: int = 0
    saturated: int = 0
    conditions: Mapping[str, float] = field(default_factory=dict)
    backend: str = "torch"
    fixed_channels: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def summary(self) -> str:
        """What was done, in words: ``0.4 megapixels in 1.4 s``."""
        return f"{self.megapixels:.2g} megapixels in {self.seconds:.2g} s"

    def sentence(self) -> str:
        """One line for a person who wants to know."""
        rate = self.megapixels / self.seconds if self.seconds else 0.0
        by = " by OpenVINO" if self.backend == "openvino" else ""
        line = (
            f"{self.model}: {self.megapixels:.3g} Mpx in {self.seconds:.2g} s ({rate:.2g} Mpx/s) on "
            f"{self.device} in {self.precision}{by}, tiles of {self.tile} px"
        )
        return ". ".join([line, *self.notes])


@dataclass(frozen=True)
class Finished:
    """The whole result; the last event of a run."""

    image: Any
    report: Report


Event = Progress | Finished
