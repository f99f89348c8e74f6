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
    bands = [slice(start, start + BAND) for start in range(0, target.shape[0], BAND)]
    # scipy's filters run beside each other, and a band of the image takes little memory
    with ThreadPoolExecutor(max_workers=min(len(bands), os.cpu_count() or 1)) as pool:
        full = np.concatenate(list(pool.map(lambda rows: _band(pred, target, rows, data_range), bands)))
    border = WINDOW // 2
    inside = full[border:-border, border:-border]
    inside = inside[np.isfinite(inside)]  # windows that hold a pixel without a value have none
    return float(inside.mean()) if inside.size else float("nan"), full


def _nan_for_infinite(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an image without infinite values, which would be subtracted from each other."""
    if image.dtype.kind != "f" or not np.isinf(image).any():
        return image
    return np.where(np.isinf(image), np.nan, image)


def _band(pred: npt.NDArray[Any], target: npt.NDArray[Any], rows: slice, data_range: float) -> npt.NDArray[np.float64]:
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
    )
    return np.asarray(full)[rows.start - top :][: rows.stop - rows.start]


def ssim(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Mean SSIM (Wang et al. 2004); None for images smaller than the window."""
    mean, _ = ssim_map(pred, target, data_range=data_range)
    return None if np.isnan(mean) else mean


def ms_ssim(pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None:
    """Multi-scale SSIM (Wang et al. 2003) by torchmetrics, with the published five weights.

    None for images with a side below 176 pixels, which do not have five scales.
    """
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    check_pair(pred, target, data_range)
    if min(target.shape) < 177:
        return None
    first, second = (
        torch.from_numpy(np.ascontiguousarray(image, dtype=np.float64))[None, None] for image in (pred, target)
    )
    value = multiscale_structural_similarity_index_measure(
        first, second, data_range=data_range, betas=MS_SSIM_WEIGHTS, normalize="relu"
    )
    return float(value)


METRICS.register("ssim", title="SSIM")(Spec(ssim, higher_is_better=True, local=True))
METRICS.register("ms_ssim", title="MS-SSIM")(Spec(ms_ssim, higher_is_better=True))
