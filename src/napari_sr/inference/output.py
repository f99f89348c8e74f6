"""Putting tiles together: blending, rounding, and writing rows as soon as they are complete."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.data.dtypes import to_dtype
from napari_sr.inference.axes import Layout
from napari_sr.inference.tiles import Span, TilePlan


class RowWriter:
    """Receives the tiles of one plane row by row and writes them into the result.

    With blending, a band of rows is accumulated in floating point and handed on when no later tile touches it,
    so memory grows with the width of the image, not with its area.
    """

    def __init__(self, out: Any, layout: Layout, index: tuple[int, ...], dtype: np.dtype[Any], plan: TilePlan) -> None:
        self.out, self.layout, self.index, self.dtype, self.plan = out, layout, index, dtype, plan
        self.saturated = 0
        self.width = layout.plane_shape[1] * plan.scale
        self.band: npt.NDArray[np.floating] | None = None
        self.band_start = 0  # first output row that the band holds

    def add(self, tile: npt.NDArray[np.float64], row: Span, column: Span) -> None:
        """Take one tile, in image values and with its context still around it."""
        scale = self.plan.scale
        kept = tile[row.kept(scale), column.kept(scale)]
        if not self.plan.blended:
            self._write(kept, row.target(scale), column.target(scale))
            return
        start, stop = row.inner_start * scale, row.inner_stop * scale
        if column is self.plan.columns[0]:
            self._flush(start)
            self._extend(stop)
        assert self.band is not None
        weights = row.weights(scale)[:, None] * column.weights(scale)[None, :]
        rows = slice(start - self.band_start, stop - self.band_start)
        self.band[rows, column.target(scale)] += kept * weights

    def finish(self) -> int:
        """Write what is left; returns how many values saturated."""
        if self.band is not None:
            self._flush(self.band_start + len(self.band))
        return self.saturated

    def _extend(self, stop: int) -> None:
        missing = stop - self.band_start - (0 if self.band is None else len(self.band))
        wide = (self.dtype.kind in "ui" and self.dtype.itemsize > 2) or self.dtype.itemsize > 4
        empty = np.zeros((missing, self.width), dtype=np.float64 if wide else np.float32)
        self.band = empty if self.band is None else np.concatenate([self.band, empty])

    def _flush(self, stop: int) -> None:
        """Write the rows before ``stop``: no later tile touches them."""
        count = stop - self.band_start
        if self.band is not None and count > 0:
            self._write(self.band[:count], slice(self.band_start, stop), slice(0, self.width))
            self.band = self.band[count:]
            self.band_start = stop

    def _write(self, values: npt.NDArray[np.floating], rows: slice, columns: slice) -> None:
        converted, over = to_dtype(values, self.dtype)
        self.saturated += over
        self.out[self.layout.select(self.index, rows, columns)] = self.layout.oriented(converted)
