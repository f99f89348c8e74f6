"""Several trainings that differ in a few settings, and the table that compares what they came to."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from napari_sr.errors import TrainingError
from napari_sr.models.model import ModelCard, read_card
from napari_sr.paths import reason
from napari_sr.training.config import TrainConfig
from napari_sr.training.fit import fit

#: columns of the figures that a card holds, by their name on it, and their title
FIGURES = {"psnr": "PSNR [dB]", "ssim": "SSIM", "ms_ssim": "MS-SSIM"}


@dataclass(frozen=True)
class GridRow:
    """What one training of a grid came to.

    Attributes
    ----------
    name
        Of its model; of the interpolation or model that it is compared with.
    settings
        What it differs in; empty for what it is compared with.
    figures
        On the validation images, by the names of :data:`FIGURES`.
    minutes
        That it took; None for what was not trained.
    failed
        Why there is no model; empty if there is one.
    """

    name: str
    settings: Mapping[str, Any]
    figures: Mapping[str, float]
    minutes: float | None = None
    failed: str = ""


def train_grid(
    runs: Sequence[tuple[Mapping[str, Any], TrainConfig]],
    folder: Path,
    *,
    on_run: Callable[[int, Mapping[str, Any]], None] = lambda number, settings: None,
    **how: Any,
) -> list[GridRow]:
    """Train every run of a grid in a folder of its own, and compare them on the same validation images.

    One that is finished is not trained again, one that was stopped goes on; a training that fails is a row that says
    so, and the others go on.

    Parameters
    ----------
    runs
        As :func:`napari_sr.training.settings.grid` makes them.
    folder
        Where the runs' folders, called after their models, and ``grid.csv`` go.
    on_run
        Called with number and settings before each of them.
    **how
        Further arguments of :func:`napari_sr.training.fit`.

    Returns
    -------
    list of GridRow
        Bicubic first, then the model that all went on from, if there is one, then the trainings.

    Raises
    ------
    Cancelled
        If ``should_stop`` ended a run; the same call goes on from there.
    TrainingError
        If a folder holds another run.
    """
    rows: list[GridRow] = []
    for number, (settings, config) in enumerate(runs):
        on_run(number, settings)
        try:
            card = read_card(_trained(config, folder / config.name, **how))
        except TrainingError as error:
            rows.append(GridRow(config.name, settings, {}, failed=str(error)))
            write_grid(folder / "grid.csv", in_order(rows))
            continue
        for row in compared_with(card):
            if row.name not in {r.name for r in rows}:
                rows.append(row)
        rows.append(GridRow(config.name, settings, figures_of(card, "model"), float(card.training["minutes"])))
        write_grid(folder / "grid.csv", in_order(rows))
    return in_order(rows)


def _trained(config: TrainConfig, folder: Path, **how: Any) -> Path:
    """Return the model of a run: the one that is there, or of a new or a resumed training."""
    path, there = folder / f"{config.name}.safetensors", folder / "config.yaml"
    if there.exists() and TrainConfig.read(there) != TrainConfig.from_dict(config.to_dict()):
        raise TrainingError(f"{folder} holds a run with other settings. Choose another folder (-o).")
    if path.exists() and (folder / "report.html").exists():
        return path
    return fit(config, folder, resume=(folder / "last.ckpt").exists(), **how)


def compared_with(card: ModelCard) -> list[GridRow]:
    """Return bicubic, and the model that a training started from, as rows."""
    metrics: Mapping[str, Any] = card.metrics[0] if card.metrics else {}
    rows = [GridRow("bicubic", {}, figures_of(card, "bicubic"))] if "bicubic" in metrics else []
    if "start" in metrics:
        rows.append(GridRow(f"{metrics['start']['name']} (start)", {}, figures_of(card, "start")))
    return rows


def figures_of(card: ModelCard, row: str) -> dict[str, float]:
    """Return the figures that a card has of its model (``model``), of ``bicubic`` or of its ``start``."""
    values = card.metrics[0].get(row, {}) if card.metrics else {}
    return {name: float(values[name]) for name in FIGURES if name in values}


def in_order(rows: Sequence[GridRow]) -> list[GridRow]:
    """Return what was not trained first, bicubic at the top."""
    return sorted(rows, key=lambda row: (bool(row.settings), row.name != "bicubic" and not row.settings))


def table_of(rows: Sequence[GridRow]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells of a grid as text."""
    paths = list(dict.fromkeys(path for row in rows for path in row.settings))
    shown = [name for name in FIGURES if any(name in row.figures for row in rows)]
    failed = any(row.failed for row in rows)
    header = ["model", *paths, *(FIGURES[name] for name in shown), "minutes", *(["why not"] if failed else [])]
    cells = []
    for row in rows:
        figures = [
            f"{row.figures[n]:.2f}" if n == "psnr" else f"{row.figures[n]:.4f}" for n in shown if n in row.figures
        ]
        figures = figures or [""] * len(shown)
        minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
        named = [row.name, *(str(row.settings.get(path, "")) for path in paths)]
        cells.append([*named, *figures, minutes, *([row.failed] if failed else [])])
    return header, cells


def write_grid(path: Path, rows: Sequence[GridRow]) -> None:
    """Write the table as CSV; raises :class:`TrainingError` if that is not possible."""
    header, cells = table_of(rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *cells])
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {reason(error)}.") from None


def plot_few(rows: Sequence[GridRow], path: Path) -> bool:
    """Draw fidelity over the number of images that were trained on, with what it is compared with as lines.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    trained = sorted((int(r.settings["images"]), r.figures["psnr"]) for r in rows if r.settings and "psnr" in r.figures)
    if not trained:
        return False
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*trained, strict=True), "o-", label="trained")
    for row, style in zip([r for r in rows if not r.settings], ("k--", "C1--"), strict=False):
        axes.plot([trained[0][0], trained[-1][0]], [row.figures["psnr"]] * 2, style, label=row.name)
    axes.set(xscale="log", xlabel="images trained on", ylabel="PSNR on images kept aside [dB]")
    axes.set_xticks([n for n, _ in trained], [str(n) for n, _ in trained], minor=False)
    axes.minorticks_off()
    axes.legend(frameon=False)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {reason(error)}.") from None
    return True
