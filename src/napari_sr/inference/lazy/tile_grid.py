"""Which tiles cover what is looked at, and in which order they are wanted. Pure arithmetic, in LR pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: row and column of a tile in the grid
Place = tuple[int, int]


@dataclass(frozen=True)
class Looked:
    """A window of one plane that is looked at.

    Attributes
    ----------
    index
        Position along the axes other than Y and X, in their order.
    rows, columns
        The window, in LR pixels; within the plane and not empty.
    """

    index: tuple[int, ...]
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Block:
    """Neighbouring tiles that form a rectangle: rows and columns of the grid."""

    rows: range
    columns: range

    def places(self) -> Iterable[Place]:
        """Iterate over its tiles."""
        return ((row, column) for row in self.rows for column in self.columns)


@dataclass(frozen=True)
class TileGrid:
    """Squares of ``side`` LR pixels that cover a plane of ``shape``; those at its lower and right border are cut."""

    shape: tuple[int, int]
    side: int

    def window(self, block: Block) -> tuple[slice, slice]:
        """Return rows and columns of the plane that a block of tiles covers."""
        rows, columns = (
            slice(span.start * self.side, min(span.stop * self.side, length))
            for span, length in zip((block.rows, block.columns), self.shape, strict=True)
        )
        return rows, columns

    def over(self, rows: slice, columns: slice) -> Block:
        """Return the tiles that a window touches."""
        return Block(*(range(s.start // self.side, -(-s.stop // self.side)) for s in (rows, columns)))

    def nearest_first(self, looked: Looked) -> list[Place]:
        """Return the tiles in view, from the centre of the view to its border."""
        centre = [(s.start + s.stop) / 2 for s in (looked.rows, looked.columns)]

        def distance(place: Place) -> float:
            return math.hypot(*((n + 0.5) * self.side - c for n, c in zip(place, centre, strict=True)))

        return sorted(self.over(looked.rows, looked.columns).places(), key=distance)


def blocks(places: Iterable[Place]) -> list[Block]:
    """Return rectangles that cover ``places`` exactly: neighbours in a row, then rows with the same columns."""
    rows: dict[int, list[int]] = {}
    for row, column in sorted(places):
        rows.setdefault(row, []).append(column)
    found: list[Block] = []
    for row, columns in rows.items():
        for run in _runs(columns):
            above = next((b for b in found if b.rows.stop == row and b.columns == run), None)
            if above is not None:
                found.remove(above)
            found.append(Block(range(row if above is None else above.rows.start, row + 1), run))
    return found


def _runs(numbers: list[int]) -> list[range]:
    """Return ranges of successive numbers."""
    runs: list[range] = []
    for number in numbers:
        if runs and runs[-1].stop == number:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs
