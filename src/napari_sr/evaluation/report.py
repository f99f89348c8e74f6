"""The report of an evaluation: tables, pictures and curves in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from napari_sr.errors import ImageError
from napari_sr.evaluation.compare import brought
from napari_sr.evaluation.comparison import Comparison, ComparisonRequest
from napari_sr.evaluation.html import figure_html, page, pictures_html, table_html
from napari_sr.evaluation.plots import ring_correlations, spectra
from napari_sr.evaluation.table import Table
from napari_sr.evaluation.tally import seen_beside

Plane = npt.NDArray[Any]
#: images that are shown, and the side of what is shown of them, in pixels of the target
MOST, SIDE = 4, 192
READ = "The middle of some images, all with the contrast of the truth. Detail that the truth has not was made up."


@dataclass
class Gallery:
    """Collects what is shown of an evaluation while it runs: a few images, spread over all.

    Parameters
    ----------
    count
        Number of images that will come.
    titles
        Of the images.
    """

    count: int
    titles: Sequence[str] = ()
    kept: dict[int, tuple[Mapping[str, Plane], Plane]] = field(default_factory=dict)

    def __call__(self, number: int, preds: Mapping[str, Plane], target: Plane) -> None:
        """Take one image."""
        if number in {round(n) for n in np.linspace(0, self.count - 1, min(self.count, MOST))}:
            self.kept[number] = (dict(preds), np.asarray(target))

    def title(self, number: int) -> str:
        """Return what an image is called."""
        return self.titles[number] if number < len(self.titles) else f"image {number + 1}"


def evaluation_report(table: Table, gallery: Gallery, *, title: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    table
        What was measured.
    gallery
        What is shown.
    title
        Of the report.
    """
    parts = [f"<h1>{escape(title)}</h1>", "<h2>Mean over all images</h2>", table_html(table)]
    if gallery.kept:
        parts += ["<h2>Pictures</h2>", f"<p class='small'>{READ}</p>"]
    for number, (preds, target) in sorted(gallery.kept.items()):
        parts += [f"<h3>{escape(gallery.title(number))}</h3>", _preds_html(preds, target)]
    if gallery.kept:
        number, (preds, target) = min(gallery.kept.items())
        whole = {name: image for name, image in preds.items() if image.shape == target.shape}
        parts += [f"<h2>Detail of every size, in {escape(gallery.title(number))}</h2>", *_curves(whole, target)]
    if len(next(iter(table.each.values()), ())) > 1:
        parts += ["<h2>Every image</h2>", _every(table, gallery)]
    return page(title, parts)


def comparison_report(asked: ComparisonRequest, found: Comparison) -> str:
    """Return what was compared, and what came out, as HTML: the pictures are those of the middle plane."""
    reference = asked.reference
    gallery = Gallery(reference.count(), [f"plane {n + 1}" for n in range(reference.count())])
    number = reference.count() // 2
    target = reference.plane(number)
    view = seen_beside(target, density=asked.density)
    preds = {c.name: view(brought(c, number, reference)) for c in asked.candidates}
    gallery.kept[number] = (preds, view(target))
    gallery.titles = [reference.name] if reference.count() == 1 else gallery.titles
    table = replace(found.table, each=found.per_plane)
    return evaluation_report(table, gallery, title=f"Compared with {reference.name}")


def _preds_html(preds: Mapping[str, Plane], target: Plane) -> str:
    cut = {name: _middle(image, target) for name, image in {**preds, "truth (HR)": target}.items()}
    low, high = (float(v) for v in np.nanpercentile(cut["truth (HR)"], (0.5, 99.5)))
    return pictures_html(cut, (low, high))


def _middle(image: Plane, target: Plane) -> Plane:
    """Return the same middle of an image, whatever its pixels."""
    share = [min(1.0, SIDE / n) for n in target.shape]
    parts = []
    for size, part in zip(image.shape, share, strict=True):
        length = max(1, round(size * part))
        parts.append(slice((size - length) // 2, (size - length) // 2 + length))
    return np.asarray(image[tuple(parts)])


def _curves(preds: Mapping[str, Plane], target: Plane) -> list[str]:
    found = []
    for make in (spectra, ring_correlations):
        try:
            curves = make(preds, target, pixel_size=1.0, unit="pixel")
        except ImageError as error:  # too small for it, or not finite: the figures and pictures are worth having
            found.append(f"<p class='small'>{escape(str(error))}</p>")
            continue
        figure = Figure(figsize=(9, 4), layout="constrained")
        curves.draw(figure)
        found.append(figure_html(figure, curves.title))
    return found


def _every(table: Table, gallery: Gallery) -> str:
    metric = table.metrics[0]
    names = [row.name for row in table.rows if any(one.get(metric) is not None for one in table.each[row.name])]
    head = "".join(f"<th class='figure'>{escape(name)}</th>" for name in names)
    rows = ""
    for number in range(len(table.each[names[0]])):
        values = (table.each[name][number].get(metric) for name in names)
        cells = "".join(f"<td class='figure'>{'–' if v is None else f'{v:.2f}'}</td>" for v in values)
        rows += f"<tr><td>{escape(gallery.title(number))}</td>{cells}</tr>"
    return (
        f"<p class='small'>{escape(table.header(metric))}</p>"
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
