"""Metrics that compare pixel by pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.metrics import METRICS, Spec, check_pair


def _errors(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(pred, dtype=np.float64) - np.asarray(target, dtype=np.float64)


def psnr(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float:
    """Peak signal-to-noise ratio, 10 log10(data_range^2 / MSE), in dB; infinite for equal images."""
    check_pair(pred, target, data_range)
    mse = float(np.mean(_errors(pred, target) ** 2))
    return math.inf if mse == 0 else 10 * math.log10(data_range**2 / mse)


def rmse(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float:
    """Root of the mean squared error, in the image's unit."""
    check_pair(pred, target, data_range)
    return float(np.sqrt(np.mean(_errors(pred, target) ** 2)))


def nrmse(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float:
    """RMSE divided by the data range."""
    return rmse(pred, target, data_range=data_range) / data_range


def mae(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float:
    """Mean absolute error, in the image's unit."""
    check_pair(pred, target, data_range)
    return float(np.mean(np.abs(_errors(pred, target))))


def pearson(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Pearson correlation of the pixel values; None if one of the images is constant."""
    check_pair(pred, target, data_range)
    first, second = (np.asarray(image, dtype=np.float64) - np.mean(image, dtype=np.float64) for image in (pred, target))
    power = float(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / math.sqrt(power)) if power > 0 else None


METRICS.register("psnr", title="PSNR")(Spec(psnr, higher_is_better=True, per_pixel=True, unit="dB", digits=2))
METRICS.register("nrmse", title="NRMSE")(Spec(nrmse, higher_is_better=False, per_pixel=True))
METRICS.register("rmse", title="RMSE")(Spec(rmse, higher_is_better=False, per_pixel=True))
METRICS.register("pearson", title="Pearson")(Spec(pearson, higher_is_better=True, per_pixel=True))
METRICS.register("mae", title="MAE")(Spec(mae, higher_is_better=False, per_pixel=True))
