"""Curves that compare images: spectra, ring correlation, profiles, joint histograms. As values, as CSV, as figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.ndimage import map_coordinates

from napari_sr.errors import ImageError
from napari_sr.metrics.frc import THRESHOLDS, frc
from napari_sr.metrics.spectral import power_spectrum

Plane = npt.NDArray[Any]
Values = npt.NDArray[np.float64]
#: bins of a joint histogram
BINS = 128


@dataclass(frozen=True)
class Curves:
    """Curves over one axis.

    Attributes
    ----------
    title, x_label, y_label
        For people.
    x, curves
        Common positions, and values by name.
    limits
        Curves to read the others against, by name: drawn thin.
    log
        Both axes logarithmic.
    y_limits
        Shown range of values; all if None.
    """

    title: str
    x_label: str
    y_label: str
    x: Values
    curves: Mapping[str, Values]
    limits: Mapping[str, Values] = field(default_factory=dict)
    log: bool = False
    y_limits: tuple[float, float] | None = None

    def to_csv(self) -> str:
        """Return all curves as columns."""
        columns = {**self.curves, **self.limits}
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow([self.x_label, *columns])
        writer.writerows([repr(float(v)) for v in row] for row in zip(self.x, *columns.values(), strict=True))
        return buffer.getvalue()

    def draw(self, figure: Figure, *, colour: str = "black") -> None:
        """Draw into an empty figure."""
        axis = figure.add_subplot()
        for name, values in self.curves.items():
            axis.plot(self.x, values, label=name, linewidth=1.4)
        for (name, values), style in zip(self.limits.items(), ("--", "-.", ":"), strict=False):
            axis.plot(self.x, values, style, label=name, color="gray", linewidth=0.9)
        if self.log:
            axis.set_xscale("log")
            axis.set_yscale("log")
        if self.y_limits is not None:
            axis.set_ylim(*self.y_limits)
        _dress(figure, self.title, self.x_label, self.y_label, colour)
        axis.legend(fontsize=8, frameon=False, labelcolor=colour)


@dataclass(frozen=True)
class JointHistogram:
    """How often a value of the reference goes with one of an image."""

    name: str
    edges: tuple[Values, Values]
    counts: Values

    title: str = "Joint histogram"

    def to_csv(self) -> str:
        """Return the counts; the first row and column hold the centres of the bins."""
        rows, columns = ((e[:-1] + e[1:]) / 2 for e in self.edges)
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(["reference", *(repr(float(c)) for c in columns)])
        for centre, counts in zip(rows, self.counts, strict=True):
            writer.writerow([repr(float(centre)), *(int(c) for c in counts)])
        return buffer.getvalue()

    def draw(self, figure: Figure, *, colour: str = "black") -> None:
        """Draw into an empty figure: on the diagonal, both are equal."""
        axis = figure.add_subplot()
        rows, columns = self.edges
        axis.pcolormesh(rows, columns, np.log1p(self.counts.T), cmap="viridis", shading="flat", rasterized=True)
        low, high = max(rows[0], columns[0]), min(rows[-1], columns[-1])
        axis.plot([low, high], [low, high], color="white", linewidth=0.8)
        axis.set_aspect("equal")
        _dress(figure, f"{self.title}: {self.name}", "reference", self.name, colour)


def _dress(figure: Figure, title: str, x_label: str, y_label: str, colour: str) -> None:
    axis = figure.axes[0]
    axis.set_title(title, color=colour, fontsize=10)
    axis.set_xlabel(x_label, color=colour, fontsize=9)
    axis.set_ylabel(y_label, color=colour, fontsize=9)
    axis.tick_params(colors=colour, which="both", labelsize=8)
    axis.set_facecolor("none")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(colour)


def spectra(
    images: Mapping[str, Plane], reference: Plane, *, pixel_size: float, unit: str, ratio: bool = False
) -> Curves:
    """Return radially averaged power spectra of the images and the reference, or their ratios to the reference's.

    Parameters
    ----------
    images, reference
        2-D, of one shape.
    pixel_size, unit
        Frequencies come in cycles per unit.
    ratio
        P / P_reference: 1 where an image has as much detail of that size as the truth, whether it is the same or not.
    """
    every = {"The reference": reference, **images}
    if broken := [name for name, image in every.items() if not np.isfinite(image).all()]:
        raise ImageError(f"{broken[0]} has pixels that are not finite (NaN or infinite): no spectrum has a value then.")
    frequencies, of_reference = power_spectrum(reference, pixel_size=pixel_size)
    found = {name: power_spectrum(image, pixel_size=pixel_size)[1] for name, image in images.items()}
    x_label = f"spatial frequency [cycles / {unit}]"
    if ratio:
        tiny = float(np.finfo(np.float64).tiny)
        ratios = {name: power / np.maximum(of_reference, tiny) for name, power in found.items()}
        limits = {"reference": np.ones_like(frequencies)}
        return Curves("Power beside the reference's", x_label, "ratio", frequencies, ratios, limits, log=True)
    curves = {"reference": of_reference, **found}
    return Curves("Power spectra", x_label, "power", frequencies, curves, log=True)


def ring_correlations(images: Mapping[str, Plane], reference: Plane, *, pixel_size: float, unit: str) -> Curves:
    """Return the Fourier ring correlation of every image with the reference, and its thresholds."""
    found = {name: frc(image, reference, pixel_size=pixel_size, window=True) for name, image in images.items()}
    one = next(iter(found.values()))
    curves = {}
    for name, curve in found.items():
        resolution = curve.resolution()
        curves[f"{name}: {resolution:.3g} {unit}" if resolution else f"{name}: to its pixels"] = curve.correlation
    limits = {name: one.threshold(name) for name in THRESHOLDS}
    return Curves(
        "Fourier ring correlation with the reference (resolution at 1/7)", f"spatial frequency [cycles / {unit}]",
        "correlation", one.frequencies, curves, limits, y_limits=(-0.2, 1.05),
    )  # fmt: skip


def line_profile(
    images: Mapping[str, Plane],
    start: Sequence[float],
    end: Sequence[float],
    *,
    length: float,
    unit: str,
    value: str = "grey level",
) -> Curves:
    """Return the values along a line from ``start`` to ``end`` (row, column), by linear interpolation.

    Parameters
    ----------
    images
        2-D, of one shape.
    start, end
        In pixels.
    length, unit
        Of the line: pixels need not be squares.
    value
        What the images show.

    Raises
    ------
    ImageError
        If the line has no length.
    """
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    crossed = float(np.hypot(*(last - first)))
    if crossed == 0:
        raise ImageError("The line has no length.")
    shares = np.linspace(0, 1, max(2, round(2 * crossed) + 1))
    points = first[:, None] + shares * (last - first)[:, None]
    curves = {
        name: map_coordinates(np.asarray(image, dtype=np.float64), points, order=1, mode="nearest")
        for name, image in images.items()
    }
    return Curves("Along the line", f"distance [{unit}]", value, shares * length, curves)


def over_planes(per_plane: Mapping[str, Sequence[Mapping[str, float | None]]], metric: str, *, title: str) -> Curves:
    """Return a figure of every plane of stacks, by the name of the image; NaN where it is not defined."""
    curves = {
        name: np.array([np.nan if (v := one.get(metric)) is None else v for one in values], dtype=np.float64)
        for name, values in per_plane.items()
    }
    count = max((len(values) for values in curves.values()), default=0)
    return Curves("Over the planes", "plane", title, np.arange(count, dtype=np.float64), curves)


def joint_histogram(name: str, image: Plane, reference: Plane) -> JointHistogram:
    """Return the joint histogram of an image and the reference, between their 0.1 and 99.9 % quantiles."""
    pair = [np.asarray(x, dtype=np.float64).ravel() for x in (reference, image)]
    finite = np.isfinite(pair[0]) & np.isfinite(pair[1])
    if not finite.any():
        raise ImageError(f"{name} and the reference have no pixel that is finite in both.")
    pair = [x[finite] for x in pair]
    limits = [[float(v) for v in np.percentile(x, (0.1, 99.9))] for x in pair]
    widened = [[low, high if high > low else low + 1] for low, high in limits]
    counts, rows, columns = np.histogram2d(pair[0], pair[1], bins=BINS, range=widened)
    return JointHistogram(name, (rows, columns), counts)
