"""Figures of pictures beside their truth, gathered image by image into a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.densities import density_unit, log_density
from napari_sr.errors import ImageError
from napari_sr.evaluation.table import Row, Table
from napari_sr.metrics.finite import measured
from napari_sr.metrics.learned import FID, fid
from napari_sr.metrics.learned import learned as learned_figure
from napari_sr.metrics.naturalness import PATCH, NaturalModel, niqe
from napari_sr.metrics.spectral import score_of_means, spectrum_error

Plane = npt.NDArray[Any]
Figures = dict[str, float | None]
TRUTH = "truth (HR)"


def seen_beside(reference: Plane, *, density: bool) -> Callable[[Plane], Plane]:
    """Return how images are compared with a reference: densities by their logarithm, in its unit."""
    return partial(log_density, unit=density_unit(reference)) if density else np.asarray


def cropped(image: Plane, border: int) -> Plane:
    """Return a plane without ``border`` pixels on every side."""
    return image[border : image.shape[0] - border, border : image.shape[1] - border] if border else image


def plane_niqe(image: Plane, model: NaturalModel, data_range: float) -> float | None:
    """Return NIQE, or None of an image that is smaller than one of its patches, or has pixels without a value."""
    whole = min(image.shape) >= PATCH and bool(np.isfinite(image).all())
    return niqe(image, model, data_range=data_range) if whole else None


#: what densities have beside other metrics; the last is kept for the second, and is no column
SPECTRAL = ("spectrum_score", "spectrum_score_of_means", "spectrum_mse")
OF_NEAREST = "spectrum_mse_of_nearest"


def spectral_figures(pred: Plane, target: Plane, nearest: Plane) -> Figures:
    """Return the figures of the power spectrum of one image; none where a pixel is not finite."""
    if not all(np.isfinite(image).all() for image in (pred, target, nearest)):
        return dict.fromkeys((*SPECTRAL, OF_NEAREST))
    error, baseline = spectrum_error(pred, target), spectrum_error(nearest, target)
    score = score_of_means([error], [baseline]) if baseline else None
    return {"spectrum_score": score, "spectrum_score_of_means": None, "spectrum_mse": error, OF_NEAREST: baseline}


def with_score_of_means(row: Row, values: Sequence[Figures]) -> Row:
    """Return a row with the score of the mean errors, as the N-body thesis takes it."""
    pairs = [(one.get("spectrum_mse"), one.get(OF_NEAREST)) for one in values]
    known = [(error, baseline) for error, baseline in pairs if error is not None and baseline]
    if not known:
        return row
    errors, baselines = zip(*known, strict=True)
    return replace(row, means={**row.means, "spectrum_score_of_means": score_of_means(errors, baselines)})


def mean_row(name: str, values: Sequence[Figures], metrics: Sequence[str]) -> Row:
    """Return means and standard deviations over the images; None where a metric is not defined for any."""
    means: Figures = {}
    deviations: Figures = {}
    for metric in metrics:
        defined = [v for v in (one[metric] for one in values) if v is not None]
        means[metric] = float(np.mean(defined)) if defined else None
        deviations[metric] = float(np.std(defined)) if defined and np.all(np.isfinite(defined)) else None
    return Row(name, means, deviations)


@dataclass(kw_only=True)
class Tally:
    """What is measured how, and the figures so far.

    Attributes
    ----------
    metrics
        Names in :data:`napari_sr.metrics.METRICS`.
    data_range
        Of the images as they are compared.
    crop
        Border that is left out of every figure but the spectrum score, which needs the whole field.
    density
        Densities: everything is taken on log10(density + 0.02), but the spectrum score.
    scored
        Densities have a spectrum score, against nearest-neighbour interpolation.
    naturalness
        Also measure NIQE with this model, of the targets too.
    learned
        Names in :data:`napari_sr.metrics.learned.LEARNED`, or ``fid`` for the whole set.
    """

    metrics: Sequence[str]
    data_range: float
    crop: int
    density: bool = False
    scored: bool = False
    naturalness: NaturalModel | None = None
    learned: Sequence[str] = ()
    _values: dict[str, list[Figures]] = field(default_factory=dict, init=False)
    #: kept only for FID, which is of whole sets; those of the targets under TRUTH
    _sets: dict[str, list[Plane]] = field(default_factory=dict, init=False)
    _of_targets: list[float | None] = field(default_factory=list, init=False)
    #: pixels that are not finite, of the targets and by the pictures' names
    _left_out: dict[str, int] = field(default_factory=dict, init=False)
    #: of the targets' densities
    _units: list[float] = field(default_factory=list, init=False)

    def add(self, target: Plane, preds: Mapping[str, Plane], nearest: Plane | None = None) -> dict[str, Plane]:
        """Measure the pictures of one image, and return them as they are compared.

        ``nearest`` is the LR image in large pixels. Raises :class:`ImageError` if sizes do not fit.
        """
        inner_target, view = self._inner(target), seen_beside(target, density=self.density)
        seen = {name: view(pred) for name, pred in preds.items()}
        self._units.append(density_unit(target) if self.density else 1.0)
        for name, pred in seen.items():
            if pred.shape != target.shape:
                raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
            inner = cropped(pred, self.crop)
            one: Figures = {m: measured(m, inner, inner_target, data_range=self.data_range) for m in self.metrics}
            if self.scored and nearest is not None:
                one |= spectral_figures(preds[name], target, nearest)
            if self.naturalness is not None:
                one["niqe"] = plane_niqe(inner, self.naturalness, self.data_range)
            finite = bool(np.isfinite(inner).all() and np.isfinite(inner_target).all())
            single = [n for n in self.learned if n != FID and finite]
            one |= {n: learned_figure(n, inner, inner_target, data_range=self.data_range) for n in single}
            self._values.setdefault(name, []).append(one)
            if FID in self.learned:
                self._sets.setdefault(name, []).append(inner)
        compared = {"the targets": inner_target} | {name: cropped(pred, self.crop) for name, pred in seen.items()}
        for name, image in compared.items():
            if missing := int(np.count_nonzero(~np.isfinite(image))):
                self._left_out[name] = self._left_out.get(name, 0) + missing
        if self.naturalness is not None:
            self._of_targets.append(plane_niqe(inner_target, self.naturalness, self.data_range))
        if FID in self.learned:
            self._sets.setdefault(TRUTH, []).append(inner_target)
        return seen

    def _inner(self, target: Plane) -> Plane:
        if min(target.shape) <= 2 * self.crop:
            raise ImageError(f"A border of {self.crop} pixels leaves nothing of an image of {target.shape}.")
        return cropped(seen_beside(target, density=self.density)(target), self.crop)

    def table(self, **conditions: str) -> Table:
        """Return the table of everything so far, under these conditions, the data range, and the border."""
        conditions |= {
            "data range": f"{self.data_range:.4g}" + (" of log10(density + 0.02)" if self.density else ""),
            "border left out": f"{self.crop} px",
        }
        if units := [f"{unit:.4g}" for unit in sorted(self._units) if unit != 1]:
            conditions["densities in units of their mean"] = " to ".join(dict.fromkeys((units[0], units[-1])))
        for name, missing in self._left_out.items():
            conditions[f"pixels of {name} that are not finite, left out"] = str(missing)
        columns = (
            *self.metrics,
            *(n for n in self.learned if n != FID),
            *(SPECTRAL if self.scored else ()),
            *(("niqe",) if self.naturalness is not None else ()),
        )
        values = dict(self._values)
        count = len(next(iter(values.values()), []))
        if self.naturalness is not None:
            nothing: Figures = dict.fromkeys(columns)
            values[TRUTH] = [nothing | {"niqe": value} for value in self._of_targets]
        # the truth is not one of those that can be best
        rows = [replace(mean_row(n, v, columns), region="truth" if n == TRUTH else "") for n, v in values.items()]
        rows = [with_score_of_means(row, values[row.name]) for row in rows]
        if FID in self.learned:
            inner_target = self._sets[TRUTH]
            found = {n: fid(s, inner_target, data_range=self.data_range) for n, s in self._sets.items() if n != TRUTH}
            rows = [replace(row, means={**row.means, FID: found.get(row.name)}) for row in rows]
            columns = (*columns, FID)
        return Table(tuple(rows), columns, count, conditions, values)
