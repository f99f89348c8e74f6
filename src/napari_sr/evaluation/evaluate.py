"""Measure images or models against ground truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import low_resolution, make_degradation
from napari_sr.errors import ImageError
from napari_sr.evaluation.table import Row, Table
from napari_sr.inference import upscale
from napari_sr.metrics import METRICS
from napari_sr.metrics.naturalness import PATCH, NaturalModel, niqe
from napari_sr.metrics.spectral import spectrum_score
from napari_sr.model import Model
from napari_sr.store import load_model

Plane = npt.NDArray[Any]
DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim")
LOG_OFFSET = 2e-2


def full_range(target: Plane) -> float:
    """Return 255 for 8-bit images, otherwise the range of the target's own values."""
    if target.dtype == np.uint8:
        return 255.0
    return float(target.max()) - float(target.min()) or 1.0


def common_range(targets: Sequence[Plane]) -> float:
    """Return one data range for a set of images."""
    if all(t.dtype == np.uint8 for t in targets):
        return 255.0
    return float(max(t.max() for t in targets)) - float(min(t.min() for t in targets)) or 1.0


def log_density(density: Plane) -> npt.NDArray[np.float64]:
    """Return log10(density + 0.02), the field on which N-body images are compared."""
    return np.asarray(np.log10(np.maximum(np.asarray(density, np.float64), 0) + LOG_OFFSET))


def _cropped(image: Plane, crop: int) -> Plane:
    return image[crop : image.shape[0] - crop, crop : image.shape[1] - crop] if crop else image


def measure(
    pred: Plane, target: Plane, *, data_range: float, crop: int, metrics: Sequence[str]
) -> dict[str, float | None]:
    """Return each metric of one image inside a border of ``crop`` pixels."""
    if pred.shape != target.shape:
        raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
    if min(target.shape) <= 2 * crop:
        raise ImageError(f"A border of {crop} pixels leaves nothing of an image of {target.shape}.")
    p, t = _cropped(pred, crop), _cropped(target, crop)
    return {m: METRICS[m].function(p, t, data_range=data_range) for m in metrics}


def mean_row(name: str, values: Sequence[dict[str, float | None]], metrics: Sequence[str]) -> Row:
    """Return means and standard deviations over the images; None where a metric is not defined for any."""
    means: dict[str, float | None] = {}
    deviations: dict[str, float | None] = {}
    for metric in metrics:
        defined = [v for v in (one[metric] for one in values) if v is not None]
        means[metric] = float(np.mean(defined)) if defined else None
        deviations[metric] = float(np.std(defined)) if defined and np.all(np.isfinite(defined)) else None
    return Row(name, means, deviations)


def plane_niqe(image: Plane, model: NaturalModel, data_range: float) -> float | None:
    """Return NIQE, or None of an image that is smaller than one of its patches."""
    return niqe(image, model, data_range=data_range) if min(image.shape) >= PATCH else None


def evaluate_images(
    candidates: dict[str, Sequence[Plane]],
    targets: Sequence[Plane],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    data_range: float | None = None,
    crop: int = 0,
) -> Table:
    """Measure named lists of images against ``targets``, in their order."""
    chosen = data_range or common_range(targets)
    rows = []
    for name, images in candidates.items():
        if len(images) != len(targets):
            raise ImageError(f"{name} has {len(images)} images, the target {len(targets)}.")
        values = [
            measure(p, t, data_range=chosen, crop=crop, metrics=metrics) for p, t in zip(images, targets, strict=True)
        ]
        rows.append(mean_row(name, values, metrics))
    conditions = {"data range": f"{chosen:g}", "border left out": f"{crop} px"}
    return Table(tuple(rows), tuple(metrics), len(targets), conditions)


def evaluate_models(
    models: Sequence[Model],
    targets: Sequence[Plane],
    *,
    degradation: str = "",
    lr_images: Sequence[Plane] | None = None,
    rounded: bool = True,
    metrics: Sequence[str] = DEFAULT_METRICS,
    crop: int | None = None,
    density: bool = False,
    naturalness: NaturalModel | None = None,
    device: str = "auto",
    on_image: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Table:
    """Degrade each target, or take its LR image, super-resolve that with every model, and measure.

    Bicubic interpolation is always the first row. LR images that are made of integer images are rounded, as
    they are when they are stored, unless told otherwise; super-resolved images are not.

    Parameters
    ----------
    models
        All of one scale.
    targets
        HR planes; cropped to multiples of the scale.
    degradation
        Preset that makes the LR images, if there are none.
    lr_images
        The targets' LR images, where they were measured or made before.
    rounded
        Whether LR images that are made of 8-bit images are rounded to 8 bit.
    metrics
        Names in :data:`napari_sr.metrics.METRICS`.
    crop
        Border that is left out, HR pixels; the scale if None.
    density
        The images are densities: metrics are taken on log10(density + 0.02), and the power-spectrum
        score on the density itself, against nearest-neighbour upscaling.
    naturalness
        Also measure NIQE with this model, fitted on sharp images of the same kind; images smaller than its patches have
        none. It is also measured of the targets themselves, in a row of their own: more natural than that is too good.
    device
        As in :func:`napari_sr.upscale`.
    on_image
        Called with (images done, images).
    should_stop
        Asked again and again; :class:`Cancelled` is raised once it returns True.

    Raises
    ------
    ImageError
        If the scales differ, or LR images do not fit.
    """
    scales = {m.scale for m in models}
    if len(scales) != 1:
        raise ImageError(f"The models have different scales: {sorted(scales)}; evaluate them separately.")
    scale = scales.pop()
    crop = scale if crop is None else crop
    bicubic = load_model(f"bicubic-x{scale}")
    models = [bicubic, *(m for m in models if m.card.name != bicubic.card.name)]
    if lr_images is None:
        chain = make_degradation(degradation, scale)
    view: Callable[[Plane], Plane] = log_density if density else np.asarray
    cut = [t[: t.shape[0] // scale * scale, : t.shape[1] // scale * scale] for t in targets]
    data_range = common_range([view(t) for t in cut])
    values: dict[str, list[dict[str, float | None]]] = {m.card.name: [] for m in models}
    of_truth: list[float | None] = []
    for number, target in enumerate(cut):
        if lr_images is None:
            lr = low_resolution(target, chain, np.random.default_rng(number), rounded=rounded)
        else:
            lr = lr_images[number]
        nearest = np.repeat(np.repeat(lr, scale, axis=0), scale, axis=1)
        for model in models:
            sr = upscale(lr, model, dtype=np.float32, device=device, should_stop=should_stop)
            one = measure(view(sr), view(target), data_range=data_range, crop=crop, metrics=metrics)
            if density:
                one["spectrum_score"] = spectrum_score(sr, target, nearest)
            if naturalness is not None:
                one["niqe"] = plane_niqe(view(sr), naturalness, data_range)
            values[model.card.name].append(one)
        if naturalness is not None:
            of_truth.append(plane_niqe(view(target), naturalness, data_range))
        on_image(number + 1, len(cut))
    columns = (*metrics, *(("spectrum_score",) if density else ()), *(("niqe",) if naturalness is not None else ()))
    if naturalness is not None:
        nothing: dict[str, float | None] = dict.fromkeys(columns)
        values["truth (HR)"] = [nothing | {"niqe": value} for value in of_truth]
    rows = tuple(mean_row(name, v, columns) for name, v in values.items())
    conditions = {
        "degradation": f"{degradation or 'measured LR images'} ×{scale}" + ("" if rounded else ", not rounded"),
        "data range": f"{data_range:.4g}" + (" of log10(density + 0.02)" if density else ""),
        "border left out": f"{crop} px",
    }
    return Table(rows, columns, len(cut), conditions)
