"""Measure images or models against ground truth."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import low_resolution, make_degradation
from napari_sr.errors import ImageError
from napari_sr.evaluation.table import Row, Table
from napari_sr.inference import upscale
from napari_sr.metrics import METRICS
from napari_sr.metrics.learned import FID, fid
from napari_sr.metrics.learned import learned as figure
from napari_sr.metrics.naturalness import PATCH, NaturalModel, niqe
from napari_sr.metrics.spectral import spectrum_score
from napari_sr.model import Model
from napari_sr.store import load_model

Plane = npt.NDArray[Any]
DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim")
LOG_OFFSET = 2e-2
TRUTH = "truth (HR)"
#: called with the number of an image, the pictures of it by name, and its target
Shown = Callable[[int, Mapping[str, Plane], Plane], None]


def full_range(target: Plane) -> float:
    """Return 255 for 8-bit images, otherwise the range of the target's own values."""
    if target.dtype == np.uint8:
        return 255.0
    return float(target.max()) - float(target.min()) or 1.0


def common_range(targets: Sequence[Plane], view: Callable[[Plane], Plane] = np.asarray) -> float:
    """Return one data range for a set of images as ``view`` shows them; they are read one after another."""
    if view is np.asarray and all(t.dtype == np.uint8 for t in targets):
        return 255.0
    low, high = np.inf, -np.inf
    for target in targets:
        seen = view(target)
        low, high = min(low, float(seen.min())), max(high, float(seen.max()))
    return high - low or 1.0


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
    candidates: Mapping[str, Sequence[Plane]],
    targets: Sequence[Plane],
    *,
    lr_images: Sequence[Plane] | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    data_range: float | None = None,
    crop: int = 0,
    density: bool = False,
    naturalness: NaturalModel | None = None,
    learned: Sequence[str] = (),
    on_pictures: Shown = lambda number, pictures, target: None,
) -> Table:
    """Measure named lists of images against ``targets``, in their order.

    Parameters
    ----------
    candidates, targets
        As many images each.
    lr_images
        What the candidates were made of: their bicubic interpolation is the first row then, and densities have a
        spectrum score.
    learned
        Names in :data:`napari_sr.metrics.learned.LEARNED`, or ``fid`` for the whole set.
    metrics, data_range, crop, density, naturalness
        As in :func:`evaluate_models`; the range of all targets, or 255 for 8 bit, if ``data_range`` is None.
    on_pictures
        Called with the number, the pictures by name, and the target of every image.

    Raises
    ------
    ImageError
        If numbers or sizes differ.
    """
    view: Callable[[Plane], Plane] = log_density if density else np.asarray
    chosen = data_range or common_range(targets, view)
    for name, images in candidates.items():
        if len(images) != len(targets):
            raise ImageError(f"{name} has {len(images)} images, the target {len(targets)}.")
    if lr_images is not None and len(lr_images) != len(targets):
        raise ImageError(f"There are {len(lr_images)} LR images, and {len(targets)} targets.")
    values: dict[str, list[dict[str, float | None]]] = {}
    of_truth: list[float | None] = []
    sets: dict[str, list[Plane]] = {}
    for number, stored in enumerate(targets):
        target = np.asarray(stored)
        pictures, nearest = {name: np.asarray(images[number]) for name, images in candidates.items()}, None
        if lr_images is not None:
            lr = np.asarray(lr_images[number])
            scale = _factor(lr, target)
            low = load_model(f"bicubic-x{scale}"), load_model(f"nearest-x{scale}")
            bicubic, nearest = (_cut(upscale(lr, m, dtype=np.float32), target) for m in low)
            pictures = {low[0].card.name: bicubic} | pictures
        for name, picture in pictures.items():
            one = measure(view(picture), view(target), data_range=chosen, crop=crop, metrics=metrics)
            if density and nearest is not None:
                one["spectrum_score"] = spectrum_score(picture, target, nearest)
            if naturalness is not None:
                one["niqe"] = plane_niqe(_cropped(view(picture), crop), naturalness, chosen)
            inner = _cropped(view(picture), crop), _cropped(view(target), crop)
            one |= {n: figure(n, *inner, data_range=chosen) for n in learned if n != FID}
            values.setdefault(name, []).append(one)
        if naturalness is not None:
            of_truth.append(plane_niqe(_cropped(view(target), crop), naturalness, chosen))
        on_pictures(number, {name: view(picture) for name, picture in pictures.items()}, view(target))
        for name, picture in pictures.items() if FID in learned else ():
            sets.setdefault(name, []).append(_cropped(view(picture), crop))
    conditions = {
        "data range": f"{chosen:.4g}" + (" of log10(density + 0.02)" if density else ""),
        "border left out": f"{crop} px",
    }
    scored = density and lr_images is not None
    single = [n for n in learned if n != FID]
    table = _table(values, of_truth, (*metrics, *single), conditions, scored=scored, naturalness=naturalness)
    if FID not in learned:
        return table
    truth = [_cropped(view(np.asarray(t)), crop) for t in targets]
    found = {name: fid(images, truth, data_range=chosen) for name, images in sets.items()}
    rows = [replace(row, means={**row.means, FID: found.get(row.name)}) for row in table.rows]
    return replace(table, rows=tuple(rows), metrics=(*table.metrics, FID))


def _factor(lr: Plane, target: Plane) -> int:
    """Return how many times larger the target is; raises :class:`ImageError` if not a whole number."""
    scale = int(max(1, round(target.shape[0] / lr.shape[0])))
    if scale < 2 or any(not 0 <= t - n * scale < scale for t, n in zip(target.shape, lr.shape, strict=True)):
        raise ImageError(f"An LR image of {lr.shape} does not belong to a target of {target.shape}.")
    return scale


def _cut(image: Plane, target: Plane) -> Plane:
    """Return the image in the target's shape: rows and columns that fill no LR pixel are repeated from the border."""
    missing = [(0, t - n) for t, n in zip(target.shape, image.shape, strict=True)]
    return np.pad(image, missing, mode="edge")


def _table(
    values: dict[str, list[dict[str, float | None]]],
    of_truth: list[float | None],
    metrics: Sequence[str],
    conditions: dict[str, str],
    *,
    scored: bool,
    naturalness: NaturalModel | None,
) -> Table:
    columns = (*metrics, *(("spectrum_score",) if scored else ()), *(("niqe",) if naturalness is not None else ()))
    count = len(next(iter(values.values()), []))
    if naturalness is not None:
        nothing: dict[str, float | None] = dict.fromkeys(columns)
        values[TRUTH] = [nothing | {"niqe": value} for value in of_truth]
    # the truth is not one of those that can be best
    rows = [replace(mean_row(n, v, columns), region="truth" if n == TRUTH else "") for n, v in values.items()]
    return Table(tuple(rows), columns, count, conditions, values)


@dataclass(frozen=True)
class Evaluating:
    """How many images are done."""

    done: int
    total: int

    @property
    def fraction(self) -> float:
        """Share that is done."""
        return self.done / self.total


def evaluate_models(
    models: Sequence[Model],
    targets: Sequence[Plane],
    *,
    on_image: Callable[[int, int], None] = lambda done, total: None,
    **settings: Any,
) -> Table:
    """Do what :func:`iter_evaluated` does in one call; ``on_image`` is called with (images done, images)."""
    for event in iter_evaluated(models, targets, **settings):
        if isinstance(event, Table):
            return event
        on_image(event.done, event.total)
    raise AssertionError("unreachable: the last event is the table")


def iter_evaluated(
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
    on_pictures: Shown = lambda number, pictures, target: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Evaluating | Table, None, None]:
    """Degrade each target, or take its LR image, super-resolve that with every model, and measure; ends with the table.

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
    on_pictures
        Called with the number, the pictures by name (the LR image as ``LR``), and the target of every image.
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
    data_range = common_range(cut, view)
    values: dict[str, list[dict[str, float | None]]] = {m.card.name: [] for m in models}
    of_truth: list[float | None] = []
    for number, stored in enumerate(cut):
        target = np.asarray(stored)
        if lr_images is None:
            lr = low_resolution(target, chain, np.random.default_rng(number), rounded=rounded)
        else:
            lr = np.asarray(lr_images[number])
        nearest = np.repeat(np.repeat(lr, scale, axis=0), scale, axis=1)
        pictures = {"LR": view(lr)}
        for model in models:
            sr = upscale(lr, model, dtype=np.float32, device=device, should_stop=should_stop)
            one = measure(view(sr), view(target), data_range=data_range, crop=crop, metrics=metrics)
            if density:
                one["spectrum_score"] = spectrum_score(sr, target, nearest)
            if naturalness is not None:
                one["niqe"] = plane_niqe(view(sr), naturalness, data_range)
            values[model.card.name].append(one)
            pictures[model.card.name] = view(sr)
        if naturalness is not None:
            of_truth.append(plane_niqe(view(target), naturalness, data_range))
        on_pictures(number, pictures, view(target))
        yield Evaluating(number + 1, len(cut))
    conditions = {
        "degradation": f"{degradation or 'measured LR images'} ×{scale}" + ("" if rounded else ", not rounded"),
        "data range": f"{data_range:.4g}" + (" of log10(density + 0.02)" if density else ""),
        "border left out": f"{crop} px",
    }
    yield _table(values, of_truth, metrics, conditions, scored=density, naturalness=naturalness)
