"""``napari-sr evaluate``: figures for a result, or for models on a test set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def command(
    images: Annotated[
        list[Path],
        typer.Argument(
            help="PRED TARGET: compare two images. Or one TARGET with -m: degrade it and test models.",
            show_default=False,
        ),
    ],
    model: Annotated[list[str] | None, typer.Option("-m", "--model", help="Model to test; repeatable.")] = None,
    degradation: Annotated[
        str | None, typer.Option(help="Preset for the LR images. Default: the first model's own.")
    ] = None,
    rounded: Annotated[
        bool,
        typer.Option("--rounded/--fractions", help="LR images of 8-bit images rounded to 8 bit, or kept exact."),
    ] = True,
    density: Annotated[
        bool, typer.Option("--density", help="Densities: log10(x + 0.02), and the spectrum score.")
    ] = False,
    niqe: Annotated[
        str | None,
        typer.Option(help="Also NIQE: EM, N-body, or a .npz model fitted on your own images.", show_default=False),
    ] = None,
    data_range: Annotated[
        float | None, typer.Option(help="For PSNR and SSIM. Default: 255 for 8 bit, else the target's.")
    ] = None,
    crop: Annotated[int | None, typer.Option(min=0, help="Border to leave out, HR pixels.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print PSNR, SSIM and MS-SSIM, with bicubic interpolation in the first row."""
    from napari_sr.data.folders import read_planes
    from napari_sr.errors import ConfigError, ImageError
    from napari_sr.evaluation import evaluate_images, evaluate_models
    from napari_sr.metrics.naturalness import naturalness_model
    from napari_sr.store import load_model

    if model:
        if len(images) != 1:
            raise ImageError("With models, give one file or folder of ground-truth images.")
        if data_range is not None:
            raise ConfigError("--data-range goes with PRED TARGET; with models it is taken from the images.")
        loaded = [load_model(name) for name in model]
        preset = degradation or next((m.card.degradation for m in loaded if m.card.degradation), "em")
        console = Console(stderr=True)
        with console.status("Evaluating …") as status:
            table = evaluate_models(
                loaded, read_planes(images[0]), degradation=preset, crop=crop, density=density, rounded=rounded,
                naturalness=None if niqe is None else naturalness_model(niqe),
                on_image=lambda done, total: status.update(f"Evaluating … image {done} of {total}"),
            )  # fmt: skip
    else:
        if niqe is not None:
            raise ConfigError("--niqe goes with models.")
        if len(images) != 2:
            raise ImageError("Give PRED and TARGET, or one TARGET with -m MODEL.")
        pred, target = (read_planes(path) for path in images)
        table = evaluate_images({images[0].name: pred}, target, data_range=data_range, crop=crop or 0)
    typer.echo(json.dumps(table.to_dict(), indent=2) if as_json else table.to_markdown())
