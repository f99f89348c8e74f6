"""What is shown until a tile comes: the image itself, interpolated; and tiles as they are seen from further away."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def enlarged(lr: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Interpolate linearly, pixel centres in place; 2 ns a pixel, so that a view is drawn at once.

    Parameters
    ----------
    lr
        Shape (rows + 2, columns + 2): a pixel of context on every side.
    factor
        Whole.

    Returns
    -------
    ndarray
        Shape (rows * factor, columns * factor), of the same type.
    """
    dtype = lr.dtype
    if factor == 1:
        return np.array(lr[1:-1, 1:-1])
    if dtype.kind in "iu" and dtype.itemsize == 8:  # a float has not all of them
        return np.repeat(np.repeat(lr[1:-1, 1:-1], factor, axis=0), factor, axis=1)
    wide = dtype.itemsize > 4 or (dtype.kind in "iu" and dtype.itemsize > 2)
    values: npt.NDArray[np.floating] = lr.astype(np.float64 if wide else np.float32)
    rows, columns = (n - 2 for n in lr.shape)
    between = np.empty((rows, factor, columns + 2), values.dtype)
    for phase, (start, share) in enumerate(_phases(factor)):
        above, below = values[start : start + rows], values[start + 1 : start + 1 + rows]
        np.multiply(below - above, share, out=between[:, phase])
        between[:, phase] += above
    tall = between.reshape(rows * factor, columns + 2)
    steps = np.diff(tall, axis=1)
    out = np.empty((rows * factor, columns, factor), values.dtype)
    for phase, (start, share) in enumerate(_phases(factor)):
        out[:, :, phase] = steps[:, start : start + columns] * share
        out[:, :, phase] += tall[:, start : start + columns]
    return _as_type(out.reshape(rows * factor, columns * factor), dtype)


def halved(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return means of 2 x 2 pixels, in the type of the image; both sides are even."""
    wide = np.float64 if image.dtype.itemsize > 2 else np.float32
    rows, columns = (n // 2 for n in image.shape)
    return _as_type(image.reshape(rows, 2, columns, 2).mean(axis=(1, 3), dtype=wide), image.dtype)


def _phases(factor: int) -> list[tuple[int, float]]:
    """Return, for every new pixel within an old one, the neighbour before it (0 or 1) and the share of the next."""
    places = [(phase + 0.5) / factor + 0.5 for phase in range(factor)]
    return [(int(place), place - int(place)) for place in places]


def _as_type(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if dtype.kind == "b":
        return np.asarray(values >= 0.5)
    return (np.rint(values, out=values) if dtype.kind in "iu" else values).astype(dtype, copy=False)
