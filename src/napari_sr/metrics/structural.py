"""Structural similarity, as number and as map."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from napari_sr.metrics import METRICS, Spec, check_pair

#: side of the sliding window of SSIM, in pixels (Gaussian, sigma 1.5, truncated at 3.5 sigma)
WINDOW = 11
#: rows that are worked on at a time
BAND = 256
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: of SSIM's constants, that of brightness: as published, and one beside which brightness counts for nothing
K1, NO_BRIGHTNESS = 0.01, 1e9


def ssim_map(
    pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the mean SSIM and the SSIM at every pixel.

    Gaussian window with sigma 1.5, population covariance: the settings of Wang et al. 2004. The mean is
    taken inside a border of five pixels, where the window is complete. Computed by scikit-image.
    """
    check_pair(pred, target, data_range)
    pred, target = _nan_for_infinite(pred), _nan_for_infinite(target)
    if min(target.shape) < WINDOW:
        return float("nan"), np.full(target.shape, np.nan)
    full = _similarity(pred, target, data_range)
    inside = _inside(full)
    inside = inside[np.isfinite(inside)]  # windows that hold a pixel without a value have none
    return float(inside.mean()) if inside.size else float("nan"), full


def _similarity(
    pred: npt.NDArray[Any], target: npt.NDArray[Any], data_range: float, k1: float = K1
) -> npt.NDArray[np.float64]:
    """Return the SSIM map of an image, with another constant of brightness if given."""
    bands = [slice(start, start + BAND) for start in range(0, target.shape[0], BAND)]
    # scipy's filters run beside each other, and a band of the image takes little memory
    with ThreadPoolExecutor(max_workers=min(len(bands), os.cpu_count() or 1)) as pool:
        return np.concatenate(list(pool.map(lambda rows: _band(pred, target, rows, data_range, k1), bands)))


def _inside(full: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the part of a map where the window is complete."""
    border = WINDOW // 2
    return full[border:-border, border:-border]


def _nan_for_infinite(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an image without infinite values, which would be subtracted from each other."""
    if image.dtype.kind != "f" or not np.isinf(image).any():
        return image
    return np.where(np.isinf(image), np.nan, image)


def _band(
    pred: npt.NDArray[Any], target: npt.NDArray[Any], rows: slice, data_range: float, k1: float
) -> npt.NDArray[np.float64]:
    """Return the SSIM map of some rows, as it is in the map of the whole image."""
    top = max(0, min(rows.start - WINDOW, target.shape[0] - 2 * WINDOW))
    wide = slice(top, min(rows.stop + WINDOW, target.shape[0]))
    _, full = structural_similarity(
        np.asarray(target[wide], dtype=np.float64),
        np.asarray(pred[wide], dtype=np.float64),
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
        K1=k1,
    )
    return np.asarray(full)[rows.start - top :][: rows.stop - rows.start]


def ssim(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Mean SSIM (Wang et al. 2004); None for images smaller than the window."""
    mean, _ = ssim_map(pred, target, data_range=data_range)
    return None if np.isnan(mean) else mean


def ms_ssim(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Multi-scale SSIM (Wang et al. 2003): contrast and structure at five scales, brightness at the last.

    MS-SSIM = l_5^w_5 * prod_i (c_i s_i)^w_i, with the published weights and the settings of :func:`ssim_map`. Each
    scale is made of the means of 2 x 2 pixels of the one before; one that is below 0 counts as 0. As in torchmetrics,
    to which it is equal, the last scale is continued by its mirror image, since little of it lies inside a border of
    five pixels. Computed by scikit-image, whose filters are many times as fast: contrast and structure are SSIM without
    brightness.

    None for images with a side below 177 pixels, which do not have five scales; nan where a pixel has no value.
    """
    check_pair(pred, target, data_range)
    if min(target.shape) < 177:
        return None
    first, second = (_nan_for_infinite(np.asarray(image, dtype=np.float64)) for image in (pred, target))
    value = 1.0
    for weight in MS_SSIM_WEIGHTS[:-1]:
        similar = _inside(_similarity(first, second, data_range, NO_BRIGHTNESS)).mean()
        value *= float(np.maximum(0.0, similar)) ** weight  # what has no value makes one of none
        first, second = _halved(first), _halved(second)
    first, second = (np.pad(image, WINDOW // 2, mode="reflect") for image in (first, second))
    similar = _inside(_similarity(first, second, data_range)).mean()
    return float(value * np.maximum(0.0, similar) ** MS_SSIM_WEIGHTS[-1])


def _halved(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the means of 2 x 2 pixels; an odd row or column at the end is left out."""
    height, width = (n // 2 for n in image.shape)
    return np.asarray(image[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3)))


METRICS.register("ssim", title="SSIM")(Spec(ssim, higher_is_better=True, local=True))
METRICS.register("ms_ssim", title="MS-SSIM")(Spec(ms_ssim, higher_is_better=True))
