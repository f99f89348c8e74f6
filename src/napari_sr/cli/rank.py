"""``napari-sr rank``: let people rank reconstructions without knowing whose they are."""

from __future__ import annotations

import importlib.util
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_sr.paths import reason


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of the ranking; with --truth, a new one.", show_default=False)],
    images: Annotated[
        list[Path] | None, typer.Argument(help="With --truth: the images to rank.", show_default=False)
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="The true image: a new ranking is made.", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Patches, at random places.")] = 10,
    side: Annotated[int, typer.Option(min=16, help="Their side in pixels of the truth.")] = 128,
    density: Annotated[bool, typer.Option("--density", help="Densities: show log10(x + 0.02).")] = False,
    seed: Annotated[int | None, typer.Option(help="Of the places and orders. Default: by chance.")] = None,
    results: Annotated[bool, typer.Option("--results", help="Print what came out, open no window.")] = False,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the answers to this file, open no window.")] = None,
) -> None:
    """Open a blind ranking, or make one: people put reconstructions of patches in order without seeing names."""
    from napari_sr.errors import ConfigError, SRError
    from napari_sr.evaluation.comparison import ComparisonProgress
    from napari_sr.evaluation.files import names_of, placed_file
    from napari_sr.evaluation.ranking.patches import iter_ranking
    from napari_sr.evaluation.ranking.ranks import summary
    from napari_sr.evaluation.ranking.session import Session

    if images and truth is None:
        raise ConfigError("Images to rank need --truth, the true image.")
    if truth is not None:
        reference = placed_file(truth)
        chosen = images or []
        candidates = [
            placed_file(path, name=name, like=reference) for path, name in zip(chosen, names_of(chosen), strict=True)
        ]
        with Console(stderr=True).status("Cutting patches …") as status:
            for event in iter_ranking(
                folder, reference, candidates, count=count, side=side, density=density,
                seed=secrets.randbelow(2**31) if seed is None else seed,
            ):  # fmt: skip
                if isinstance(event, ComparisonProgress):
                    status.update(event.text)
    session = Session(folder)
    if results:
        typer.echo(summary(session))
    if table is not None:
        try:
            table.write_text(session.to_csv(), encoding="utf-8")
        except OSError as error:
            raise SRError(f"{table} could not be written ({reason(error)}).") from None
    if results or table is not None:
        return
    if importlib.util.find_spec("qtpy") is None:
        raise SRError("The window needs Qt, which is not installed here: pip install 'napari-sr[all]'.")
    done = subprocess.run([sys.executable, "-m", "napari_sr.widgets.ranking.window", str(folder)], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
