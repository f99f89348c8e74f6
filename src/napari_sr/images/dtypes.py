"""Converting computed values to the number type of an image, without silent clipping."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ConfigError


def output_dtype(in_dtype: np.dtype[Any], asked: npt.DTypeLike | None) -> np.dtype[Any]:
    """Return the result's dtype, in native byte order."""
    dtype = in_dtype if asked is None else np.dtype(asked)
    if dtype.kind not in "buif":
        raise ConfigError(f"dtype: {dtype} cannot hold an image")
    return dtype.newbyteorder("=")


def to_dtype(values: npt.NDArray[np.floating], dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], int]:
    """Convert image values; integers are rounded and saturate. Returns the array and how many saturated."""
    if dtype.kind == "b":
        return values >= 0.5, 0
    if dtype.kind == "f":
        limit = np.finfo(dtype).max
        over = int(np.count_nonzero(np.abs(values[np.isfinite(values)]) > limit)) if dtype.itemsize < 4 else 0
        if over:
            values = np.where(np.isfinite(values), np.clip(values, -limit, limit), values)
        return values.astype(dtype), over
    # single precision has no 4294967295: what is cut there would wrap around to 0
    wide = np.asarray(values, dtype=np.float64 if dtype.itemsize > 2 else None)
    rounded = np.rint(np.nan_to_num(wide, nan=0.0))
    low, high = integer_limits(dtype)
    over = int(np.count_nonzero((rounded < low) | (rounded > high)))
    return np.clip(rounded, low, high).astype(dtype), over


def integer_limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and the largest float64 that an integer type holds."""
    info = np.iinfo(dtype)
    low, high = float(info.min), float(info.max)
    # float64 cannot hold the upper limits of 64-bit integers: stay one representable step inside
    return low, high if int(high) <= info.max else float(np.nextafter(high, 0))
