"""Figures of images with pixels that are not finite: over what is finite, where that has a meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.metrics import METRICS


def measured(name: str, pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Return a metric over the pixels that are finite in both images.

    Metrics that go pixel by pixel leave the others out, SSIM the windows that hold one. Those of frequencies and scales
    have no value then, nor has any where nothing is left.
    """
    spec = METRICS[name]
    finite = np.isfinite(pred) & np.isfinite(target)
    if finite.all():
        return spec.function(pred, target, data_range=data_range)
    if not finite.any() or not (spec.per_pixel or spec.local):
        return None
    if spec.per_pixel:
        pred, target = pred[finite], target[finite]
    else:
        pred, target = (np.where(finite, image, np.nan) for image in (pred, target))
    return spec.function(pred, target, data_range=data_range)
