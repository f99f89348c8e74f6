"""One image of any dimension, as found in a file: its values, axes, geometry, and how it wants to be shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.axes import Layout
from napari_sr.images.geometry import Geometry
from napari_sr.images.guarded import Guarded


@dataclass(frozen=True)
class Channel:
    """What a file says of one channel, for the eye.

    Attributes
    ----------
    name
        Empty if it has none.
    colour
        ``#rrggbb``; empty if it has none.
    limits
        Values shown black and white.
    table
        Colours of the values, shape (3, 256), uint8.
    """

    name: str = ""
    colour: str = ""
    limits: tuple[float, float] | None = None
    table: npt.NDArray[np.uint8] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Stack:
    """An image of any dimension.

    Attributes
    ----------
    data
        Array-like with ``shape``, ``dtype`` and slicing; may live on disk.
    axes
        One letter a dimension; ``Y`` and ``X`` are the spatial ones, ``S`` holds the samples of a colour.
    geometry
        Distances, units and positions along the axes, as far as they are known.
    name
        Within its file, if that holds more than one image.
    channels
        Along ``C``; one if there is no such axis. Empty if nothing is known of them.
    labels
        Of the planes, in their order; empty if they have none.
    metadata
        What else the file said, kept for the result.
    notes
        What a reader decided that its user should know.
    """

    data: Any
    axes: str
    geometry: Geometry = field(default_factory=Geometry)
    name: str = ""
    channels: tuple[Channel, ...] = ()
    labels: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Its axes and shape."""
        return Layout(self.axes, tuple(int(n) for n in self.data.shape))

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) in :attr:`unit`, or None if unknown."""
        return self.geometry.pixel_size

    @property
    def unit(self) -> str:
        """Unit of the pixel size; empty if unknown."""
        return self.geometry.unit

    @property
    def rgb(self) -> bool:
        """True if an axis holds the samples of colours."""
        return "S" in self.axes

    @property
    def stacked(self) -> tuple[int, ...]:
        """Lengths of the axes beside rows, columns and colours."""
        return tuple(int(n) for n, a in zip(self.data.shape, self.axes, strict=True) if a not in "YXS")

    def __len__(self) -> int:
        """Return the number of planes; those of one colour image count once."""
        return math.prod(self.stacked)

    def plane(self, number: int) -> npt.NDArray[Any]:
        """Return one plane, rows first; of colours, the mean of red, green and blue."""
        whole = slice(None)
        index = tuple(int(n) for n in np.unravel_index(number, self.stacked)) if self.stacked else ()
        return self.window(index, whole, whole)

    def window(self, index: tuple[int, ...], rows: slice, columns: slice) -> npt.NDArray[Any]:
        """Return a window of one plane, rows first; of colours, the mean of red, green and blue.

        Parameters
        ----------
        index
            Position along the axes beside rows, columns and colours, in their order.
        rows, columns
            The window.
        """
        layout = self.layout

        def read(full: tuple[int, ...]) -> npt.NDArray[Any]:
            return layout.take(Guarded(self.data), full, rows, columns)

        if not self.rgb:
            return read(index)
        at = [a for a in self.axes if a not in "YX"].index("S")
        colours = min(3, int(self.data.shape[self.axes.index("S")]))
        return np.asarray(np.mean([read((*index[:at], c, *index[at:])) for c in range(colours)], axis=0))

    def planes(self) -> Iterator[npt.NDArray[Any]]:
        """Iterate over all planes."""
        return (self.plane(number) for number in range(len(self)))
