"""Axes of an image: which two are upscaled, which hold colours, which are looped over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.images.guarded import computed

#: a last axis of at most so many entries, beside ones of at least so many, holds channels: nobody has an image of them
CHANNELS, BESIDE = 4, 16


def guess_axes(shape: tuple[int, ...], *, rgb: bool | None = None, dtype: np.dtype[Any] | None = None) -> str:
    """Return the most plausible axis letters for an array of which nothing else is known.

    The last two are ``YX``; a short last axis behind two long ones holds samples ``S`` (three or four, of 8 bit) or
    channels ``C``, and is never taken for columns. Other axes get ``Z``, ``C``, ``T`` from the inside out.

    Parameters
    ----------
    shape
        Of the array.
    rgb
        True if its last axis is known to hold colours, False if it is known not to; None to guess.
    dtype
        Of the array; for guessing colours.
    """
    if rgb is None:
        rgb = dtype is not None and looks_rgb(shape, dtype)
    spatial = "YXS" if rgb else "YXC" if channels_last(shape) else "YX"
    others = len(shape) - len(spatial)
    if others < 0:
        raise ImageError(f"An image needs two spatial dimensions; this one has shape {shape}.")
    letters = "TCZ" if "C" not in spatial else "PTZ"
    if others > 3:
        raise ImageError(f"Images of up to five dimensions are supported; this one has shape {shape}.")
    return letters[3 - others :] + spatial


def channels_last(shape: tuple[int, ...]) -> bool:
    """Return True if the last axis is far too short to be that of columns."""
    return len(shape) >= 3 and shape[-1] <= CHANNELS and min(shape[-3:-1]) >= BESIDE


def guess_note(shape: tuple[int, ...], axes: str) -> str:
    """Return a sentence if a guess should be looked at; empty if there is nothing to doubt."""
    if not axes.endswith("YXC"):
        return ""
    return f"Shape {shape} is taken for {shape[-1]} channels of {shape[-3]} × {shape[-2]} pixels; --axes says otherwise"


def looks_rgb(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Return True for 8-bit arrays whose last axis has three or four entries."""
    return len(shape) >= 3 and shape[-1] in (3, 4) and dtype == np.uint8


@dataclass(frozen=True)
class Layout:
    """How an image is taken apart.

    Attributes
    ----------
    axes
        One letter a dimension; exactly one ``Y`` and one ``X``, at most one ``S``.
    shape
        Of the image.
    """

    axes: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", self.axes.upper())
        if len(self.axes) != len(self.shape):
            raise ImageError(
                f"The image has {len(self.shape)} dimensions (shape {self.shape}), but axes {self.axes!r} "
                f"name {len(self.axes)}."
            )
        for letter in "YX":
            if self.axes.count(letter) != 1:
                raise ImageError(f"Axes {self.axes!r} must contain {letter} exactly once.")
        if len(set(self.axes)) != len(self.axes):
            raise ImageError(f"Axes {self.axes!r} name a dimension twice.")
        if "S" in self.axes and self.shape[self.axes.index("S")] not in (3, 4):
            raise ImageError("A colour axis S must have three or four entries.")
        if 0 in self.shape:
            raise ImageError(f"The image is empty: its shape is {self.shape}.")

    @property
    def y(self) -> int:
        """Dimension of the rows."""
        return self.axes.index("Y")

    @property
    def x(self) -> int:
        """Dimension of the columns."""
        return self.axes.index("X")

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.shape[self.y], self.shape[self.x]

    @property
    def alpha(self) -> bool:
        """True if there is a fourth colour sample."""
        return "S" in self.axes and self.shape[self.axes.index("S")] == 4

    def upscaled_shape(self, scale: int) -> tuple[int, ...]:
        """Shape of the result."""
        return tuple(n * scale if letter in "YX" else n for n, letter in zip(self.shape, self.axes, strict=True))

    def planes(self) -> Iterator[tuple[int, ...]]:
        """Iterate over the indices of all dimensions but Y and X."""
        others = [n for n, a in zip(self.shape, self.axes, strict=True) if a not in "YX"]
        return iter(np.ndindex(*others))

    def plane_count(self) -> int:
        """Number of planes."""
        return int(np.prod([n for n, a in zip(self.shape, self.axes, strict=True) if a not in "YX"]))

    def is_alpha(self, index: tuple[int, ...]) -> bool:
        """True if the plane at ``index`` is the alpha channel."""
        if not self.alpha:
            return False
        others = [a for a in self.axes if a not in "YX"]
        return index[others.index("S")] == 3

    def select(self, index: tuple[int, ...], rows: slice, columns: slice) -> tuple[slice | int, ...]:
        """Return the full index of a window of one plane."""
        rest = iter(index)
        window = {"Y": rows, "X": columns}
        return tuple(window[a] if a in window else next(rest) for a in self.axes)

    def take(
        self, data: Any, index: tuple[int, ...], rows: slice = slice(None), columns: slice = slice(None)
    ) -> npt.NDArray[Any]:
        """Return a window of one plane, rows first."""
        return self.oriented(computed(data[self.select(index, rows, columns)]))

    def put(
        self, out: Any, index: tuple[int, ...], values: npt.NDArray[Any], rows: slice = slice(None),
        columns: slice = slice(None),
    ) -> None:  # fmt: skip
        """Write a window of one plane that comes with its rows first."""
        out[self.select(index, rows, columns)] = self.oriented(values)

    def oriented(self, window: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn a window as it was read into (rows, columns), and back."""
        return window if self.y < self.x else window.T
