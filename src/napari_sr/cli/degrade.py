"""``napari-sr degrade``: make the LR partner of an HR image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    hr: Annotated[Path, typer.Argument(help="HR image.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="LR image to write.")],
    preset: Annotated[
        str, typer.Option("-p", "--preset", help="em, nbody, area, point-scanning, fluorescence.")
    ] = "em",
    scale: Annotated[int, typer.Option("-s", "--scale", min=1, help="Reduction along each axis.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Simulate a low-resolution image from a high-resolution one."""
    import numpy as np

    from napari_sr.data.dtypes import to_dtype
    from napari_sr.data.io import read_image
    from napari_sr.data.output_files import OutputInfo, create_output
    from napari_sr.degradations import degrade
    from napari_sr.errors import ImageError

    image = read_image(hr)
    if image.rgb:
        raise ImageError(f"{hr.name} is a colour image; degrade its channels one by one.")
    shape = tuple(int(n) for n in image.data.shape)
    lr_shape = (*shape[:-2], shape[-2] // scale, shape[-1] // scale)
    size = tuple(s * scale for s in image.pixel_size) if image.pixel_size else None
    info = OutputInfo(axes=image.axes, pixel_size=size, unit=image.unit)  # type: ignore[arg-type]
    dtype = np.dtype(image.data.dtype).newbyteorder("=")
    with create_output(output, shape=lr_shape, dtype=dtype, info=info, overwrite=overwrite) as out:
        for number, index in enumerate(np.ndindex(*shape[:-2])):
            lr = degrade(np.asarray(image.data[index]), preset, scale, seed=seed + number)
            out[(*index, slice(None), slice(None))] = to_dtype(lr, dtype)[0]
    typer.echo(f"{output}: {lr_shape}, {preset} ×{scale}")
