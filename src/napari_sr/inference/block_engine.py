"""What computes one block of a large result after the other and writes it: alone, or as one of many workers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.halving import halved
from napari_sr.inference.block_job import Job
from napari_sr.inference.blocks import Block, reading
from napari_sr.inference.parts import PlaneFits, Windows
from napari_sr.inference.plane import Fit, Plane, upscale_plane
from napari_sr.inference.plane_runs import checked_image
from napari_sr.inference.runner import Runner, interruptible
from napari_sr.inference.upscaler import Upscaler
from napari_sr.paths import reason

#: rows of a smaller resolution that are made at a time
STRIP = 512
#: bytes of results that are remembered of blocks that are one value all over; those beside the image's border differ
REMEMBERED = 128 * 1024**2


@dataclass(frozen=True)
class Counts:
    """What was counted in a block, or in all of them."""

    saturated: int = 0
    non_finite: int = 0
    tiles_redone: int = 0
    blocks: int = 0
    drifted: int = 0
    drift: float = 0.0
    pixels: int = 0
    at_limits: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class BlockEngine:
    """Computes blocks of a result and writes each as soon as it is whole.

    Parameters
    ----------
    job
        What there is to do.
    image
        The whole image.
    upscaler
        The model, prepared; it belongs to this engine's thread.
    """

    def __init__(self, job: Job, image: Any, upscaler: Upscaler) -> None:
        self.job, self.upscaler, self.image = job, upscaler, checked_image(image)
        self.layout = Layout(job.axes, tuple(int(n) for n in image.shape))
        self.fits = PlaneFits(self.image, self.layout, upscaler.model)
        self.tiling = job.tiling
        #: what became known on the way
        self.notes: list[str] = []
        self._levels: list[Any] = []
        self._constant: OrderedDict[Any, tuple[npt.NDArray[Any], Counts]] = OrderedDict()

    def run(self, number: int, should_stop: Callable[[], bool] | None = None) -> Generator[float, None, Counts]:
        """Compute and write a block; yields the share that is done, returns what was counted.

        Raises
        ------
        ImageError
            If the image cannot be read, or the result not be written.
        SRError
            As :func:`~napari_sr.inference.plane.upscale_plane`.
        """
        block = self.job.plan.block(number)
        if block.level:
            values, counts = self._halved(block), Counts()
        else:
            values, counts = yield from self.super_resolve(block, should_stop)
        try:
            self.job.stored.put(
                self.levels[block.level], self.job.index(block.plane), values, block.rows, block.columns
            )
        except OSError as error:
            raise ImageError(
                f"The result could not be written ({reason(error)}). What is done is kept: once that is "
                "mended, run the same again."
            ) from error
        yield 1.0
        return counts

    @property
    def levels(self) -> list[Any]:
        """The arrays of the result, opened once."""
        if not self._levels:
            import zarr

            group = zarr.open_group(str(self.job.store), mode="r+")
            self._levels = [group[str(n)] for n in range(self.job.plan.levels)]
        return self._levels

    def super_resolve(
        self, block: Block, should_stop: Callable[[], bool] | None = None
    ) -> Generator[float, None, tuple[npt.NDArray[Any], Counts]]:
        """Compute a block of the full resolution; yields the share that is done, returns it and what was counted."""
        job, selection = self.job, self.job.selection
        whole = job.whole_index(block.plane)
        corner = selection.rows.start, selection.columns.start
        read = reading(block, self.tiling, corner=corner, whole=self.layout.plane_shape, scale=self.upscaler.scale)
        window = Windows(self.image, self.layout, whole)[read.rows, read.columns]
        fit, told = self.fits(whole), job.told.get(job.channel(whole), {})
        out = np.empty(block.shape, job.dtype)
        plane = Plane(
            window, Layout("YX", window.shape), (), out, job.dtype, self.layout.is_alpha(whole), read.tiles, read.keep
        )
        key: tuple[Any, ...] | None = None
        if window.min() == window.max():  # what is one value all over comes out the same wherever it is
            kept = [(s.start, s.stop) for s in read.keep]
            key = window.flat[0].item(), read.tiles(self.tiling), *kept, fit, *sorted(told.items()), plane.is_alpha
            if key in self._constant:
                self._constant.move_to_end(key)
                return self._constant[key]
        counts = yield from self._tiles(plane, fit, told, should_stop)
        if key is not None:
            self._constant[key] = out, counts
            while len(self._constant) * out.nbytes > REMEMBERED:
                self._constant.popitem(last=False)
        return out, counts

    def _tiles(
        self, plane: Plane, fit: Fit, told: Mapping[str, float], should_stop: Callable[[], bool] | None
    ) -> Generator[float, None, Counts]:
        runner = Runner(
            self.upscaler.prepared, self.tiling, self.upscaler.tile is not None, conditions=told,
            backend=self.job.backend, should_stop=should_stop, notes=self.notes,
        )  # fmt: skip
        counts = yield from tiles_of(runner, plane, fit, should_stop)
        if runner.tiling != self.tiling:  # memory ran out: the next blocks begin where this one ended
            self.tiling = runner.tiling
        return counts

    def _halved(self, block: Block) -> npt.NDArray[Any]:
        """Return means of 2 × 2 pixels of the level before; at an odd end, of those that there are."""
        job = self.job
        finer, index = self.levels[block.level - 1], job.index(block.plane)
        height, width = job.plan.sizes[block.level - 1]
        columns = slice(2 * block.columns.start, min(2 * block.columns.stop, width))
        out = np.empty(block.shape, job.dtype)
        for start in range(block.rows.start, block.rows.stop, STRIP):
            stop = min(start + STRIP, block.rows.stop)
            values = job.stored.take(finer, index, slice(2 * start, min(2 * stop, height)), columns)
            out[start - block.rows.start : stop - block.rows.start] = halved(values)
        return out


def tiles_of(
    runner: Runner, plane: Plane, fit: Fit, should_stop: Callable[[], bool] | None = None
) -> Generator[float, None, Counts]:
    """Compute a part of a plane; yields the share that is done, returns what was counted."""
    with interruptible(runner.network, should_stop):
        for share in upscale_plane(runner, plane, partial(_constant, fit)):
            yield min(share, 0.99)  # it is done once it is written
    checks = runner.checks
    checks.settle()
    return Counts(
        runner.saturated, runner.non_finite, runner.tiles_redone, checks.blocks, checks.drifted, checks.drift,
        checks.pixels, checks.at_limits,
    )  # fmt: skip


def _constant(value: Fit, index: tuple[int, ...]) -> Fit:
    return value
