"""``napari-sr samples``: list the sample images, or write one as LR and HR files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def command(
    name: Annotated[str | None, typer.Argument(help="Sample to write.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="LR file; the HR image goes beside it as *_hr.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """List the sample images, or write one of them."""
    from napari_sr.errors import ConfigError
    from napari_sr.images.geometry import Geometry
    from napari_sr.images.samples import SAMPLES, load_sample
    from napari_sr.images.writers import OutputInfo, create_output

    console = Console(soft_wrap=True)
    if name is None:
        table = Table(box=None, header_style="bold")
        for title in ("name", "title", "comes with napari-sr"):
            table.add_column(title)
        for sample_name in SAMPLES:
            entry = SAMPLES.entry(sample_name)
            where = "yes" if entry.value.remote is None else "downloaded on first use"
            table.add_row(sample_name, entry.title, where)
        console.print(table)
        return
    if output is None:
        raise ConfigError("Say where to write the sample: -o FILE.")
    notice = SAMPLES[name].licence_notice
    if notice:
        console.print(notice, highlight=False)
    sample = load_sample(name)
    targets = {output: (sample.lr, sample.scale), output.with_stem(output.stem + "_hr"): (sample.hr, 1)}
    for path, (image, factor) in targets.items():
        size = sample.pixel_size * factor
        axes = "ZYX"[3 - image.ndim :]
        info = OutputInfo(axes=axes, geometry=Geometry.square(size, sample.unit))
        with create_output(path, shape=image.shape, dtype=image.dtype, info=info, overwrite=overwrite) as out:
            out[...] = image
        console.print(f"{path}  {image.shape}", highlight=False)
    console.print(sample.note, highlight=False, style="dim")
