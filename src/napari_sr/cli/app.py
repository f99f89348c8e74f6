"""The application: one command a file, errors as one line, exit code 1 for them and 130 for Ctrl-C."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import napari_sr
from napari_sr.cli import (
    degrade,
    demo,
    doctor,
    evaluate,
    export,
    maps,
    models,
    networks,
    rank,
    recommend,
    samples,
    train,
    upscale,
)
from napari_sr.errors import SRError

app = typer.Typer(
    name="napari-sr",
    help="Super-resolve microscopy and cosmology images, and see how far the result can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (upscale, recommend, degrade, train, evaluate, maps, rank, export, networks, samples, doctor, demo):
    app.command(name=module.__name__.rsplit(".", 1)[1])(module.command)
app.add_typer(models.app, name="models")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"napari-sr {napari_sr.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every error of ours is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        # terminals of other alphabets (cp1252, cp932, ASCII): a µ that they lack must not end an hour of work
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    errors = Console(stderr=True, soft_wrap=True)
    try:
        app()
    except SRError as error:
        if os.environ.get("NAPARI_SR_DEBUG"):
            raise
        errors.print(f"[red]Error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == 130:  # typer has turned Ctrl-C into this
            errors.print("Cancelled; nothing was left behind.")
        raise
