"""The figures of a finished model, by the very rule of the curves: one model has one figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.conditions import Condition
from napari_sr.errors import Cancelled
from napari_sr.evaluation.table import Table
from napari_sr.evaluation.tally import Figures, Tally, mean_row
from napari_sr.evaluation.test_set import DEFAULT_METRICS
from napari_sr.inference import Upscaler
from napari_sr.intensity import FittedIntensity
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.spectral import spectrum_score
from napari_sr.models.model import Model
from napari_sr.training.data.validation import WholeImages

Plane = npt.NDArray[Any]
#: below this, a density has no logarithm
TINY = 1e-6


@dataclass(frozen=True)
class Centre:
    """The centre of a validation image, and what came out of it, all in image values; ``sr`` by the model's name.

    ``unit`` is that of densities, of the whole LR image.
    """

    lr: Plane
    hr: Plane
    bicubic: Plane
    sr: dict[str, Plane]
    unit: float = 1.0


def measure(
    models: Sequence[Model], whole: WholeImages, *, should_stop: Callable[[], bool]
) -> tuple[Table, list[Centre]]:
    """Measure models as validation does: the same images, the same centres, what they are told, the range of each.

    The networks run as they do when images are super-resolved, but in single precision: a figure that is kept with a
    model must not depend on the processor.

    Raises
    ------
    Cancelled
        If ``should_stop`` returns True.
    """
    upscalers = [Upscaler(model, precision="fp32") for model in models]
    centres, each = [], []
    for number in range(len(whole)):
        centre = _centre(upscalers, whole, number, should_stop)
        centres.append(centre)
        each.append(_figures(centre, whole))
    names = list(each[0])
    values = {name: [one[name] for one in each] for name in names}
    columns = tuple(each[0][names[0]])
    rows = tuple(mean_row(name, values[name], columns) for name in names)
    return Table(rows, columns, len(whole), _conditions(whole), values), centres


def _centre(upscalers: Sequence[Upscaler], whole: WholeImages, number: int, should_stop: Callable[[], bool]) -> Centre:
    """Super-resolve the centre of one validation image with every model."""
    plane, side, scale = whole.planes[number], whole.limit, whole.scale
    _, _, bicubic, *_, told = whole[number]
    lr = np.asarray(plane.low(whole.degradation, seed=number), np.float32)
    fitted = whole.intensity.fit(lr)
    rows, columns = (slice(max(0, (n - side) // 2), max(0, (n - side) // 2) + min(n, side)) for n in lr.shape)
    in_hr = tuple(slice(span.start * scale, span.stop * scale) for span in (rows, columns))
    exact = {c.name: _untold(c, float(seen)) for c, seen in zip(whole.conditions, told, strict=True)}
    sr = {}
    for upscaler in upscalers:
        if should_stop():
            raise Cancelled("Stopped while the model was measured.")
        part = upscaler.window(lr, axes="YX", index=(), rows=rows, columns=columns, conditions=exact)
        sr[upscaler.model.card.name] = part.image
    hr = np.asarray(plane.hr[in_hr[0], in_hr[1]])
    unit = fitted.unit(whole.intensity)
    return Centre(lr[rows, columns], hr, _own_values(bicubic[0].numpy(), fitted), sr, unit)


def _untold(condition: Condition, seen: float) -> float:
    """Return the value of a condition that a network sees as ``seen``, between -1 and 1."""
    low, high = condition.low, condition.high
    share = (seen + 1) / 2
    if condition.logarithmic:
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)


def _own_values(values: npt.NDArray[np.float32], fitted: FittedIntensity) -> Plane:
    return np.asarray(fitted.inverse(values))


def _figures(centre: Centre, whole: WholeImages) -> dict[str, Figures]:
    """Return the figures of bicubic and of every model for one image."""
    density = whole.intensity.kind == "log"
    offset = whole.intensity.offset

    def view(image: Plane) -> Plane:  # as the network sees it
        values = np.asarray(image, np.float64) / centre.unit + offset if density else image
        return np.asarray(np.log10(np.maximum(values, TINY))) if density else image

    preds = {f"bicubic-x{whole.scale}": centre.bicubic, **centre.sr}
    target = view(centre.hr)
    tally = Tally(metrics=DEFAULT_METRICS, data_range=data_range_of([centre.hr], view if density else None), crop=0)
    tally.add(target, {name: view(pred) for name, pred in preds.items()})
    found = {name: dict(values[0]) for name, values in tally.table().each.items()}
    if density:
        nearest = np.kron(centre.lr, np.ones((whole.scale, whole.scale)))
        for name, pred in preds.items():
            found[name]["spectrum_score"] = spectrum_score(np.asarray(pred), centre.hr, nearest)
    return found


def _conditions(whole: WholeImages) -> dict[str, str]:
    made = "measured LR images" if whole.degradation is None else whole.degradation.name
    grey = all(plane.hr.dtype == np.uint8 for plane in whole.planes) and whole.intensity.kind != "log"
    of = f" of log10(density + {whole.intensity.offset:g}), in which bicubic is taken too"
    return {
        "LR images": f"{made} ×{whole.scale}",
        "part": f"the middle, at most {whole.limit} LR pixels a side, as in the curves",
        "data range": "255" if grey else "each image's own" + (of if whole.intensity.kind == "log" else ""),
    }
