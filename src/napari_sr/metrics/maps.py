"""Maps: images that show where a prediction and its target differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError


def error_map(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return |pred - target| in the image's unit, float32."""
    if pred.shape != target.shape:
        raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
    difference = np.asarray(pred, dtype=np.float64) - np.asarray(target, dtype=np.float64)
    return np.abs(difference).astype(np.float32)
