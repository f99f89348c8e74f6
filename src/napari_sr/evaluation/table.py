"""A table of measured figures, as text, Markdown or plain values."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from napari_sr.metrics import METRICS
from napari_sr.metrics.learned import LEARNED

#: figures that need more than an image and its target: title, and whether higher is better
EXTRA = {
    "spectrum_score": ("Spectrum score, mean ↑", True),
    "spectrum_score_of_means": ("Spectrum score of the mean errors ↑", True),
    "spectrum_mse": ("Spectrum MSE ↓", False), "niqe": ("NIQE (fitted on such images) ↓", False),
    "fid": ("FID ↓", False), **{name: (entry.title, False) for name, entry in LEARNED.items()},
}  # fmt: skip


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Return labels made from what differs between names: without the words that all of them begin with.

    What stands in brackets counts as one word. Of ``image · region``, the image is made shorter. Names that would
    become the same stay as they are.
    """
    parts = {name: name.split(" · ", 1) for name in names}
    words = {name: re.findall(r"\[[^\]]*\]|\S+", part[0]) for name, part in parts.items()}
    lists = {tuple(found) for found in words.values()}
    columns = zip(*lists, strict=False)  # the first words, the second ones, … as far as the shortest goes
    same = len(list(takewhile(lambda column: len(set(column)) == 1, columns))) if len(lists) > 1 else 0
    short = {}
    for name in names:
        left = words[name][same:] or words[name][-1:]
        image = left[0].strip("[]") if len(left) == 1 else " ".join(left)
        short[name] = " · ".join([image, *parts[name][1:]]) if same else name
    return short if len(set(short.values())) == len(set(names)) else {name: name for name in names}


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


@dataclass(frozen=True)
class Row:
    """One method: mean and standard deviation over the images of each metric; None where undefined.

    ``region`` is the part of the images that was measured: only rows of the same one can be better than each other.
    """

    name: str
    means: Mapping[str, float | None]
    deviations: Mapping[str, float | None]
    region: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of measured figures and the conditions they were measured under.

    ``each`` holds the figures of every image by the row's name, where they were kept.
    """

    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    images: int
    conditions: Mapping[str, Any]
    each: Mapping[str, Sequence[Mapping[str, float | None]]] = field(default_factory=dict)

    def header(self, metric: str) -> str:
        """Return a metric's title with its unit and the direction in which it improves."""
        if metric in EXTRA:
            return EXTRA[metric][0]
        entry = METRICS.entry(metric)
        unit = f" [{entry.value.unit}]" if entry.value.unit else ""
        return f"{entry.title}{unit} {'↑' if entry.value.higher_is_better else '↓'}"

    def cell(self, row: Row, metric: str) -> str:
        """Return one figure as text."""
        value = row.means.get(metric)
        if value is None:
            return "–"
        if math.isinf(value):
            return "∞"
        digits = METRICS[metric].digits if metric in METRICS else (2 if metric in ("niqe", "fid", "pi") else 4)
        if metric == "spectrum_mse":  # of any magnitude
            return f"{value:.4g}"
        return f"{value:.{digits}f}"

    def is_best(self, row: Row, metric: str) -> bool:
        """Return True if no other row of the region has a better figure, and there is more than one that could."""
        higher = EXTRA[metric][1] if metric in EXTRA else METRICS[metric].higher_is_better
        rows = [r for r in self.rows if r.region == row.region]
        found = [v for r in rows if (v := r.means.get(metric)) is not None and not math.isnan(v)]
        value = row.means.get(metric)
        return len(found) > 1 and value is not None and value == (max(found) if higher else min(found))

    def to_csv(self) -> str:
        """Return mean and standard deviation of every figure, comma-separated; the last line holds the conditions."""
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        spread = [f"{m}_sd" for m in self.metrics] if self.images > 1 else []
        writer.writerow(["image", *self.metrics, *spread])
        for row in self.rows:
            cells = [row.means.get(m) for m in self.metrics]
            cells += [row.deviations.get(m) for m in self.metrics] if spread else []
            writer.writerow([row.name, *("" if v is None else repr(float(v)) for v in cells)])
        writer.writerow([f"# {self.images} images; {self.conditions_line()}"])
        return buffer.getvalue()

    def conditions_line(self) -> str:
        """Return the conditions as one line."""
        return "; ".join(f"{key}: {value}" for key, value in self.conditions.items())

    def to_markdown(self) -> str:
        """Return the table in Markdown with its conditions below."""
        lines = [
            "| | " + " | ".join(self.header(m) for m in self.metrics) + " |",
            "|---|" + "---|" * len(self.metrics),
        ]
        for row in self.rows:
            lines.append(f"| {row.name} | " + " | ".join(self.cell(row, m) for m in self.metrics) + " |")
        return "\n".join([*lines, "", f"{self.images} images; {self.conditions_line()}."])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Undefined figures are None. Infinite ones, such as the PSNR of equal images, are the words ``"Infinity"`` and
        ``"-Infinity"``: JSON has no numbers for them, and nothing would not tell them from undefined ones.
        """

        def plain(values: Mapping[str, float | None]) -> dict[str, float | str | None]:
            return {k: _plain(v) for k, v in values.items()}

        return {
            "images": self.images,
            "conditions": dict(self.conditions),
            "rows": [
                {
                    "name": r.name,
                    "mean": plain(r.means),
                    "standard_deviation": plain(r.deviations),
                    **({"images": [plain(one) for one in self.each[r.name]]} if r.name in self.each else {}),
                }
                for r in self.rows
            ],
        }
