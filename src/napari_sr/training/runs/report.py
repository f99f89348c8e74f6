"""The report of a run: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from matplotlib.figure import Figure

from napari_sr.evaluation.html import figure_html, page, pictures_html, table_html
from napari_sr.evaluation.table import Table
from napari_sr.evaluation.tally import seen_beside
from napari_sr.models.card_text import card_sections
from napari_sr.models.model import ModelCard
from napari_sr.training.config import TrainConfig
from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.curve_reading import reading
from napari_sr.training.runs.curves import draw_curves
from napari_sr.training.runs.verdict import Verdict

Plane = npt.NDArray[Any]
COLOURS = {"good": "#2e8b57", "doubtful": "#b8860b", "bad": "#d03a2b"}


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
    verdict: Verdict,
) -> None:
    """Write what a run was and what came out of it to ``path``."""
    parts = [
        f"<h1>{escape(config.name)}</h1>",
        "<p>A super-resolution model, and what it does on images that were kept aside while it was trained.</p>",
        _verdict(verdict),
        "<h2>Measured</h2>", table_html(table),
        "<h2>Examples</h2>", *(_example(e, log=card.intensity.get("kind") == "log") for e in examples),
        "<p class='small'>Where the model's picture has detail that the true one has not, the model made it up.</p>",
        "<h2>Curves</h2>", _curves(history),
        f"<p>{escape(reading(history, critic=config.adversarial is not None))}</p>",
        "<h2>Model</h2>", _card(card),
        "<h2>Settings</h2>",
        "<p>Saved as a file, these repeat the run: <code>napari-sr train config.yaml -o FOLDER</code></p>",
        f"<pre>{escape(yaml.safe_dump(config.to_dict(), sort_keys=False))}</pre>",
    ]  # fmt: skip
    path.write_text(page(config.name, parts), "utf-8")


def _verdict(verdict: Verdict) -> str:
    """Return the verdict with its reasons and what to do, marked by its colour."""
    further = "".join(f"<p>{escape(' '.join(part))}</p>" for part in (verdict.reasons, verdict.advice) if part)
    colour = COLOURS[verdict.level]
    return (
        f"<section style='border-left: 4px solid {colour}; padding-left: 1rem'>"
        f"<p style='color: {colour}'><b>{escape(verdict.headline)}</b></p>{further}</section>"
    )


def _example(example: Example, *, log: bool) -> str:
    shown = seen_beside(example.hr, density=log)
    low, high = (float(v) for v in np.percentile(shown(example.hr), (0.5, 99.5)))
    images = {"LR": example.lr, "bicubic": example.bicubic, "this model": example.sr, "truth (HR)": example.hr}
    return pictures_html({title: shown(image) for title, image in images.items()}, (low, high))


def _curves(history: Sequence[TrainProgress]) -> str:
    figure = Figure(figsize=(9, 6 if any(p.losses for p in history) else 3.2), layout="constrained")
    draw_curves(figure, history)
    return figure_html(figure, "curves")


def _card(card: ModelCard) -> str:
    rows = ""
    for title, entries in card_sections(card):
        rows += f"<tr><th colspan='2'>{escape(title)}</th></tr>" if title else ""
        rows += "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in entries)
    return f"<table>{rows}</table>"
