"""``napari-sr upscale``: files or folders in, TIFF, NPY or zarr out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from napari_sr.errors import ImageError

if TYPE_CHECKING:
    from napari_sr.model import ModelCard


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
    inputs: Annotated[list[Path], typer.Argument(help="Images, or folders of images.", show_default=False)],
    model: Annotated[str, typer.Option("-m", "--model", help="Name of a model, or path of a model file.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File, or folder for several inputs. Default: beside each input."),
    ] = None,
    axes: Annotated[str | None, typer.Option(help="One letter a dimension, e.g. TYX; Y and X are upscaled.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:0, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16.")] = "auto",
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
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at an image that the model does not suit, instead of warning.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Super-resolve images with a model."""
    from napari_sr.data.folders import image_files
    from napari_sr.inference.files import output_path
    from napari_sr.store import load_model

    console = Console(soft_wrap=True)
    if tile != "auto" and not tile.isdigit():
        raise typer.BadParameter(f"{tile!r} is neither a number nor auto", param_hint="--tile")
    loaded = load_model(model)
    told = given_conditions(blur=blur, noise=noise)
    # a folder may hold the results of an earlier run: those are not taken as inputs again
    done = f"_{loaded.card.name}"
    files = [f for path in inputs for f in image_files(path) if f == path or not f.stem.endswith(done)]
    if not files:
        raise ImageError(f"There are only results of {loaded.card.name} in {inputs[0]}, no images to work on.")
    many = len(files) > 1 or any(p.is_dir() and p not in files for p in inputs)  # an image in zarr is a folder too
    if many and output is not None and output.suffix:
        raise ImageError(f"Several images cannot be written to the one file {output}; give a folder.")
    targets = [output_path(file, output, loaded.card.name, many) for file in files]
    doubles = {t for t in targets if targets.count(t) > 1}
    if doubles:
        raise ImageError(f"Two inputs would be written to {sorted(doubles)[0]}; give them different names.")
    existing = [t for t in targets if t.exists()]
    if existing and not overwrite:
        raise ImageError(f"{existing[0]} exists already; allow overwriting (--overwrite) or choose another name.")
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    from napari_sr.inference import Finished
    from napari_sr.inference.files import iter_upscale_file

    for file, target in zip(files, targets, strict=True):
        if objection := unsuitable(file, loaded.card):
            if strict:
                raise ImageError(f"{file.name}: {objection}")
            console.print(f"{file.name}: {objection}", style="yellow", highlight=False, markup=False)
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(file.name, total=1.0, rate="")
            for event in iter_upscale_file(
                file, target, loaded, axes=axes, device=device, precision=precision,
                tile=tile if tile == "auto" else int(tile), overlap=overlap, overwrite=overwrite, conditions=told,
            ):  # fmt: skip
                if isinstance(event, Finished):
                    summary, problems = event.report.sentence(), event.report.problems
                else:
                    bar.update(task, completed=event.fraction, rate=f"{event.rate:.2f} Mpx/s")
        console.print(f"{target}\n  {summary}", highlight=False, markup=False)
        for problem in problems:
            console.print(f"  {problem}.", style="red", highlight=False, markup=False)
