"""An image and where it lies, plane by plane."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.evaluation.grids import Grid
from napari_sr.images.axes import Layout

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Placed:
    """An image and where it lies.

    Attributes
    ----------
    name
        Of its layer or file.
    data
        Array of any dimension; its axes are ``axes``.
    axes
        One letter a dimension; ``S`` for colours, over which the mean is taken.
    grid
        Of its rows and columns.
    """

    name: str
    data: Any
    axes: str
    grid: Grid = field(default_factory=Grid)

    @property
    def layout(self) -> Layout:
        """Its axes and shape."""
        return Layout(self.axes, tuple(int(n) for n in self.data.shape))

    @property
    def stacked(self) -> tuple[int, ...]:
        """Lengths of the axes beside rows, columns and colours."""
        return tuple(int(n) for n, a in zip(self.data.shape, self.axes, strict=True) if a not in "YXS")

    def count(self) -> int:
        """Return the number of planes."""
        return math.prod(self.stacked)

    def plane(self, number: int) -> Plane:
        """Return one plane, rows first; of colours, the mean."""
        whole, layout = slice(None), self.layout
        index = [int(n) for n in np.unravel_index(number, self.stacked)] if self.stacked else []

        def read(index: list[int]) -> Plane:
            return layout.oriented(np.asarray(self.data[layout.select(tuple(index), whole, whole)]))

        if "S" not in self.axes:
            return read(index)
        at = [a for a in self.axes if a not in "YX"].index("S")
        colours = min(3, int(self.data.shape[self.axes.index("S")]))
        return np.asarray(np.mean([read([*index[:at], c, *index[at:]]) for c in range(colours)], axis=0))
