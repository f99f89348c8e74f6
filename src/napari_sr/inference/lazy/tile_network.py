"""One tile through the network, with what holds for its whole plane."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import Cancelled
from napari_sr.images.axes import Layout
from napari_sr.images.dtypes import output_dtype
from napari_sr.images.halving import halved
from napari_sr.inference.conditions import Conditions, PlaneConditions, checked_conditions
from napari_sr.inference.lazy.tile_cache import Tile
from napari_sr.inference.parts import PlaneFits, fits_of
from napari_sr.inference.plane import Plane, upscale_plane
from napari_sr.inference.plane_runs import amount_of, checked_image
from napari_sr.inference.runner import Runner, interruptible
from napari_sr.inference.tiling import choose_tiling, context, end_of
from napari_sr.inference.upscaler import Upscaler
from napari_sr.intensity import FittedIntensity


class TileNetwork:
    """Super-resolves tiles of an image so that they agree with its whole result.

    A tile is computed with as much context as :meth:`Upscaler.iter` gives to its own, with the intensity transform and
    the conditions of the whole plane, which are found once.

    Parameters
    ----------
    image, axes
        The whole LR image, and its axes.
    upscaler
        The prepared model.
    conditions
        What the network is told; what is left out is estimated.
    levels
        How often a tile is halved, for whoever sees it from further away.
    before
        What computed the tiles before: of a large image, what it found of the plane holds for another model, too.
    """

    def __init__(
        self, image: Any, axes: str, upscaler: Upscaler, conditions: Conditions | None = None, *, levels: int = 1,
        before: TileNetwork | None = None,
    ) -> None:  # fmt: skip
        self.image, self.layout = checked_image(image), Layout(axes, tuple(int(n) for n in image.shape))
        self.upscaler, self.levels = upscaler, levels
        self.dtype = output_dtype(np.dtype(image.dtype), None)
        known = None if before is None else before.fits
        self.fits: PlaneFits = fits_of(self.image, self.layout, upscaler.model, known)
        self._tell(conditions)

    def _tell(self, conditions: Conditions | None) -> None:
        given = checked_conditions(self.upscaler.model, conditions)
        self._conditions = PlaneConditions(self.image, self.layout, self.upscaler.model, given, self.fits)
        self._known: dict[tuple[int, ...], tuple[tuple[FittedIntensity, float], dict[str, float]]] = {}

    def told(self, conditions: Conditions | None) -> TileNetwork:
        """Return one of the same model and image that is told something else; the plane is not measured again."""
        other = copy(self)
        other._tell(conditions)
        return other

    def knows(self, index: tuple[int, ...]) -> bool:
        """Return True if a plane was measured."""
        return index in self._known

    def measure(self, index: tuple[int, ...], should_stop: Callable[[], bool] | None = None) -> None:
        """Find the intensity transform and the conditions of a plane, and once what holds for the whole image."""
        pixels = amount_of(self.layout).pixels
        search = self.upscaler.iter_for(self.image, self.layout, pixels=pixels, should_stop=should_stop)
        self.upscaler = end_of(search)
        fit = self.fits(index)
        self._known[index] = (fit, self._conditions(index))

    def __call__(self, index: tuple[int, ...], rows: slice, columns: slice, should_stop: Callable[[], bool]) -> Tile:
        """Return a tile of a plane that was measured, and the same halved and halved again.

        Raises
        ------
        Cancelled
            If ``should_stop`` said so, which is asked at every layer of the network.
        SRError
            If it cannot be read or computed.
        """
        tile = [self._computed(index, rows, columns, should_stop)]
        while len(tile) < self.levels:
            tile.append(halved(tile[-1]))
        return tuple(tile)

    def _computed(
        self, index: tuple[int, ...], rows: slice, columns: slice, should_stop: Callable[[], bool]
    ) -> npt.NDArray[Any]:
        upscaler, prepared = self.upscaler, self.upscaler.prepared
        fit, told = self._known[index]
        halo, _ = context(upscaler.model, prepared.target, upscaler.overlap)
        around = [
            slice(max(0, s.start - halo), min(n, s.stop + halo))
            for s, n in zip((rows, columns), self.layout.plane_shape, strict=True)
        ]
        lr = np.ascontiguousarray(self.layout.take(self.image, index, *around))
        part = Layout("YX", lr.shape)
        out = np.empty(part.upscaled_shape(upscaler.scale), self.dtype)
        tiling = choose_tiling(
            upscaler.model, prepared.network(told), prepared.target, shape=part.plane_shape, planes=1,
            tile=upscaler.tile, overlap=upscaler.overlap,
        )  # fmt: skip
        runner = Runner(prepared, tiling, tile_given=upscaler.tile is not None, conditions=told)
        piece = Plane(lr, part, (), out, self.dtype, is_alpha=False)
        with interruptible(runner.network, should_stop):
            for _ in upscale_plane(runner, piece, lambda _: fit):
                if should_stop():
                    raise Cancelled("cancelled")
        top, left = ((s.start - a.start) * upscaler.scale for s, a in zip((rows, columns), around, strict=True))
        height, width = ((s.stop - s.start) * upscaler.scale for s in (rows, columns))
        return np.ascontiguousarray(out[top : top + height, left : left + width])
