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
    info = np.iinfo(dtype)
    rounded = np.rint(np.nan_to_num(values, nan=0.0))
    # float64 cannot hold the limits of 64-bit integers: stay one representable step inside
    low, high = float(info.min), float(info.max)
    if int(high) > info.max:
        high = float(np.nextafter(high, 0))
    over = int(np.count_nonzero((rounded < low) | (rounded > high)))
    return np.clip(rounded, low, high).astype(dtype), over
