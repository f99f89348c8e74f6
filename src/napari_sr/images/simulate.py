"""Low-resolution images made from high-resolution ones, of any number of dimensions."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from napari_sr.degradations import degrade
from napari_sr.images.axes import Layout
from napari_sr.images.dtypes import to_dtype


def degraded_shape(shape: tuple[int, ...], axes: str, scale: int) -> tuple[int, ...]:
    """Return the shape of the LR image: Y and X divided by ``scale``, what is left over cut off."""
    return tuple(n // scale if a in "YX" else n for n, a in zip(shape, axes, strict=True))


def iter_degraded(
    image: Any, preset: str, scale: int, *, axes: str, seed: int = 0, out: Any = None,
    on_lost: Callable[[int], None] | None = None,
) -> Generator[float | np.ndarray, None, None]:  # fmt: skip
    """Degrade an image plane by plane, each with a noise of its own.

    Parameters
    ----------
    image
        Array-like of 2 to 5 dimensions.
    preset
        Name of a degradation.
    scale
        HR pixels to an LR pixel.
    axes
        One letter a dimension; colours (``S``) are degraded one by one.
    seed
        Of the noise of the first plane.
    out
        Array-like that receives the result; a new array of the image's type if None.
    on_lost
        Called with the number of LR pixels that have no value, for each plane that has such.

    Yields
    ------
    float or ndarray
        The share that is done after each plane; last, ``out``.
    """
    shape = tuple(int(n) for n in image.shape)
    layout = Layout(axes, shape)
    dtype = np.dtype(image.dtype).newbyteorder("=")
    lr = np.empty(degraded_shape(shape, axes, scale), dtype) if out is None else out
    for number, index in enumerate(layout.planes()):
        plane = layout.take(image, index)
        # transparency was not measured: neither blur nor noise
        values = degrade(plane, "area" if layout.is_alpha(index) else preset, scale, seed=seed + number)
        if on_lost is not None and (lost := int(np.count_nonzero(~np.isfinite(values)))):
            on_lost(lost)
        layout.put(lr, index, to_dtype(values, dtype)[0])
        yield (number + 1) / layout.plane_count()
    yield lr
