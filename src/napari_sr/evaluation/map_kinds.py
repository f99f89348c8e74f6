"""The kinds of map: their titles, colours, and what each can show and cannot. Every face takes them from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class MapKind:
    """One kind of map.

    Attributes
    ----------
    title
        For lists and captions.
    legend
        What its colours mean, in one line; ``{unit}`` stands for the unit of intensities.
    colormap
        Name in matplotlib.
    limits
        Values of the first and last colour where they are always the same; None if the map's own are taken.
    signed
        Values below zero are as good as those above.
    has_unit
        Values are intensities.
    meaning
        What it can show, and what it cannot, in some sentences.
    """

    title: str
    legend: str
    colormap: str
    limits: tuple[float, float] | None = None
    signed: bool = False
    has_unit: bool = True
    meaning: str = ""


#: kinds that the search for made-up detail brings
HALLUCINATED, FLAGGED = "hallucination", "flagged"
CONSISTENCY, UNCERTAINTY = "consistency", "uncertainty"

MAP_KINDS: Mapping[str, MapKind] = {
    "ssim": MapKind("SSIM map", "1 = the same structure, 0 = none in common", "viridis", (0.0, 1.0), has_unit=False),
    "absolute": MapKind("error map", "|image − reference|, {unit}", "inferno"),
    "signed": MapKind("signed error map", "image − reference, {unit}", "RdBu_r", signed=True),
    "root-squared": MapKind(
        "root-squared error map", "√(image − reference)² after normalisation, share of the reference's span", "inferno",
        has_unit=False,
    ),
    HALLUCINATED: MapKind(
        "hallucination map", "detail that is not in the reference, {unit}: made up, or noise of the reference", "magma",
        meaning="Detail that is not in the reference, patch by patch: it was made up, or the images do not lie over "
        "each other. Noise in the reference hides what is true.",
    ),
    CONSISTENCY: MapKind(
        "consistency map", "measured − made low-resolution again, {unit}", "RdBu_r", signed=True,
        meaning="Super-resolved, made low-resolution again, and taken from what was measured: where this is not zero, "
        "the picture is wrong. Where it is zero, it may still be wrong: many pictures have the same low-resolution "
        "image.",
    ),
    UNCERTAINTY: MapKind(
        "uncertainty map", "standard deviation over turned and mirrored views, {unit}", "magma",
        meaning="How much the picture changes when the image is turned and mirrored before the network sees it: where "
        "it does, the network is guessing. A network can also be wrong without hesitating.",
    ),
}  # fmt: skip


def unit_of(*, density: bool) -> str:
    """Return the unit of intensities as they are compared."""
    return "log₁₀ density" if density else "grey levels"


def common_limits(kind: str, images: Iterable[npt.NDArray[Any]]) -> tuple[float, float]:
    """Return the values of the first and last colour for maps of one kind: colours then mean the same in all."""
    found = MAP_KINDS[kind]
    if found.limits is not None:
        return found.limits
    values = [np.abs(image[np.isfinite(image)]) for image in images]
    high = max((float(np.percentile(v, 99.9)) for v in values if v.size), default=1.0) or 1.0
    return (-high, high) if found.signed else (0.0, high)
