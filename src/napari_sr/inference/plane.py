"""The tile loop: one plane through the network, with what goes wrong on the way.

Tiles of one size go to the device in batches. A GPU computes a batch while the one before it is rounded and written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_sr.errors import MemoryLimitError, SRError
from napari_sr.images.axes import Layout
from napari_sr.inference import transfer
from napari_sr.inference.device import is_out_of_memory
from napari_sr.inference.output import RowWriter
from napari_sr.inference.runner import Runner
from napari_sr.inference.tiles import Span, TilePlan, plan_tiles
from napari_sr.inference.tiling import Tiling, may_fit, multiple_of
from napari_sr.inference.values import image_values
from napari_sr.intensity import FittedIntensity
from napari_sr.networks.interpolation import Bicubic

#: the intensity transform of a plane, and the value that stands in for pixels that are not finite
Fit = tuple[FittedIntensity, float]


@dataclass(frozen=True)
class Tile:
    """One window as it was read, in the processor's byte order, and where it is."""

    window: npt.NDArray[Any]
    row: Span
    column: Span

    @cached_property
    def bad(self) -> npt.NDArray[np.bool_] | None:
        """Pixels that are not finite; None if all are."""
        if self.window.dtype.kind != "f":
            return None
        bad = ~np.isfinite(self.window)
        return bad if bad.any() else None


@dataclass(frozen=True)
class Batch:
    """Tiles that were given to the device, which may be at work on them."""

    tiles: tuple[Tile, ...]
    lr: Tensor
    sr: Tensor
    finite: transfer.Fetched


@dataclass(frozen=True)
class Plane:
    """One plane of an image, and where its result goes."""

    image: Any
    layout: Layout
    index: tuple[int, ...]
    out: Any
    dtype: np.dtype[Any]
    #: True for transparency, of which a model has nothing to say
    is_alpha: bool
    #: its tiles, if they are not those of a plane that is alone
    tiles: Callable[[Tiling], TilePlan] | None = None
    #: rows and columns of the result that go to ``out``, which has their size; None for all
    keep: tuple[slice, slice] | None = None

    def plan(self, run: Runner) -> TilePlan:
        """Return its tiles."""
        tiling = run.tiling
        if self.tiles is not None:
            return self.tiles(tiling)
        return plan_tiles(
            self.layout.plane_shape, scale=run.model.scale, tile=tiling.tile, halo=tiling.halo, blend=tiling.blend,
            grid=tiling.grid, fit=not run.tile_given and may_fit(run.model.network), multiple=multiple_of(run.target),
        )  # fmt: skip


def upscale_plane(run: Runner, plane: Plane, fits: Callable[[tuple[int, ...]], Fit]) -> Iterator[float]:
    """Super-resolve one plane; yields the share that is done. Halves batches, then tiles, when memory runs out.

    Raises
    ------
    MemoryLimitError
        If memory runs out with the smallest tile, or with the one that was asked for.
    SRError
        If the network fails on this image.
    """
    fit = fits(plane.index)
    run.say_unit(fit[0])
    while True:
        plan = plane.plan(run)
        saved = (run.non_finite, run.tiles_redone)
        try:
            yield from _alpha(run, plane, plan) if plane.is_alpha else _tiles(run, plane, plan, fit)
            return
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise SRError(f"{run.model.card.name} failed on this image: {error}") from error
        run.non_finite, run.tiles_redone = saved
        _shrink(run, plan)


def _tiles(run: Runner, plane: Plane, plan: TilePlan, fit: Fit) -> Iterator[float]:
    """Send batch after batch; on a GPU, the last one is finished while it computes the next."""
    writer = RowWriter(plane.out, plane.layout, plane.index, plane.dtype, plan, plane.keep)
    done, spans, sent = 0, iter(plan), deque[Batch]()
    # while the device computes a batch, the one before it is rounded and written
    ahead = min(1, transfer.owed_by(torch.device(run.target.device)))
    while tiles := [_read(plane, row, column) for row, column in islice(spans, run.tiling.batch)]:
        sent.append(_send(run, tiles, fit))
        while len(sent) > ahead:
            done += _finish(run, sent.popleft(), writer, fit)
            yield done / len(plan)
    while sent:
        done += _finish(run, sent.popleft(), writer, fit)
        yield done / len(plan)
    run.saturated += writer.finish()


def _read(plane: Plane, row: Span, column: Span) -> Tile:
    window = np.asarray(plane.image[row.outer, column.outer])
    return Tile(window.astype(window.dtype.newbyteorder("="), copy=False), row, column)


def _send(run: Runner, tiles: list[Tile], fit: Fit) -> Batch:
    """Give tiles to the device."""
    fitted, stand_in = fit
    clean = [
        t.window if t.bad is None else np.where(t.bad, np.asarray(stand_in, t.window.dtype), t.window) for t in tiles
    ]
    lr = torch.from_numpy(np.stack([fitted.forward(window) for window in clean])).to(run.target.device)
    sr = run.infer(lr)
    # one value that is not finite makes the sum so: half the time of looking at each
    return Batch(tuple(tiles), lr, sr, transfer.Fetched(torch.isfinite(sr.flatten(1).sum(dim=1))))


def _finish(run: Runner, batch: Batch, writer: RowWriter, fit: Fit) -> int:
    """Round and write what is kept of a batch; returns its number of tiles."""
    fitted, scale = fit[0], run.model.scale
    for tile, lr, sr, finite in zip(batch.tiles, batch.lr, batch.sr, batch.finite.wait(), strict=True):
        row, column = tile.row, tile.column
        sr = sr if finite else run.infer_again(lr)
        values = image_values(sr[row.kept(scale), column.kept(scale)], fitted, writer.dtype)
        window = tile.window[row.kept(1), column.kept(1)]
        if tile.bad is not None:
            values = _put_back(values, window, scale)
            run.non_finite += int(np.count_nonzero(tile.bad[row.kept(1), column.kept(1)]))
        run.checks.add(values, window, scale=scale, span=fitted.span, noise=run.conditions.get("noise", 0.0))
        writer.add(values, row, column)
    return len(batch.tiles)


def _put_back(values: Tensor, window: npt.NDArray[Any], scale: int) -> Tensor:
    """Leave pixels that are not finite as they were."""
    kept_out = np.where(np.isfinite(window), 0, window)
    original = torch.from_numpy(np.kron(kept_out, np.ones((scale, scale), kept_out.dtype))).to(values)
    return torch.where(torch.isfinite(original), values, original)


def _alpha(run: Runner, plane: Plane, plan: TilePlan) -> Iterator[float]:
    """Interpolate transparency."""
    scale = run.model.scale
    writer = RowWriter(plane.out, plane.layout, plane.index, plane.dtype, plan, plane.keep)
    bicubic = Bicubic(scale=scale)
    for number, (row, column) in enumerate(plan, start=1):
        window = np.ascontiguousarray(_read(plane, row, column).window, dtype=np.float32)
        with torch.inference_mode():
            values = bicubic(torch.from_numpy(window)[None, None])[0, 0]
        writer.add(values[row.kept(scale), column.kept(scale)], row, column)
        yield number / len(plan)
    run.saturated += writer.finish()


def _shrink(run: Runner, plan: TilePlan) -> None:
    """Halve the batch or the tile, or raise if that was given by the user or is as small as it gets."""
    if run.target.device.startswith("cuda"):
        torch.cuda.empty_cache()
    longest = max(span.outer_stop - span.outer_start for span in (*plan.rows, *plan.columns))
    smaller = run.tiling.halved(longest=longest)
    if smaller is None or (run.tile_given and smaller.tile < run.tiling.tile):
        reason = "the tile size that was set" if run.tile_given else "the smallest tile"
        raise MemoryLimitError(
            f"{run.target.title.split(',')[0]} has too little memory for {reason} ({run.tiling.tile} LR pixels). "
            "Close other programs that use it, set a smaller tile, or run on the CPU."
        )
    if smaller.tile < run.tiling.tile:
        run.notes.append(f"Tiles were halved to {smaller.tile} px because memory ran out")
    run.tiling = smaller
