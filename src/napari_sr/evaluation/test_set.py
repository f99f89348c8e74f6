"""Measure images or models against ground truth."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_sr.degradations import low_resolution, make_degradation
from napari_sr.densities import own_log
from napari_sr.errors import ImageError
from napari_sr.evaluation.table import Table
from napari_sr.evaluation.tally import Plane, Tally, seen_beside
from napari_sr.inference import Upscaler
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.naturalness import NaturalModel
from napari_sr.models.model import Model
from napari_sr.models.store import load_model

DEFAULT_METRICS = ("psnr", "ssim", "ms_ssim")
#: called with the number of an image, the pictures of it by name, and its target
OnPreds = Callable[[int, Mapping[str, Plane], Plane], None]


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
    on_preds: OnPreds = lambda number, preds, target: None,
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
    for name, images in candidates.items():
        if len(images) != len(targets):
            raise ImageError(f"{name} has {len(images)} images, the target {len(targets)}.")
    if lr_images is not None and len(lr_images) != len(targets):
        raise ImageError(f"There are {len(lr_images)} LR images, and {len(targets)} targets.")
    if data_range is None:
        data_range = data_range_of(targets, own_log if density else None)
    tally = Tally(
        metrics=metrics, data_range=data_range,
        crop=crop, density=density, scored=density and lr_images is not None, naturalness=naturalness, learned=learned,
    )  # fmt: skip
    interpolations: dict[int, tuple[Upscaler, Upscaler]] = {}
    for number, stored in enumerate(targets):
        target = np.asarray(stored)
        preds, nearest = {name: np.asarray(images[number]) for name, images in candidates.items()}, None
        if lr_images is not None:
            lr = np.asarray(lr_images[number])
            scale = _factor(lr, target)
            if scale not in interpolations:
                interpolations[scale] = (
                    Upscaler(load_model(f"bicubic-x{scale}")),
                    Upscaler(load_model(f"nearest-x{scale}")),
                )
            low = interpolations[scale]
            bicubic, nearest = (_cut(u(lr, dtype=np.float32), target) for u in low)
            preds = {low[0].model.card.name: bicubic} | preds
        on_preds(number, tally.add(target, preds, nearest), seen_beside(target, density=density)(target))
    return tally.table()


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


def distinct(names: Sequence[str]) -> list[str]:
    """Return names of which no two are alike: the second of a name gets a 2 behind it."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


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
    on_preds: OnPreds = lambda number, preds, target: None,
    should_stop: Callable[[], bool] = lambda: False,
    names: Sequence[str] | None = None,
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
    names
        Of the models' rows; those of their cards if None, with numbers where two are alike.

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
    called = dict(zip(names or distinct([m.card.name for m in models]), models, strict=True))
    called = {bicubic.card.name: bicubic} | {n: m for n, m in called.items() if m.card.name != bicubic.card.name}
    upscalers = {n: Upscaler(m, device=device) for n, m in called.items()}
    if lr_images is None:
        chain = make_degradation(degradation, scale)
    cut = [t[: t.shape[0] // scale * scale, : t.shape[1] // scale * scale] for t in targets]
    tally = Tally(
        metrics=metrics, data_range=data_range_of(cut, own_log if density else None), crop=crop,
        density=density, scored=density, naturalness=naturalness,
    )  # fmt: skip
    for number, stored in enumerate(cut):
        target = np.asarray(stored)
        if lr_images is None:
            lr = low_resolution(target, chain, np.random.default_rng(number), rounded=rounded)
        else:
            lr = np.asarray(lr_images[number])
        nearest = np.repeat(np.repeat(lr, scale, axis=0), scale, axis=1)
        preds = {n: u(lr, dtype=np.float32, should_stop=should_stop) for n, u in upscalers.items()}
        seen = tally.add(target, preds, nearest)
        view = seen_beside(target, density=density)
        on_preds(number, {"LR": view(lr), **seen}, view(target))
        yield Evaluating(number + 1, len(cut))
    how = f"{degradation or 'measured LR images'} ×{scale}" + ("" if rounded else ", not rounded")
    yield tally.table(degradation=how)
