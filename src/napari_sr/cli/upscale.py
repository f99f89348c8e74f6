"""``napari-sr upscale``: files or folders in, TIFF, NPY or zarr out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from napari_sr.cli.foreign import ALLOW_CODE, ANSWERS, answers_of
from napari_sr.errors import ImageError

if TYPE_CHECKING:
    from napari_sr.inference import Upscaler
    from napari_sr.inference.batch import FileDone, FileTask
    from napari_sr.models.model import ModelCard


def given_conditions(**given: str) -> dict[str, float]:
    """Return the numbers among options that are numbers or ``auto``; raises :class:`typer.BadParameter` for others."""
    numbers = {}
    for name, text in given.items():
        if text == "auto":
            continue
        try:
            numbers[name] = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is neither a number nor auto", param_hint=f"--{name}") from None
    return numbers


def unsuitable(file: Path, card: ModelCard) -> str:
    """Return a sentence if a model can be expected to do harm to an image; empty if not."""
    from napari_sr.inference.recommend import look_at
    from napari_sr.models.fit import fit, interpolates

    if interpolates(card):
        return ""
    try:
        found = fit(card, look_at(file))
    except ImageError:  # too small to tell anything; what cannot be read is said when it is
        return ""
    if found.verdict != "red":
        return ""
    return f"{card.name} does not suit this image: {'; '.join(found.reasons)}. See: napari-sr recommend {file.name}"


def command(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Images, or folders of images; file.tif:1 is the second image in a file.", show_default=False
        ),
    ],
    model: Annotated[str, typer.Option("-m", "--model", help="Name of a model, or path of a model file.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File, or folder for several inputs. Default: beside each input."),
    ] = None,
    axes: Annotated[str | None, typer.Option(help="One letter a dimension, e.g. TYX; Y and X are upscaled.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:0, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16.")] = "auto",
    backend: Annotated[
        str, typer.Option(help="Library that computes on a processor: torch, openvino, or auto for the faster one.")
    ] = "auto",
    tile: Annotated[str, typer.Option(help="Tile side in LR pixels, or auto.")] = "auto",
    overlap: Annotated[
        int | None, typer.Option(help="Context around each tile in LR pixels. Default: from the model.")
    ] = None,
    blur: Annotated[
        str, typer.Option(help="For models that are told: how blurred the image is, in its pixels; or auto.")
    ] = "auto",
    noise: Annotated[
        str, typer.Option(help="For models that are told: how noisy it is, in per cent of its range; or auto.")
    ] = "auto",
    region: Annotated[
        str, typer.Option(help="Rows and columns of the image, in its pixels: Y0:Y1,X0:X1. Default: all.")
    ] = "",
    take: Annotated[
        list[str] | None,
        typer.Option("--take", help="Planes, times or channels: T=0:5, C=0,2. Can be repeated.", show_default=False),
    ] = None,
    ome_zarr: Annotated[str, typer.Option("--ome-zarr", help="Version of OME-Zarr that is written: 0.5, 0.4.")] = "0.5",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that compute a result in zarr. Default: this one.")
    ] = 0,
    scheduler: Annotated[
        str, typer.Option("--scheduler", help="Address or file of a dask scheduler whose workers compute.")
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at an image that the model does not suit, instead of warning.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    answer: ANSWERS = None,
    allow_code: ALLOW_CODE = False,
) -> None:
    """Super-resolve images with a model.

    A result in zarr is computed block by block, whatever the size of the image. If it was cut off, the same
    command goes on.
    """
    from napari_sr.inference import Upscaler
    from napari_sr.inference.batch import tasks_of
    from napari_sr.models.store import load_model

    console = Console(soft_wrap=True)
    if tile != "auto" and not tile.isdecimal():
        raise typer.BadParameter(f"{tile!r} is neither a number nor auto", param_hint="--tile")
    loaded = load_model(model, answers=answers_of(answer), allow_code=allow_code)
    if found := loaded.card.source.get("detected"):  # of another program: what it was taken for
        console.print(f"{loaded.card.source['file']}: {found}", highlight=False, markup=False)
    prepared: dict[str, Any] = {
        "device": device, "precision": precision, "tile": tile, "overlap": overlap, "backend": backend,
    }  # fmt: skip
    settings: dict[str, Any] = {
        "axes": axes, "conditions": given_conditions(blur=blur, noise=noise), "region": region, "take": take or [],
        "version": ome_zarr,
    }  # fmt: skip
    tasks = tasks_of(inputs, output, loaded.card.name)
    if len(tasks) == 1 and not tasks[0].problem and tasks[0].target.exists() and not overwrite:
        raise ImageError(f"{tasks[0].target} exists already; allow overwriting (--overwrite) or choose another name.")
    if scheduler or workers:
        from napari_sr.inference.cluster import team

        console.print(f"Starting {workers} processes" if not scheduler else f"Asking {scheduler} for workers")
        with team(scheduler=scheduler, workers=workers) as workforce:
            upscaler = workforce.upscaler(loaded, **prepared)
            settings["hire"] = workforce.hire
            failed = _run(console, tasks, upscaler, settings, strict=strict, overwrite=overwrite)
    else:
        upscaler = Upscaler(loaded, **prepared)
        failed = _run(console, tasks, upscaler, settings, strict=strict, overwrite=overwrite)
    if failed and len(tasks) == 1:
        raise ImageError(failed[0].error)
    if failed:
        console.print(f"{len(failed)} of {len(tasks)} images could not be super-resolved:", style="red")
        for done in failed:
            console.print(f"  {done.source}: {done.reason}", highlight=False, markup=False)
        console.print("Run the same again once they are mended: what is done is left as it is.")
        raise typer.Exit(1)


def _run(
    console: Console,
    tasks: list[FileTask],
    upscaler: Upscaler,
    settings: dict[str, Any],
    *,
    strict: bool,
    overwrite: bool,
) -> list[FileDone]:
    """Work through the jobs, and return those that failed."""
    from napari_sr.inference.batch import FileDone, iter_upscale_jobs

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    failed: list[FileDone] = []

    def objection(source: Path) -> str:
        found = unsuitable(source, upscaler.model.card)
        if found and not strict:
            console.print(f"{source.name}: {found}", style="yellow", highlight=False, markup=False)
        return f"{source.name}: {found}" if found and strict else ""

    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, rate="")
        for event in iter_upscale_jobs(tasks, upscaler, overwrite=overwrite, refuse=objection, **settings):
            if not isinstance(event, FileDone):
                rate = f"{event.rate:.2f} Mpx/s" if event.rate else ""
                name = f"{event.source.name}: {event.stage}" if event.stage else event.source.name
                bar.update(task, description=name, completed=event.of_this, rate=rate)
            elif event.error:
                failed.append(event)
            elif event.before:
                console.print(f"{event.target} was there already", highlight=False, markup=False)
            else:
                _say_done(console, event)
    return failed


def _say_done(console: Console, done: FileDone) -> None:
    assert done.report is not None
    console.print(f"{done.target}\n  {done.report.sentence()}", highlight=False, markup=False)
    for problem in done.report.problems:
        console.print(f"  {problem}.", style="red", highlight=False, markup=False)
