"""Where the samples of an image lie in the world: distance, unit and first position along each axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Geometry:
    """Distances, units and positions by axis letter; what is not known is left out.

    Attributes
    ----------
    steps
        Distance between neighbouring samples along an axis.
    units
        Unit of an axis, as people write it: ``µm``, ``nm``, ``s``, ``Mpc/h``.
    origin
        Position of the centre of the first sample.
    """

    steps: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def square(cls, size: float, unit: str) -> Geometry:
        """Return the geometry of a plane with square pixels."""
        return cls({"Y": size, "X": size}, {"Y": unit, "X": unit})

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x), or None if unknown."""
        return (self.steps["Y"], self.steps["X"]) if {"Y", "X"} <= set(self.steps) else None

    @property
    def unit(self) -> str:
        """Unit of the pixel size; empty if unknown."""
        return self.units.get("X", "")

    def resampled(self, factor: float) -> Geometry:
        """Return the geometry of the image with ``factor`` times as many pixels along Y and X.

        Pixels are areas, so the first pixel's centre moves by (1 / factor - 1) / 2 of a pixel.
        """
        steps, origin = dict(self.steps), dict(self.origin)
        for axis in "YX":
            if axis in self.steps:
                step = self.steps[axis]
                steps[axis] = step / factor
                origin[axis] = self.origin.get(axis, 0.0) + (1 / factor - 1) / 2 * step
        return Geometry(steps, self.units, origin)
