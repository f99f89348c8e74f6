"""The report of a run: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from matplotlib.figure import Figure

from napari_sr.card_text import card_sections
from napari_sr.evaluation.table import Table
from napari_sr.model import ModelCard
from napari_sr.training.config import TrainConfig
from napari_sr.training.curves import draw_curves
from napari_sr.training.progress import TrainProgress

Plane = npt.NDArray[Any]
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; }
thead th, tbody tr { border-bottom: 1px solid #8886; } td.figure, th.figure { text-align: right; }
figure { margin: 1rem 0; } figure img { width: 100%; background: #fff; border-radius: 4px; }
.patches { display: grid; grid-template-columns: repeat(4, 1fr); gap: .5rem; }
.patches img { width: 100%; image-rendering: pixelated; } figcaption, .small { font-size: .85rem; opacity: .8; }
pre { overflow-x: auto; background: #8881; padding: 1rem; font-size: .85rem; }
@media print { pre { white-space: pre-wrap; } figure, .patches { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Example:
    """One validation patch; HR, SR and bicubic of one size."""

    lr: Plane
    bicubic: Plane
    sr: Plane
    hr: Plane


def write_report(
    path: Path,
    *,
    config: TrainConfig,
    card: ModelCard,
    table: Table,
    history: Sequence[TrainProgress],
    examples: Sequence[Example],
) -> None:
    """Write what a run was and what came out of it to ``path``."""
    parts = [
        f"<h1>{escape(config.name)}</h1>",
        "<p>A super-resolution model, and what it does on images that were kept aside while it was trained.</p>",
        "<h2>Measured</h2>", _table(table),
        "<h2>Examples</h2>", *(_example(e, log=card.intensity.get("kind") == "log") for e in examples),
        "<p class='small'>Where the model's picture has detail that the true one has not, the model made it up.</p>",
        "<h2>Curves</h2>", _curves(history),
        "<h2>Model</h2>", _card(card),
        "<h2>Settings</h2>",
        "<p>Saved as a file, these repeat the run: <code>napari-sr train config.yaml -o FOLDER</code></p>",
        f"<pre>{escape(yaml.safe_dump(config.to_dict(), sort_keys=False))}</pre>",
    ]  # fmt: skip
    head = f"<meta charset='utf-8'><title>{escape(config.name)}</title><style>{STYLE}</style>"
    path.write_text(f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>", "utf-8")


def _table(table: Table) -> str:
    best = {}
    for metric in table.metrics:
        values = [(value, row.name) for row in table.rows if (value := row.means.get(metric)) is not None]
        best[metric] = max(values, default=(0.0, ""))[1]  # of these metrics, more is better
    head = "".join(f"<th class='figure'>{escape(table.header(m))}</th>" for m in table.metrics)
    rows = ""
    for row in table.rows:
        cells = ""
        for metric in table.metrics:
            text = escape(table.cell(row, metric))
            cells += f"<td class='figure'>{f'<b>{text}</b>' if best[metric] == row.name else text}</td>"
        rows += f"<tr><td>{escape(row.name)}</td>{cells}</tr>"
    return (
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"<p class='small'>{table.images} images; {escape(table.conditions_line())}.</p>"
    )


def _example(example: Example, *, log: bool) -> str:
    def shown(image: Plane) -> Plane:
        return np.log10(np.maximum(image, 0) + 2e-2) if log else np.asarray(image, np.float64)

    low, high = (float(v) for v in np.percentile(shown(example.hr), (0.5, 99.5)))
    images = [("LR", example.lr), ("bicubic", example.bicubic), ("this model", example.sr), ("truth (HR)", example.hr)]
    cells = ""
    for title, image in images:
        grey = np.clip((shown(image) - low) / (high - low or 1.0) * 255, 0, 255).astype(np.uint8)
        cells += f"<div><img alt='{title}' src='{_png(grey)}'><figcaption>{title}</figcaption></div>"
    return f"<figure class='patches'>{cells}</figure>"


def _png(grey: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _curves(history: Sequence[TrainProgress]) -> str:
    figure = Figure(figsize=(9, 6 if any(p.losses for p in history) else 3.2), layout="constrained")
    draw_curves(figure, history)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    image = "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
    return f"<figure><img alt='curves' src='{image}'></figure>"


def _card(card: ModelCard) -> str:
    rows = ""
    for title, entries in card_sections(card):
        rows += f"<tr><th colspan='2'>{escape(title)}</th></tr>" if title else ""
        rows += "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in entries)
    return f"<table>{rows}</table>"
