"""Any number of images beside one reference: figures, maps, and whether they lie over it at all."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.densities import own_log
from napari_sr.errors import ImageError
from napari_sr.evaluation.comparison import Comparison, ComparisonProgress, ComparisonRequest, Region, Shift
from napari_sr.evaluation.map_kinds import FLAGGED, HALLUCINATED
from napari_sr.evaluation.table import Table
from napari_sr.evaluation.tally import (
    SPECTRAL,
    mean_row,
    plane_niqe,
    seen_beside,
    spectral_figures,
    with_score_of_means,
)
from napari_sr.images.grid import GridImage, Overlap, onto, overlap
from napari_sr.images.shift import reliable_shift
from napari_sr.metrics.consistency import intensity_fit
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.finite import measured
from napari_sr.metrics.frc import SMALLEST
from napari_sr.metrics.learned import learned
from napari_sr.metrics.maps import error_map
from napari_sr.metrics.sfrc import iter_sfrc
from napari_sr.metrics.structural import ssim_map

Plane = npt.NDArray[Any]
Window = tuple[slice, slice]
Figures = dict[str, float | None]
#: shift, in reference pixels, from which it is told
SHIFTED = 0.5
NIQE = "niqe"


def iter_comparison(asked: ComparisonRequest) -> Generator[ComparisonProgress | Comparison, None, None]:
    """Compare; the last event is :class:`Comparison`.

    Raises
    ------
    ImageError
        If images do not overlap, have different numbers of planes, the reference has no finite value, or the data range
        is smaller than its values.
    """
    reference = asked.reference
    if not asked.candidates:
        raise ImageError("There is nothing to compare: choose at least one image beside the reference.")
    count = reference.count()
    for candidate in asked.candidates:
        if candidate.count() not in (1, count):
            raise ImageError(
                f"{candidate.name} has {candidate.count()} planes, {reference.name} has {count}: "
                "they cannot be compared."
            )
    shape = reference.layout.plane_shape
    overlaps = {c.name: _overlap(c, reference, shape) for c in asked.candidates}
    notes = tuple(
        f"{name} covers {place.share(shape):.0%} of {reference.name}; it is measured there."
        for name, place in overlaps.items()
        if place.share(shape) < 1
    )
    if HALLUCINATED in asked.maps:
        notes += tuple(
            f"{name} is too small to look for made-up detail: that needs {SMALLEST} pixels a side."
            for name, place in overlaps.items()
            if min(place.rows.stop - place.rows.start, place.columns.stop - place.columns.start) < SMALLEST
        )
    planes = (reference.plane(number) for number in range(count))
    data_range = asked.data_range
    if data_range is None:
        data_range = data_range_of(planes, own_log if asked.density else None)
    scored = asked.coarsest() if asked.density else None
    extra = (*(SPECTRAL if scored else ()), *((NIQE,) if asked.naturalness else ()), *asked.learned)
    metrics = (*asked.metrics, *extra)
    maps: dict[str, dict[str, npt.NDArray[np.float32]]] = {c.name: {} for c in asked.candidates}
    figures: dict[str, list[Figures]] = {}
    regions: dict[str, str] = {}
    shifts: list[Shift] = []
    left_out: dict[str, int] = {}
    each = 1 / (count * len(asked.candidates))
    for number in range(count):
        linear = reference.plane(number)
        place = tuple(int(n) for n in np.unravel_index(number, reference.stacked)) if reference.stacked else ()
        baseline = None if scored is None else brought(scored, number, reference, nearest=True)
        for which, candidate in enumerate(asked.candidates):
            done = (number * len(asked.candidates) + which) * each
            yield ComparisonProgress(done, f"Comparing {candidate.name} …")
            pair = _pair(asked, candidate, number, linear, overlaps[candidate.name])
            if asked.shifts and number == count // 2:
                shifts += pair.shift(candidate.name)
            wanted = asked.mapped is None or candidate.name in asked.mapped
            for event in pair.maps(asked, data_range) if wanted else ():
                if isinstance(event, float):
                    yield ComparisonProgress(done + event * each, f"Looking for made-up detail in {candidate.name} …")
                    continue
                kind, values = event
                if kind not in maps[candidate.name]:
                    maps[candidate.name][kind] = np.full((*reference.stacked, *shape), np.nan, np.float32)
                maps[candidate.name][kind][place][pair.inside] = values
            for name, region, part in _parts(asked, candidate, overlaps[candidate.name], shape):
                regions[name] = region
                one = pair.figures(asked.metrics, part, data_range)
                if baseline is not None:
                    # its rings need the whole field, with the border that other figures leave out
                    field = part if region else pair.inside
                    one |= spectral_figures(pair.raw[field], linear[field], baseline[field])
                if asked.naturalness is not None:
                    one[NIQE] = plane_niqe(pair.pred[part], asked.naturalness, data_range)
                if asked.learned and pair.is_finite(part):
                    one |= {
                        n: learned(n, pair.pred[part], pair.target[part], data_range=data_range) for n in asked.learned
                    }
                elif asked.learned:
                    one |= dict.fromkeys(asked.learned)
                left_out[candidate.name] = left_out.get(candidate.name, 0) + pair.not_finite(part)
                figures.setdefault(name, []).append(one)
    rows = tuple(
        with_score_of_means(replace(mean_row(name, values, metrics), region=regions[name]), values)
        for name, values in figures.items()
    )
    notes += tuple(
        f"{many} pixels of {name}, or of {reference.name} there, are not finite: PSNR, SSIM and the like leave them "
        "out, figures of frequencies have no value."
        for name, many in left_out.items()
        if many
    )
    table = Table(rows, metrics, count, _conditions(asked, data_range))
    ordered = {name: {k: _in_order(v, reference.axes) for k, v in found.items()} for name, found in maps.items()}
    per_plane = {name: tuple(values) for name, values in figures.items()}
    yield Comparison(table, ordered, per_plane, tuple(shifts), notes, {n: many for n, many in left_out.items() if many})


def _in_order(values: npt.NDArray[np.float32], axes: str) -> npt.NDArray[np.float32]:
    """Return planes (…, Y, X) with the axes in the order that those of an image have; colours have become one."""
    wanted = axes.replace("S", "")
    present = [a for a in wanted if a not in "YX"] + ["Y", "X"]
    return values.transpose([present.index(a) for a in wanted])


@dataclass(frozen=True)
class _Pair:
    """One plane of a candidate on the reference's grid: as it is, and as both are compared."""

    raw: Plane
    pred: Plane
    target: Plane
    inside: Window

    def is_finite(self, part: Window) -> bool:
        """Return True if both images have a value at every pixel of a part."""
        return self.not_finite(part) == 0

    def not_finite(self, part: Window) -> int:
        """Return how many pixels of a part have no value in one of the images."""
        finite = np.isfinite(self.pred[part]) & np.isfinite(self.target[part])
        return int(finite.size - np.count_nonzero(finite))

    def shift(self, name: str) -> list[Shift]:
        """Return how far it is off, if it is."""
        if not self.is_finite(self.inside):
            return []
        found = reliable_shift(self.pred[self.inside], self.target[self.inside])
        return [Shift(name, *found)] if found is not None and max(map(abs, found)) > SHIFTED else []

    def maps(self, asked: ComparisonRequest, data_range: float) -> Iterator[float | tuple[str, Plane]]:
        """Yield the maps that are asked for, of the covered part, and shares of one that takes long."""
        pred, target = self.pred[self.inside], self.target[self.inside]
        for kind in asked.maps:
            if kind == "ssim":
                yield kind, ssim_map(pred, target, data_range=data_range)[1]
            elif kind == HALLUCINATED:
                # a Fourier transform would spread it over the whole map
                if not self.is_finite(self.inside) or min(target.shape) < SMALLEST:
                    continue
                for found in iter_sfrc(pred, target, beyond=asked.beyond()):
                    if isinstance(found, float):
                        yield found
                    else:
                        yield from ((kind, found.unexplained), (FLAGGED, found.flagged))
            else:
                yield kind, error_map(pred, target, kind=kind)

    def figures(self, metrics: tuple[str, ...], part: Window, data_range: float) -> Figures:
        """Measure a part."""
        return {m: measured(m, self.pred[part], self.target[part], data_range=data_range) for m in metrics}


def _pair(asked: ComparisonRequest, candidate: GridImage, number: int, linear: Plane, covered: Overlap) -> _Pair:
    view = seen_beside(linear, density=asked.density)
    raw = brought(candidate, number, asked.reference)
    pred, target = view(raw), view(linear)
    inside = (covered.rows, covered.columns)
    if asked.match:
        both = np.isfinite(pred[inside]) & np.isfinite(target[inside])
        scale, offset = intensity_fit(pred[inside][both], target[inside][both]) if both.any() else (1.0, 0.0)
        pred = scale * np.asarray(pred, dtype=np.float64) + offset
    return _Pair(raw, pred, target, inside)


def brought(image: GridImage, number: int, reference: GridImage, *, nearest: bool = False) -> Plane:
    """Return a plane of ``image`` on the reference's grid; a single one stands for all."""
    plane = image.plane(number if image.count() > 1 else 0)
    return onto(plane, image.grid, reference.grid, reference.layout.plane_shape, nearest=nearest)


def common_part(asked: ComparisonRequest) -> Window:
    """Return the rows and columns of the reference that every candidate covers, without its border.

    Raises
    ------
    ImageError
        If there are none.
    """
    shape = asked.reference.layout.plane_shape
    part = (slice(asked.crop, shape[0] - asked.crop), slice(asked.crop, shape[1] - asked.crop))
    for candidate in asked.candidates:
        inside = _overlap(candidate, asked.reference, shape)
        part = _within(Region("", *part), inside, shape, asked.crop, candidate.name)
    return part


def _overlap(candidate: GridImage, reference: GridImage, shape: tuple[int, int]) -> Overlap:
    try:
        return overlap(candidate.layout.plane_shape, candidate.grid, reference.grid, shape)
    except ImageError:
        raise ImageError(
            f"{candidate.name} and {reference.name} do not overlap: look at their scale and translate, or the pixel "
            "sizes of their files."
        ) from None


def _parts(
    asked: ComparisonRequest, candidate: GridImage, inside: Overlap, shape: tuple[int, int]
) -> list[tuple[str, str, Window]]:
    """Return the rows of the table that a candidate has, the region of each, and where it is measured."""
    whole = Region("", slice(0, shape[0]), slice(0, shape[1]))
    return [
        (
            f"{candidate.name} · {region.name}" if region.name else candidate.name,
            region.name,
            _within(region, inside, shape, asked.crop, candidate.name),
        )
        for region in asked.regions or (whole,)
    ]


def _within(region: Region, inside: Overlap, shape: tuple[int, int], crop: int, name: str) -> Window:
    """Return the part of a region that a candidate covers, without the border of the reference."""
    parts = []
    for wanted, covered, size in zip((region.rows, region.columns), (inside.rows, inside.columns), shape, strict=True):
        low = max(wanted.start, covered.start, crop)
        high = min(wanted.stop, covered.stop, size - crop)
        if high <= low:
            where = f"In {region.name}" if region.name else f"Inside a border of {crop} pixels"
            raise ImageError(f"{where}, nothing of {name} is left to compare.")
        parts.append(slice(low, high))
    return parts[0], parts[1]


def _conditions(asked: ComparisonRequest, data_range: float) -> dict[str, str]:
    return {
        "reference": asked.reference.name,
        "data range": f"{data_range:.4g}" + (" of log10(density + 0.02)" if asked.density else ""),
        "border left out": f"{asked.crop} px",
        "intensity": "scale and offset fitted to the reference" if asked.match else "as it is",
    }
