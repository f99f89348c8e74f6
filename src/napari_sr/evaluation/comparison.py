"""What is asked of a comparison, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_sr.evaluation.table import Table
from napari_sr.images.placed import Placed

if TYPE_CHECKING:
    from napari_sr.metrics.naturalness import NaturalModel

#: kinds of map that the search for made-up detail brings
HALLUCINATED, FLAGGED = "hallucination", "flagged"


@dataclass(frozen=True)
class Region:
    """Rows and columns of the reference, with a name."""

    name: str
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Comparing:
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
        ``ssim``, ``hallucination`` and kinds of :data:`napari_sr.metrics.maps.KINDS`. A hallucination map brings
        ``flagged`` with it: 1 where most of the detail is not in the reference.
    naturalness
        Also measure NIQE with this model.
    learned
        Names in :data:`napari_sr.metrics.learned.LEARNED`.
    lr_scale
        Pixels of the reference to one of the LR image; of the coarsest candidate if 0.
    """

    reference: Placed
    candidates: tuple[Placed, ...]
    metrics: tuple[str, ...] = ("psnr", "ssim", "ms_ssim", "rmse", "nrmse", "pearson", "frc_resolution")
    regions: tuple[Region, ...] = ()
    data_range: float | None = None
    crop: int = 0
    match: bool = False
    density: bool = False
    maps: tuple[str, ...] = ("ssim", "absolute")
    naturalness: NaturalModel | None = None
    lr_scale: float = 0.0
    learned: tuple[str, ...] = ()

    def coarsest(self) -> Placed | None:
        """Return the candidate with the largest pixels if they are larger than the reference's: the LR image."""
        coarse = max(self.candidates, key=lambda c: c.grid.step)
        return coarse if coarse.grid.step > 1.5 * self.reference.grid.step else None

    def beyond(self) -> float:
        """Return the frequency above which the LR image holds nothing, in cycles a reference pixel; 0 without one."""
        coarse = self.coarsest()
        scale = self.lr_scale or (0.0 if coarse is None else coarse.grid.step / self.reference.grid.step)
        return 1 / (2 * scale) if scale > 1.5 else 0.0


@dataclass(frozen=True)
class Working:
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
class Judged:
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
    """

    table: Table
    maps: Mapping[str, Mapping[str, npt.NDArray[np.float32]]]
    per_plane: Mapping[str, tuple[Mapping[str, float | None], ...]]
    shifts: tuple[Shift, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Consistent:
    """Consistency of all planes: the residual in the LR image's shape, float32, and the figures over all of them."""

    residual: npt.NDArray[np.float32]
    rse: float
    rsp: float
    sigma: float | None

    def sentence(self, unit: str = "grey levels") -> str:
        """One line for a person."""
        how = "" if self.sigma is None else f"; a blur of {self.sigma:.2g} pixels was fitted"
        rsp = "RSP has no value, since one of them is constant" if np.isnan(self.rsp) else f"RSP {self.rsp:.4f}"
        return f"Made low-resolution again, it differs by {self.rse:.3g} {unit} (RSE), {rsp}{how}."


@dataclass(frozen=True)
class Uncertain:
    """Mean and standard deviation over the self-ensemble, in the image's unit; float32.

    ``members`` says how many pictures they are of.
    """

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    members: int

    def sentence(self, unit: str = "grey levels") -> str:
        """One line for a person."""
        middle, high = (float(v) for v in np.nanpercentile(self.deviation, (50, 99)))
        return f"Over {self.members} views: ±{middle:.3g} {unit} at half of the pixels, more than {high:.3g} at 1 %."
