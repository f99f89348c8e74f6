"""``napari-sr train --grid`` and ``--few``: several trainings, and the table that compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_sr.cli.stopping import interruptible

if TYPE_CHECKING:
    from napari_sr.training.config import TrainConfig
    from napari_sr.training.settings import Axis


def axes_of(grid: Sequence[str], few: str | None) -> list[Axis]:
    """Return the axes of a grid from the command line; ``few`` are numbers of images."""
    from napari_sr.training.settings import parse_axis

    return [*([parse_axis(f"images={few}")] if few is not None else []), *(parse_axis(text) for text in grid)]


def train_many(config: TrainConfig, output: Path, axes: Sequence[Axis], *, curve: bool, **how: Any) -> None:
    """Train every combination, print the table, and write it, with the curve over the images if that is wanted."""
    from napari_sr.cli.train import show
    from napari_sr.training.grid import plot_few, table_of, train_grid
    from napari_sr.training.settings import grid

    console, runs = Console(soft_wrap=True), grid(config, axes)

    def on_run(number: int, settings: Mapping[str, Any]) -> None:
        named = ", ".join(f"{path} = {value}" for path, value in settings.items())
        console.print(f"[bold]{number + 1} of {len(runs)}[/bold]: {named}", highlight=False)

    with interruptible() as stopped:
        rows = train_grid(
            runs, output, on_run=on_run, on_event=lambda event: show(console, event), should_stop=stopped.is_set, **how
        )
    header, cells = table_of(rows)
    table = Table(*header)
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    console.print(f"The same table: {output / 'grid.csv'}. Each model lies in its own folder there.", highlight=False)
    if curve and plot_few(rows, output / "few.png"):
        console.print(f"The curve over the number of images: {output / 'few.png'}.", highlight=False)
    if all(row.failed for row in rows if row.settings):
        raise typer.Exit(1)
