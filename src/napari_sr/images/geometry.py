"""Where the samples of an image lie in the world: distance, unit and first position along each axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sr.images.units import conversion, number, positive, unit_of


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
        Position of the centre of the first sample, in the axis's unit.
    """

    steps: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def square(cls, size: float, unit: str) -> Geometry:
        """Return the geometry of a plane with square pixels."""
        return cls({"Y": size, "X": size}, {"Y": unit, "X": unit})

    @classmethod
    def stated(cls, **axes: tuple[Any, ...]) -> Geometry:
        """Return what a file states, in whatever way, of axes by their letter.

        Parameters
        ----------
        **axes
            (distance), (distance, unit), (distance, unit, position) or (distance, unit, position, unit of it); what
            is no distance (0, NaN, negative, ``"0,1"``) leaves the axis unknown. A position whose unit does not
            convert to that of the distance is left out.
        """
        steps: dict[str, float] = {}
        units: dict[str, str] = {}
        origin: dict[str, float] = {}
        for axis, given in axes.items():
            step, unit, place, of_place = (*given, *(None,) * 4)[:4]
            found = positive(step)
            if found is None:
                continue
            steps[axis] = found
            if name := unit_of(unit):
                units[axis] = name
            first = number(place)
            factor = 1.0 if of_place is None else conversion(unit_of(of_place), name)
            if first is not None and factor is not None:
                origin[axis] = first * factor
        return cls(steps, units, origin)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) in :attr:`unit`, or None if unknown, or if the two have units that do not convert."""
        if not {"Y", "X"} <= set(self.steps):
            return None
        factor = conversion(self.units.get("Y", ""), self.unit)
        return None if factor is None else (self.steps["Y"] * factor, self.steps["X"])

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
