"""``napari-sr export``: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: side of what is taken of an example image, LR pixels
EXAMPLE = 192


def command(
    model: Annotated[str, typer.Argument(help="Name of a model, or path of a model file.", show_default=False)],
    to: Annotated[str, typer.Option(help="bioimageio (a package for Fiji, ilastik, …), onnx, torchscript.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File, or a folder for a file of the model's name.")],
    blur: Annotated[
        float | None, typer.Option(help="For models that are told: fix how blurred images are, in their pixels.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="For models that are told: fix how noisy images are, in per cent of the range.")
    ] = None,
    conditions: Annotated[
        str, typer.Option(help="inputs: blur and noise are a second input of the file. The default without --blur.")
    ] = "",
    values: Annotated[
        str, typer.Option(help="What the file takes and gives: image, network, or auto (image values if it can).")
    ] = "auto",
    author: Annotated[list[str] | None, typer.Option(help="For bioimageio: who made the model.")] = None,
    example: Annotated[
        Path | None, typer.Option(help="For bioimageio: an LR image for the test and the picture.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write a model for other programs, and test that they get the same from it."""
    from napari_sr.models.export import Exported, ExportRequest, iter_export
    from napari_sr.models.store import load_model

    told: dict[str, float] = {k: v for k, v in {"blur": blur, "noise": noise}.items() if v is not None}
    if conditions not in ("", "inputs"):
        raise typer.BadParameter(f"{conditions!r} is not known; only: inputs", param_hint="--conditions")
    if conditions and told:
        raise typer.BadParameter("either inputs, or fixed by --blur and --noise", param_hint="--conditions")
    if values not in ("auto", "image", "network"):
        raise typer.BadParameter(f"{values!r} is not known; only: auto, image, network", param_hint="--values")
    settings: dict[str, Any] = {"values": values, "authors": tuple(author or ()), "overwrite": overwrite}
    request = ExportRequest(
        model=load_model(model), path=output, format=to, conditions=told or None,
        example=None if example is None else example_of(example), **settings,
    )  # fmt: skip
    console = Console(soft_wrap=True)
    with console.status("") as status:
        for event in iter_export(request):
            if not isinstance(event, Exported):
                status.update(f"{event.text} …")
                continue
            console.print(f"{event.path}", highlight=False, markup=False)
            console.print(
                f"Tested: differs from napari-sr by at most {event.deviation:.1g} of the range.", highlight=False
            )
            for note in (*event.how_to, *event.notes):
                console.print(f"  {note}", highlight=False, markup=False)


def example_of(path: Path) -> npt.NDArray[np.float32]:
    """Return the middle of the middle plane of an image."""
    import numpy as np

    from napari_sr.images.axes import Layout
    from napari_sr.images.readers import read_image
    from napari_sr.inference.conditions import middle_square

    image = read_image(path)
    square = middle_square(image.data, Layout(image.axes, tuple(int(n) for n in image.data.shape)))
    rows, columns = (slice(max(0, (n - EXAMPLE) // 2), max(0, (n - EXAMPLE) // 2) + EXAMPLE) for n in square.shape)
    return np.asarray(square[rows, columns], np.float32)
