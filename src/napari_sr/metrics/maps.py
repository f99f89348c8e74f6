"""Maps: images that show where a prediction and its target differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.metrics.consistency import intensity_fit

#: kinds of error map: title, and what is computed
KINDS = {
    "signed": "prediction - target",
    "absolute": "|prediction - target|",
    "root-squared": "√((prediction - target)²) after normalisation, as in the DFCAN notebook",
}


def error_map(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, kind: str = "absolute") -> npt.NDArray[np.float32]:
    """Return the error at every pixel, float32.

    Parameters
    ----------
    pred, target
        Images of one shape.
    kind
        ``signed`` or ``absolute``, in the images' unit; ``root-squared``: √((p - t)²) as ZeroCostDL4Mic's notebooks
        show it, after the target's 0.1 and 99.9 % quantiles were brought to 0 and 1 and the prediction to the
        target by the scale and offset of least squares, so that an error in these is not seen.

    Raises
    ------
    ImageError
        If the shapes differ.
    ValueError
        If there is no such kind.
    """
    if pred.shape != target.shape:
        raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
    if kind not in KINDS:
        raise ValueError(f"{kind} is no kind of error map; choose one of {', '.join(KINDS)}.")
    first, second = (np.asarray(image, dtype=np.float64) for image in (pred, target))
    if kind == "root-squared":
        low, high = (float(v) for v in np.percentile(second, (0.1, 99.9)))
        second = (second - low) / (high - low) if high > low else second - low
        scale, offset = intensity_fit(first, second)
        first = scale * first + offset
    difference = first - second
    return (difference if kind == "signed" else np.abs(difference)).astype(np.float32)
