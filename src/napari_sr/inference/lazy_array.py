"""A super-resolved image that is computed when it is asked for: an array of dask, in blocks of the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ConfigError
from napari_sr.images.axes import Layout, guess_axes
from napari_sr.images.dtypes import output_dtype
from napari_sr.images.foreign import as_image
from napari_sr.inference.block_engine import tiles_of
from napari_sr.inference.block_tiling import block_tiling
from napari_sr.inference.blocks import BlockPlan, Reading, reading
from napari_sr.inference.conditions import (
    Conditions,
    checked_conditions,
    estimated,
    middle_plane,
    square_windows,
    with_most_contrast,
)  # fmt: skip
from napari_sr.inference.parts import fitted, sample_windows
from napari_sr.inference.plane import Fit, Plane
from napari_sr.inference.runner import Runner
from napari_sr.inference.sent import LOCK, SentModel
from napari_sr.inference.tiling import Tiling
from napari_sr.inference.upscaler import Upscaler
from napari_sr.models.model import Model

if TYPE_CHECKING:
    import dask.array


def upscale_lazy(
    image: Any,
    model: Model,
    *,
    axes: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    overlap: int | None = None,
    conditions: Conditions | None = None,
    dtype: npt.DTypeLike | None = None,
) -> dask.array.Array:
    """Return a super-resolved image as an array of dask, of which nothing is computed yet.

    Its chunks are blocks of planes, each computed from what it needs of the image, with the intensities and the
    estimates of whole planes: the values are those of :func:`~napari_sr.inference.to_zarr.iter_upscale_to_zarr`, but
    that each tile's channels are scaled by what it holds (RCAN, DFCAN), and that blur and noise are estimated from the
    middle plane also where that is blank (the model's defaults then), since nothing is read before it is asked. It
    works with any scheduler of dask; a process computes one block at a time.

    Parameters
    ----------
    image
        An array of dask, or anything :func:`~napari_sr.inference.one_call.iter_upscale` takes.
    model
        From :func:`napari_sr.load_model`.
    axes, device, precision, tile, overlap, conditions, dtype
        As in :func:`~napari_sr.inference.one_call.iter_upscale`. What ``auto`` means is decided here, not by workers.

    Raises
    ------
    ConfigError, ImageError
        If a setting or the image cannot be used, or dask is not installed.

    Examples
    --------
    >>> sr = upscale_lazy(dask.array.from_zarr("lr.zarr"), load_model("em-x4"))  # doctest: +SKIP
    >>> view = sr[:2000, :2000].compute()  # doctest: +SKIP
    """
    try:
        import dask.array as da
    except ImportError:
        raise ConfigError("To super-resolve lazily: pip install 'dask[array]'") from None
    image, axes_of = as_image(image, axes)
    lazy = image if isinstance(image, da.Array) else da.from_array(image)
    shape = tuple(int(n) for n in lazy.shape)
    layout = Layout(axes_of or guess_axes(shape, dtype=np.dtype(lazy.dtype)), shape)
    upscaler = Upscaler(model, device=device, precision=precision, tile=tile, overlap=overlap)
    given = checked_conditions(model, conditions)
    return _Graph(lazy, layout, upscaler, given, output_dtype(np.dtype(lazy.dtype), dtype)).result()


class _Graph:
    """Puts the tasks of an image together."""

    def __init__(self, image: Any, layout: Layout, upscaler: Upscaler, given: Conditions, dtype: np.dtype[Any]) -> None:
        import dask

        self.image, self.layout, self.model, self.given, self.dtype = image, layout, upscaler.model, given, dtype
        rows, columns = layout.plane_shape
        self.plan = BlockPlan.of(layout.plane_count(), (rows * upscaler.scale, columns * upscaler.scale))
        self.tiling = block_tiling(
            self.model, upscaler.prepared.target, plane=layout.plane_shape, side=self.plan.side, tile=upscaler.tile,
            overlap=upscaler.overlap,
        )  # fmt: skip
        self.sent = dask.delayed(SentModel(upscaler), pure=True)
        self.others = [a for a in layout.axes if a not in "YX"]
        self._fits: dict[tuple[int, ...], Any] = {}
        self._told: dict[int, Any] = {}

    def result(self) -> Any:
        """Return the whole array."""
        import dask.array as da

        return da.block(self._nested(0, ()))

    def _nested(self, axis: int, chosen: tuple[int, ...]) -> Any:
        """Return blocks as lists in lists, one level an axis of the image."""
        if axis == len(self.layout.axes):
            return self._block(dict(zip(self.layout.axes, chosen, strict=True)))
        letter = self.layout.axes[axis]
        counts = dict(zip("YX", self.plan.grid(0), strict=True))
        count = counts.get(letter, self.layout.shape[axis])
        return [self._nested(axis + 1, (*chosen, n)) for n in range(count)]

    def _block(self, at: Mapping[str, int]) -> Any:
        import dask
        import dask.array as da

        across = self.plan.grid(0)[1]
        block = self.plan.block(at["Y"] * across + at["X"])
        whole = tuple(at[a] for a in self.others)
        read = reading(block, self.tiling, corner=(0, 0), whole=self.layout.plane_shape, scale=self.model.scale)
        values = dask.delayed(_upscaled, pure=True)(
            self.sent, self._window(whole, read.rows, read.columns), read, self.tiling, self._fit(whole),
            self._conditions(whole), self.layout.is_alpha(whole), self.dtype,
        )  # fmt: skip
        found = self.layout.oriented(da.from_delayed(values, block.shape, self.dtype))
        spread = tuple(slice(None) if a in "YX" else None for a in self.layout.axes)
        return found[spread]

    def _window(self, whole: tuple[int, ...], rows: slice, columns: slice) -> Any:
        """Return a window of a plane of the image, rows first."""
        return self.layout.oriented(self.image[self.layout.select(whole, rows, columns)])

    def _fit(self, whole: tuple[int, ...]) -> Any:
        """Return the intensity transform of a plane; colours share theirs."""
        import dask

        colour = self.others.index("S") if "S" in self.others else None
        key = tuple(n for i, n in enumerate(whole) if i != colour)
        if key not in self._fits:
            planes = [whole] if colour is None else [(*whole[:colour], c, *whole[colour + 1 :]) for c in range(3)]
            windows = sample_windows(self.layout.plane_shape, np.dtype(self.image.dtype))
            samples = [self._window(p, rows, columns) for p in planes for rows, columns in windows]
            self._fits[key] = dask.delayed(fitted, pure=True)(self.model.intensity, samples)
        return self._fits[key]

    def _conditions(self, whole: tuple[int, ...]) -> Any:
        """Return what the network is told of a plane: numbers, or what is estimated once a channel."""
        import dask

        known = self.model.network.conditions
        wanted = [c for c in known if self.given[c.name] == "auto"]
        numbers = {c.name: float(self.given[c.name]) for c in known if c not in wanted}
        if not wanted:
            return numbers
        channel = whole[self.others.index("C")] if "C" in self.others else 0
        if channel not in self._told:
            middle = middle_plane(self.layout, channel)
            squares = [self._window(middle, rows, columns) for rows, columns in square_windows(self.layout.plane_shape)]
            self._told[channel] = dask.delayed(_told, pure=True)(
                wanted, dict(self.model.card.lr_images), squares, self._fit(middle), numbers
            )
        return self._told[channel]


def _told(
    wanted: Any, trained: Any, squares: list[npt.NDArray[Any]], fit: Fit, numbers: Mapping[str, float]
) -> dict[str, float]:
    return estimated(wanted, trained, with_most_contrast(squares), fit[0]) | dict(numbers)


def _upscaled(
    sent: SentModel, window: npt.NDArray[Any], read: Reading, tiling: Tiling, fit: Fit, told: Mapping[str, float],
    is_alpha: bool, dtype: np.dtype[Any],
) -> npt.NDArray[Any]:  # fmt: skip
    """Return one block."""
    out = np.empty([k.stop - k.start for k in read.keep], dtype)
    plane = Plane(np.asarray(window), Layout("YX", window.shape), (), out, dtype, is_alpha, read.tiles, read.keep)
    with LOCK:
        upscaler = sent.upscaler()
        for _ in tiles_of(Runner(upscaler.prepared, tiling, upscaler.tile is not None, conditions=told), plane, fit):
            pass
    return out
