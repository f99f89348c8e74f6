"""Putting tiles together: blending, rounding, and writing rows as soon as they are complete."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_sr.images.axes import Layout
from napari_sr.inference import transfer
from napari_sr.inference.tiles import Span, TilePlan
from napari_sr.inference.values import is_wide, rounded


class Owed(NamedTuple):
    """A part of the result that is on its way from the device."""

    values: transfer.Fetched
    rows: slice
    columns: slice


class RowWriter:
    """Receives the tiles of one plane row by row and writes them into the result.

    Tiles come and are rounded on the device that computed them. With blending, a band of rows is accumulated there
    and handed on when no later tile touches it, so memory grows with the width of the image, not with its area.

    Parameters
    ----------
    out, layout, index
        The result, how it is taken apart, and the place of the plane in it.
    dtype
        Of the result.
    plan
        The tiles that will come.
    keep
        Rows and columns that are written, in HR pixels of the plane, to an ``out`` of their size; None for all.
    """

    def __init__(
        self, out: Any, layout: Layout, index: tuple[int, ...], dtype: np.dtype[Any], plan: TilePlan,
        keep: tuple[slice, slice] | None = None,
    ) -> None:  # fmt: skip
        self.out, self.layout, self.index, self.dtype, self.plan = out, layout, index, dtype, plan
        self.keep = keep
        self.saturated = torch.zeros((), dtype=torch.int64)
        self.width = layout.plane_shape[1] * plan.scale
        self.band: Tensor | None = None
        self.band_start = 0  # first output row that the band holds
        self.owed: deque[Owed] = deque()

    def add(self, kept: Tensor, row: Span, column: Span) -> None:
        """Take what is kept of one tile, in image values."""
        scale = self.plan.scale
        if not self.plan.blended:
            self._send(kept, row.target(scale), column.target(scale))
            return
        start, stop = row.inner_start * scale, row.inner_stop * scale
        if column is self.plan.columns[0]:
            self._flush(start)
            self._extend(stop, kept.device)
        assert self.band is not None
        weights = torch.from_numpy(np.outer(row.weights(scale), column.weights(scale))).to(kept.device)
        self.band[start - self.band_start : stop - self.band_start, column.target(scale)] += kept * weights

    def finish(self) -> int:
        """Write what is left; returns how many values saturated."""
        if self.band is not None:
            self._flush(self.band_start + len(self.band))
        while self.owed:
            self._write(self.owed.popleft())
        return int(self.saturated)

    def _extend(self, stop: int, device: torch.device) -> None:
        missing = stop - self.band_start - (0 if self.band is None else len(self.band))
        dtype = torch.float64 if is_wide(self.dtype) else torch.float32
        empty = torch.zeros(missing, self.width, dtype=dtype, device=device)
        self.band = empty if self.band is None else torch.cat([self.band, empty])

    def _flush(self, stop: int) -> None:
        """Hand on the rows before ``stop``: no later tile touches them."""
        count = stop - self.band_start
        if self.band is not None and count > 0:
            self._send(self.band[:count], slice(self.band_start, stop), slice(0, self.width))
            self.band = self.band[count:].clone()
            self.band_start = stop

    def _send(self, values: Tensor, rows: slice, columns: slice) -> None:
        if self.keep is not None:
            (within, rows), (across, columns) = (_cut(s, k) for s, k in zip((rows, columns), self.keep, strict=True))
            values = values[within, across]
            if not values.numel():
                return
        converted, over = rounded(values, self.dtype)
        self.saturated = self.saturated.to(over.device) + over  # counted on the device: asking would wait for it
        self.owed.append(Owed(transfer.Fetched(converted), rows, columns))
        while len(self.owed) > transfer.owed_by(values.device):
            self._write(self.owed.popleft())

    def _write(self, part: Owed) -> None:
        self.layout.put(self.out, self.index, part.values.wait(), part.rows, part.columns)


def _cut(part: slice, keep: slice) -> tuple[slice, slice]:
    """Return which of a part is kept, and where that lies in what is kept."""
    start, stop = max(part.start, keep.start), max(min(part.stop, keep.stop), keep.start)
    start = min(start, stop)
    return slice(start - part.start, stop - part.start), slice(start - keep.start, stop - keep.start)
