"""A table of measured figures, as text, Markdown or plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_sr.metrics import METRICS


@dataclass(frozen=True)
class Row:
    """One method: mean and standard deviation over the images of each metric; None where undefined."""

    name: str
    means: Mapping[str, float | None]
    deviations: Mapping[str, float | None]


@dataclass(frozen=True)
class Table:
    """Rows of measured figures and the conditions they were measured under."""

    rows: tuple[Row, ...]
    metrics: tuple[str, ...]
    images: int
    conditions: Mapping[str, Any]

    def header(self, metric: str) -> str:
        """Return a metric's title with its unit and the direction in which it improves."""
        if metric == "spectrum_score":
            return "Spectrum score ↑"
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
        digits = METRICS[metric].digits if metric in METRICS else 4
        return f"{value:.{digits}f}"

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
        """Return plain values for JSON; infinite and undefined figures become None."""

        def plain(values: Mapping[str, float | None]) -> dict[str, float | None]:
            return {k: None if v is None or not math.isfinite(v) else v for k, v in values.items()}

        return {
            "images": self.images,
            "conditions": dict(self.conditions),
            "rows": [
                {"name": r.name, "mean": plain(r.means), "standard_deviation": plain(r.deviations)} for r in self.rows
            ],
        }
