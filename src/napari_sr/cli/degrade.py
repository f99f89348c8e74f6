"""``napari-sr degrade``: make the LR partner of an HR image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    hr: Annotated[Path, typer.Argument(help="HR image.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="LR image to write.")],
    preset: Annotated[
        str,
        typer.Option(
            "-p",
            "--preset",
            help="em, nbody, area, point-scanning, fluorescence, second-order; or steps such as 'gaussian(2) + area'.",
        ),
    ] = "em",
    scale: Annotated[int, typer.Option("-s", "--scale", min=1, help="Reduction along each axis.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Simulate a low-resolution image from a high-resolution one."""
    import numpy as np

    from napari_sr.errors import ImageError
    from napari_sr.images.guarded import Guarded
    from napari_sr.images.readers import chosen, read_image
    from napari_sr.images.simulate import degraded_shape, iter_degraded
    from napari_sr.images.writers import OutputInfo, create_output

    image = read_image(hr)
    if output.exists() and output.resolve() == chosen(hr)[0].resolve():
        raise ImageError(f"{hr} would be overwritten by its own LR image; choose another name.")
    for note in image.notes:
        typer.echo(note, err=True)
    lost: list[int] = []
    shape = degraded_shape(tuple(int(n) for n in image.data.shape), image.axes, scale)
    info = OutputInfo(axes=image.axes, geometry=image.geometry.resampled(1 / scale), metadata=image.metadata)
    dtype = np.dtype(image.data.dtype).newbyteorder("=")
    data = Guarded(image.data)
    with create_output(output, shape=shape, dtype=dtype, info=info, overwrite=overwrite) as out:
        for _ in iter_degraded(data, preset, scale, axes=image.axes, seed=seed, out=out, on_lost=lost.append):
            pass
    if lost:
        typer.echo(f"{sum(lost)} LR pixels have no value: HR pixels that they are made of have none.", err=True)
    typer.echo(f"{output}: {shape}, {preset} ×{scale}")
