"""An image and where it lies, plane by plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from napari_sr.images.axes import Layout
from napari_sr.images.grid import Grid
from napari_sr.images.stack import Stack

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
    def stack(self) -> Stack:
        """The image without its place."""
        return Stack(self.data, self.axes)

    @property
    def layout(self) -> Layout:
        """Its axes and shape."""
        return Layout(self.axes, tuple(int(n) for n in self.data.shape))

    @property
    def stacked(self) -> tuple[int, ...]:
        """Lengths of the axes beside rows, columns and colours."""
        return self.stack.stacked

    def count(self) -> int:
        """Return the number of planes."""
        return len(self.stack)

    def plane(self, number: int) -> Plane:
        """Return one plane, rows first; of colours, the mean."""
        return self.stack.plane(number)
