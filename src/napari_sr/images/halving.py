"""Images at half their resolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.dtypes import to_dtype


def halved(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the means of 2 × 2 pixels, in the image's own type; at an odd end, of those that there are."""
    rows, columns = values.shape
    even = np.pad(values, ((0, rows % 2), (0, columns % 2)), mode="edge")
    wide = np.float32 if values.dtype.itemsize <= 2 else np.float64
    with np.errstate(invalid="ignore"):  # the mean of infinities is no number
        # two sums of two: four times as fast as a mean over two axes
        lines = even[::2].astype(wide) + even[1::2]
        means = (lines[:, ::2] + lines[:, 1::2]) / 4
    return to_dtype(means, values.dtype)[0]
