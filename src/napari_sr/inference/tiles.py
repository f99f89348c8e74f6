"""Tile geometry: which LR window to read, which part of the result to keep, and with what weight.

Pure arithmetic, in LR pixels unless said otherwise. Along one axis::

    |<------------- outer: read and super-resolved ------------>|
    |  halo  |<--------- inner: kept, blended ------->|  halo   |
                                     |<- blend ->|
                                     |<--------- inner of the next tile ...

Without blending the inner windows are cut in the middle of what they share, so every pixel is kept
exactly once. With blending, neighbouring weights ramp linearly over what they share and sum to one.
All outer windows along an axis have the same size (fast convolution kernels are built once), but for the last one where
windows begin on a grid; those at the image's border have no halo there, so that they see what the whole image would
show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ConfigError

#: by how much a tile may be larger than the one that was found to be fastest, if fewer of them then do
STRETCH = 0.12
#: width in pixels up to which any is as good as a multiple, and by how much more two windows may read than a wider one
NARROW, MORE = 240, 0.3


@dataclass(frozen=True)
class Span:
    """One window along one axis."""

    outer_start: int
    outer_stop: int
    inner_start: int
    inner_stop: int
    #: weight of each kept LR pixel, ramping over what is shared with the neighbours
    ramp_before: int
    ramp_after: int

    @property
    def outer(self) -> slice:
        """What to read."""
        return slice(self.outer_start, self.outer_stop)

    def kept(self, scale: int) -> slice:
        """Part of the tile's own output that is kept, in HR pixels."""
        offset = self.outer_start
        return slice((self.inner_start - offset) * scale, (self.inner_stop - offset) * scale)

    def target(self, scale: int) -> slice:
        """Where it belongs in the whole output, in HR pixels."""
        return slice(self.inner_start * scale, self.inner_stop * scale)

    def weights(self, scale: int) -> npt.NDArray[np.float32]:
        """Blending weights of the kept HR pixels."""
        values = np.ones((self.inner_stop - self.inner_start) * scale, dtype=np.float32)
        before, after = self.ramp_before * scale, self.ramp_after * scale
        if before:
            values[:before] = (np.arange(before, dtype=np.float32) + 0.5) / before
        if after:
            values[-after:] *= (np.arange(after, dtype=np.float32)[::-1] + 0.5) / after
        return values


def plan_axis(length: int, *, tile: int, halo: int, blend: int, grid: int = 1) -> tuple[Span, ...]:
    """Divide ``length`` pixels into windows of ``tile`` pixels.

    Parameters
    ----------
    length
        Pixels along the axis.
    tile
        Size of the outer windows; the axis is one window if it is not longer.
    halo
        Pixels thrown away on each inner side of a window.
    blend
        Pixels that two kept neighbours share (fewer where windows must lie closer together); 0 to cut sharply.
    grid
        Windows begin at multiples of it; the last one may then be shorter than the others.

    Raises
    ------
    ConfigError
        If nothing of the tile would be left.
    """
    if length < 1:
        raise ConfigError(f"an image side must have at least one pixel, not {length}")
    if tile >= length:
        return (Span(0, length, 0, length, 0, 0),)
    stride = (tile - 2 * halo - blend) // grid * grid
    if stride < max(1, blend):
        raise ConfigError(
            f"tile: {tile} LR pixels leave nothing beside a halo of {halo} and an overlap of {blend}; "
            f"use at least {smallest_tile(halo=halo, blend=blend, grid=grid)}"
        )
    last = -(-(length - tile) // grid)  # in steps of the grid, as the others
    count = -(-last * grid // stride) + 1
    starts = [i * last // (count - 1) * grid for i in range(count)]
    edges = [(s + halo, s + tile - halo) for s in starts]
    edges[0] = (0, edges[0][1])
    edges[-1] = (edges[-1][0], length)
    # windows are spread evenly, so neighbours may share more than asked, and lie closer than the overlap:
    # a ramp longer than their distance would cross the next one, and the weights would not sum to one
    ramp = min([blend, *(b - a for a, b in pairwise(starts))])
    spans = []
    for i, start in enumerate(starts):
        low, high = edges[i]
        before = edges[i - 1][1] - low if i else 0
        after = high - edges[i + 1][0] if i + 1 < count else 0
        low += (before - ramp) // 2 if i else 0
        high -= (after - ramp) - (after - ramp) // 2 if i + 1 < count else 0
        stop = min(start + tile, length)
        spans.append(Span(start, stop, low, high, ramp if i else 0, ramp if i + 1 < count else 0))
    return tuple(spans)


def fitted_tile(length: int, *, tile: int, halo: int, blend: int, grid: int = 1, multiple: int = 1) -> int:
    """Return the side of as few windows as ``tile`` allows, or a little larger ones, that ``length`` needs no more of.

    Three windows of 256 pixels over 512 read half as much again as two of 267. If they should be a ``multiple`` of
    pixels long, they are made longer; one long window that is none becomes two, if these read little more.
    """
    side = _up(_fewest(length, tile=tile, halo=halo, blend=blend, grid=grid), multiple)
    if side < length or length <= NARROW or length % multiple == 0:
        return side
    half = _up(-(-(length + 2 * halo + blend) // 2) + grid - 1, multiple)
    return half if 2 * half <= (1 + MORE) * length else side


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _fewest(length: int, *, tile: int, halo: int, blend: int, grid: int) -> int:
    shared, settings = 2 * halo + blend, {"halo": halo, "blend": blend, "grid": grid}
    plain = plan_axis(length, tile=tile, **settings)
    for count in range(1, len(plain) + 1):
        # windows begin on the grid, so that neighbours may share up to a step of it more
        side = -(-(length + (count - 1) * (shared + 2 * (grid - 1))) // count)
        if smallest_tile(**settings) <= side <= (1 + STRETCH) * tile or (count == 1 and side <= (1 + STRETCH) * tile):
            fitted = plan_axis(length, tile=side, **settings)
            better = len(fitted) <= len(plain) and _read(fitted) <= _read(plain)
            return side if better else tile
    return tile


def _read(spans: tuple[Span, ...]) -> int:
    return sum(span.outer_stop - span.outer_start for span in spans)


def smallest_tile(*, halo: int, blend: int, grid: int = 1) -> int:
    """Return the smallest tile that leaves something beside its context."""
    return 2 * halo + blend + -(-max(1, blend) // grid) * grid


@dataclass(frozen=True)
class TilePlan:
    """Windows along both axes; a tile is a pair of them."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    scale: int
    blended: bool

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Span, Span]]:
        """Iterate row by row, so that finished rows can be handed on."""
        return ((row, column) for row in self.rows for column in self.columns)


def plan_tiles(
    shape: tuple[int, int],
    *,
    scale: int,
    tile: int,
    halo: int = 0,
    blend: int = 0,
    grid: int = 1,
    fit: bool = False,
    multiple: int = 1,
) -> TilePlan:
    """Plan the tiles of an LR image of ``shape``; see :func:`plan_axis`.

    ``fit`` adapts their sides to the image, and their widths to a ``multiple`` of pixels.
    """  # fmt: skip

    def axis(length: int, multiple: int) -> tuple[Span, ...]:
        settings = {"halo": halo, "blend": blend, "grid": grid}
        side = fitted_tile(length, tile=tile, multiple=multiple, **settings) if fit else tile
        return plan_axis(length, tile=side, **settings)

    return TilePlan(
        rows=axis(shape[0], 1),
        columns=axis(shape[1], multiple),
        scale=scale,
        blended=blend > 0,
    )
