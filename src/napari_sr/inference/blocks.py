"""How a large result is divided: blocks that are the files it is written to, for every resolution of its pyramid.

Pure arithmetic. A block is one shard of one plane of one resolution. It depends on the size of the result alone: not on
how many work on it, nor on how fast they are, so that whoever computes a block computes the same.

The tiles of a block depend on the image, the model and the settings alone, too. Where a network has a finite reach,
each block is read with that much around it, and its tiles share no work with those of its neighbours. Where tiles are
blended, the tiles of the whole plane are planned first, and a block computes those that reach into it: the weights of
neighbours sum to one across its border, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from napari_sr.inference.tiles import Span, TilePlan, plan_axis, plan_tiles
from napari_sr.inference.tiling import Tiling

#: of this arithmetic: what was begun by another version is not gone on with
VERSION = 1
#: side of a block; of planes that are larger than ``LARGE``, fewer and larger files
SIDE, LARGE, LARGE_SIDE = 2048, 16_384, 4096
#: side from which on a resolution is small enough to be the last
SMALLEST = 512


@dataclass(frozen=True)
class Block:
    """A part of one plane of one resolution: the number of the plane, and rows and columns in pixels of the level."""

    level: int
    plane: int
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def pixels(self) -> int:
        """How many."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class BlockPlan:
    """Blocks of a result: those of the full resolution first, plane by plane, then those of each smaller one.

    Attributes
    ----------
    planes
        How many there are.
    size
        Rows and columns of the full resolution.
    side
        Of the blocks.
    """

    planes: int
    size: tuple[int, int]
    side: int

    @classmethod
    def of(cls, planes: int, size: tuple[int, int]) -> BlockPlan:
        """Return the plan of a result."""
        return cls(planes, size, LARGE_SIDE if max(size) > LARGE else SIDE)

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every resolution, the full one first."""
        sizes = [self.size]
        while max(sizes[-1]) > SMALLEST:
            rows, columns = sizes[-1]
            sizes.append((-(-rows // 2), -(-columns // 2)))
        return tuple(sizes)

    @property
    def levels(self) -> int:
        """How many resolutions."""
        return len(self.sizes)

    def grid(self, level: int) -> tuple[int, int]:
        """Return how many blocks a plane has down and across."""
        rows, columns = self.sizes[level]
        return -(-rows // self.side), -(-columns // self.side)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Number of the first block of every level, and at the end the number of all blocks."""
        counts = [self.planes * math.prod(self.grid(level)) for level in range(self.levels)]
        return tuple(int(n) for n in np.cumsum([0, *counts]))

    def __len__(self) -> int:
        return self.starts[-1]

    def numbers(self, level: int) -> range:
        """Return the numbers of the blocks of a level."""
        return range(self.starts[level], self.starts[level + 1])

    def block(self, number: int) -> Block:
        """Return a block by its number."""
        level = next(n for n in range(self.levels) if number < self.starts[n + 1])
        down, across = self.grid(level)
        plane, place = divmod(number - self.starts[level], down * across)
        row, column = divmod(place, across)
        rows, columns = self.sizes[level]
        return Block(level, plane, _part(row, self.side, rows), _part(column, self.side, columns))


def _part(number: int, side: int, length: int) -> slice:
    return slice(number * side, min((number + 1) * side, length))


@dataclass(frozen=True)
class Reading:
    """What is read for a block, in pixels of the whole LR plane, and which of it becomes the block."""

    rows: slice
    columns: slice
    #: rows and columns of the block in pixels of what becomes of the window
    keep: tuple[slice, slice]
    #: those in pixels of the window, widened to whole ones
    core: tuple[slice, slice]
    #: rows and columns of the whole LR plane
    whole: tuple[int, int]
    scale: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def tiles(self, tiling: Tiling) -> TilePlan:
        """Return the tiles that the block needs, in pixels of the window."""
        if tiling.blend:
            rows, columns = (
                _reaching(_plan(n, tiling), slice(core.start + s.start, core.stop + s.start), s.start)
                for n, core, s in zip(self.whole, self.core, (self.rows, self.columns), strict=True)
            )
            return TilePlan(rows, columns, self.scale, blended=True)
        plan = plan_tiles(self.shape, scale=self.scale, tile=tiling.tile, halo=tiling.halo, grid=tiling.grid)
        return replace(plan, rows=_cut(plan.rows, self.core[0]), columns=_cut(plan.columns, self.core[1]))


def reading(block: Block, tiling: Tiling, *, corner: tuple[int, int], whole: tuple[int, int], scale: int) -> Reading:
    """Return what is read for a block of the full resolution.

    Parameters
    ----------
    block
        In pixels of the result.
    tiling
        Its context is read around the block, as far as there is any; where tiles are blended, any that reaches in.
    corner
        First row and column of the region that the result shows, in the LR plane.
    whole
        Rows and columns of the LR plane.
    scale
        Of the model.
    """
    context = tiling.tile if tiling.blend else tiling.halo
    windows, keeps, cores = [], [], []
    for part, first, length in zip((block.rows, block.columns), corner, whole, strict=True):
        start, stop = first + part.start // scale, first - (-part.stop // scale)
        # what a network counts from a corner is counted from the same pixels in every window
        first_read = max(0, start - context) // tiling.grid * tiling.grid
        last_read = -(-(stop + context) // tiling.grid) * tiling.grid
        window = slice(first_read, min(length, last_read))
        offset = (first - window.start) * scale
        windows.append(window)
        keeps.append(slice(part.start + offset, part.stop + offset))
        cores.append(slice(start - window.start, stop - window.start))
    return Reading(windows[0], windows[1], (keeps[0], keeps[1]), (cores[0], cores[1]), whole, scale)


def even_tile(core: int, longest: int, halo: int) -> int:
    """Return the side of tiles that divide a block evenly.

    Parameters
    ----------
    core
        Side of the block in LR pixels.
    longest
        What a device is best at, about.
    halo
        Context on each side, which is to be no more than half of what is kept.
    """
    pieces = max(1, min(-(-core // longest), core // max(1, 2 * halo)))
    return -(-core // pieces) + 2 * halo


@lru_cache(maxsize=8)
def _plan(length: int, tiling: Tiling) -> tuple[Span, ...]:
    return plan_axis(length, tile=tiling.tile, halo=tiling.halo, blend=tiling.blend, grid=tiling.grid)


def _reaching(spans: tuple[Span, ...], core: slice, origin: int) -> tuple[Span, ...]:
    """Return the spans whose kept part meets the core, as seen from the window's first pixel."""
    found = (s for s in spans if s.inner_start < core.stop and s.inner_stop > core.start)
    return tuple(_shifted(s, -origin) for s in found)


def _shifted(span: Span, by: int) -> Span:
    return replace(
        span, outer_start=span.outer_start + by, outer_stop=span.outer_stop + by, inner_start=span.inner_start + by,
        inner_stop=span.inner_stop + by,
    )  # fmt: skip


def _cut(spans: tuple[Span, ...], core: slice) -> tuple[Span, ...]:
    """Return the spans that keep something of the core, and no more than that."""

    def kept() -> Iterator[Span]:
        for span in spans:
            start, stop = max(span.inner_start, core.start), min(span.inner_stop, core.stop)
            if start < stop:
                yield replace(span, inner_start=start, inner_stop=stop)

    return tuple(kept())
