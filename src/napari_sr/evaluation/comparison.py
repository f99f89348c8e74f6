"""What is asked of a comparison, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_sr.evaluation.table import Table
from napari_sr.images.grid import GridImage

if TYPE_CHECKING:
    from napari_sr.metrics.naturalness import NaturalModel


@dataclass(frozen=True)
class Region:
    """Rows and columns of the reference, with a name."""

    name: str
    rows: slice
    columns: slice


@dataclass(frozen=True)
class ComparisonRequest:
    """What is asked.

    Attributes
    ----------
    reference, candidates
        The truth, and the images that are measured against it.
    metrics
        Names in :data:`napari_sr.metrics.METRICS`.
    regions
        Where figures are taken; the whole image if there are none.
    data_range
        For PSNR and SSIM; 255 for 8 bit, otherwise the range of the whole reference, if None.
    crop
        Border of the reference that is left out of the figures, in pixels.
    match
        Fit scale and offset of every candidate to the reference first.
    density
        Densities: everything on log10(density + 0.02), but the spectrum score.
    maps
        ``ssim``, ``hallucination`` and kinds of error (:data:`napari_sr.metrics.maps.KINDS`). A hallucination map
        brings ``flagged`` with it: 1 where most of the detail is not in the reference.
    mapped
        Names of the candidates that maps are made of; all if None.
    naturalness
        Also measure NIQE with this model.
    learned
        Names in :data:`napari_sr.metrics.learned.LEARNED`.
    shifts
        Look for candidates that do not lie over the reference.
    lr_scale
        Pixels of the reference to one of the LR image; of the coarsest candidate if 0.
    """

    reference: GridImage
    candidates: tuple[GridImage, ...]
    metrics: tuple[str, ...] = ("psnr", "ssim", "ms_ssim", "rmse", "nrmse", "pearson", "frc_resolution")
    regions: tuple[Region, ...] = ()
    data_range: float | None = None
    crop: int = 0
    match: bool = False
    density: bool = False
    maps: tuple[str, ...] = ("ssim", "absolute")
    mapped: tuple[str, ...] | None = None
    naturalness: NaturalModel | None = None
    lr_scale: float = 0.0
    shifts: bool = True
    learned: tuple[str, ...] = ()

    def coarsest(self) -> GridImage | None:
        """Return the candidate with the largest pixels if they are larger than the reference's: the LR image."""
        coarse = max(self.candidates, key=lambda c: c.grid.step)
        return coarse if coarse.grid.step > 1.5 * self.reference.grid.step else None

    def beyond(self) -> float:
        """Return the frequency above which the LR image holds nothing, in cycles a reference pixel; 0 without one."""
        coarse = self.coarsest()
        scale = self.lr_scale or (0.0 if coarse is None else coarse.grid.step / self.reference.grid.step)
        return 1 / (2 * scale) if scale > 1.5 else 0.0


@dataclass(frozen=True)
class ComparisonProgress:
    """How far it is."""

    fraction: float
    text: str


@dataclass(frozen=True)
class Shift:
    """A candidate that does not lie over the reference: rows and columns of the reference that it is off by."""

    name: str
    rows: float
    columns: float


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes
    ----------
    table
        A row for every candidate (and region).
    maps
        By candidate and kind; of the reference's shape without colours, NaN where a candidate does not reach.
    per_plane
        By row's name: the figures of every plane.
    shifts
        Candidates that are off by more than half a pixel.
    notes
        Sentences about what has to be known to read the figures.
    not_finite
        By candidate: pixels without a value there, or in the reference, which no figure counts.
    """

    table: Table
    maps: Mapping[str, Mapping[str, npt.NDArray[np.float32]]]
    per_plane: Mapping[str, tuple[Mapping[str, float | None], ...]]
    shifts: tuple[Shift, ...]
    notes: tuple[str, ...]
    not_finite: Mapping[str, int] = field(default_factory=dict)
