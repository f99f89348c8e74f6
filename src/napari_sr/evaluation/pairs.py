"""Quality control: a model on pairs of measured LR and HR images."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.evaluation.compare import iter_comparison
from napari_sr.evaluation.comparison import Comparison, ComparisonProgress, ComparisonRequest
from napari_sr.evaluation.files import matched_planes
from napari_sr.evaluation.table import Table
from napari_sr.evaluation.test_set import Evaluating, iter_evaluated
from napari_sr.images.grid import GridImage, multiple
from napari_sr.inference import upscale
from napari_sr.models.model import Model

Plane = npt.NDArray[Any]
#: the four maps of the DFCAN notebook: of the super-resolved and of the LR image, both against the truth
MAPS = ("ssim", "root-squared")


@dataclass(frozen=True)
class Checked:
    """Mean figures of bicubic interpolation and the model, those of every image, and the images.

    Attributes
    ----------
    table
        ``table.each`` has the figures of every image.
    titles, lr, hr
        Of every image; arrays may lie on disk.
    """

    table: Table
    titles: tuple[str, ...]
    lr: tuple[Plane, ...]
    hr: tuple[Plane, ...]


def iter_quality(
    lr: Path, hr: Path, model: Model, *, should_stop: Callable[[], bool] = lambda: False
) -> Generator[Evaluating | Checked, None, None]:
    """Measure a model on pairs of files of the same names; ends with :class:`Checked`.

    Raises
    ------
    ImageError
        If files have no partner, or sizes do not fit the model's scale.
    """
    low, high, titles = matched_planes(lr, hr, ("LR", "HR"))
    for event in iter_evaluated(
        [model], high, lr_images=low, density=model.intensity.kind == "log", should_stop=should_stop
    ):
        yield Checked(event, tuple(titles), tuple(low), tuple(high)) if isinstance(event, Table) else event


@dataclass(frozen=True)
class ComparedPair:
    """One image of a quality control: what the model made of it, and the maps."""

    title: str
    lr: Plane
    sr: Plane
    hr: Plane
    scale: int
    comparison: Comparison


def iter_compared_pair(
    title: str, lr: Plane, hr: Plane, model: Model, *, should_stop: Callable[[], bool] = lambda: False
) -> Generator[ComparisonProgress | ComparedPair, None, None]:
    """Super-resolve one image, and compare both with the truth; ends with :class:`ComparedPair`."""
    yield ComparisonProgress(0.0, "Super-resolving …")
    lr = np.asarray(lr)
    sr = upscale(lr, model, dtype=np.float32, should_stop=should_stop)
    whole = np.asarray(hr)[: sr.shape[0], : sr.shape[1]]
    asked = ComparisonRequest(
        GridImage(f"{title} HR", whole, "YX"),
        (GridImage(f"{title} LR", lr, "YX", multiple(model.scale)), GridImage(f"{title} SR", sr, "YX")),
        maps=MAPS, metrics=("psnr", "ssim"), density=model.intensity.kind == "log",
    )  # fmt: skip
    for event in iter_comparison(asked):
        yield (
            ComparedPair(title, np.asarray(lr), sr, whole, model.scale, event)
            if isinstance(event, Comparison)
            else event
        )
