"""From what a network computes to the numbers of an image, on the device that computed it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.images.dtypes import integer_limits
from napari_sr.intensity import FittedIntensity


def is_wide(dtype: np.dtype[Any]) -> bool:
    """Return True if single precision is too coarse to round to ``dtype``."""
    return dtype.itemsize > 4 or (dtype.kind in "ui" and dtype.itemsize > 2)


def image_values(sr: Tensor, fitted: FittedIntensity, dtype: np.dtype[Any]) -> Tensor:
    """Undo the intensity transform, as :meth:`FittedIntensity.inverse` does.

    Parameters
    ----------
    sr
        Network values, float32, any shape.
    fitted
        The transform.
    dtype
        Of the result to come: it decides on single or double precision.
    """
    wide = is_wide(dtype) or fitted.log_offset is not None
    if sr.device.type == "mps":  # has neither double precision nor all whole numbers
        sr = sr.cpu()
    gain = (fitted.high - fitted.low) / (fitted.upper - fitted.lower)
    values = sr.to(torch.float64 if wide else torch.float32).mul(gain).add_(fitted.low - fitted.lower * gain)
    if fitted.log_offset is not None:
        # one decade above the fitted range is as far as a network may extrapolate a density
        values = torch.pow(10.0, values.clamp_(max=fitted.high + 1)).sub_(fitted.log_offset)
    return values


def rounded(values: Tensor, dtype: np.dtype[Any]) -> tuple[Tensor, Tensor]:
    """Convert image values as :func:`napari_sr.images.dtypes.to_dtype` does.

    Returns
    -------
    converted, saturated
        Of the torch type that is ``dtype``; and how many values were beyond its limits, shape ().
    """
    if dtype.kind == "b":
        return values >= 0.5, torch.zeros((), dtype=torch.int64)
    to = torch_dtype(dtype)
    if dtype.kind in "ui" and is_wide(dtype):  # single precision has no 4294967295: it would wrap around to 0
        values = values.double()
    if dtype.kind == "f":
        if dtype.itemsize >= 4:
            return values.to(to), torch.zeros((), dtype=torch.int64)
        limit = float(np.finfo(dtype).max)
        cut = torch.where(torch.isfinite(values), values.clamp(-limit, limit), values)
        return cut.to(to), (torch.isfinite(values) & (cut != values)).sum()
    low, high = integer_limits(dtype)
    whole = torch.nan_to_num(values, nan=0.0).round_()
    cut = whole.clamp(low, high)
    return cut.to(to), (cut != whole).sum()


def torch_dtype(dtype: np.dtype[Any]) -> torch.dtype:
    """Return torch's name of a numpy type."""
    found: torch.dtype = getattr(torch, dtype.name)
    return found
