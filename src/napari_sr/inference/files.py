"""One image file to another, in bounded memory."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.data.io import read_image
from napari_sr.data.output_files import OutputInfo, create_output
from napari_sr.errors import ImageError
from napari_sr.inference.axes import Layout
from napari_sr.inference.engine import iter_upscale
from napari_sr.inference.events import Event, Finished
from napari_sr.model import Model


def iter_upscale_file(
    source: Path,
    target: Path,
    model: Model,
    *,
    axes: str | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> Generator[Event, None, None]:
    """Super-resolve ``source`` into ``target``; the events are those of :func:`iter_upscale`.

    The result is written as it is computed and takes its name only when complete. Pixel size is divided
    by the scale; what else the file said is kept where the format has a place for it.
    """
    image = read_image(source)
    if target.exists() and target.resolve() == source.resolve():
        raise ImageError(f"{source} would be overwritten by its own result; choose another name.")
    layout = Layout(axes or image.axes, tuple(int(n) for n in image.data.shape))
    scale = model.scale
    info = OutputInfo(
        axes=layout.axes,
        geometry=image.geometry.resampled(scale),
        metadata={**image.metadata, "Info": f"super-resolved by napari-sr with {model.card.name}"},
    )
    dtype = np.dtype(image.data.dtype).newbyteorder("=")
    shape = layout.upscaled_shape(scale)
    with create_output(target, shape=shape, dtype=dtype, info=info, overwrite=overwrite) as out:
        for event in iter_upscale(image.data, model, axes=layout.axes, out=out, **settings):
            if isinstance(event, Finished) and out.dtype != dtype and dtype.kind == "b":
                note = "The file holds 0 and 1 in uint8, since TIFF has no type for true and false"
                event = replace(event, report=replace(event.report, notes=(*event.report.notes, note)))
            yield event


def output_path(file: Path, output: Path | None, model: str, many: bool) -> Path:
    """Return where the result of ``file`` goes."""
    stem = file.name.removesuffix(file.suffix).removesuffix(".ome")
    suffix = file.suffix if file.suffix.lower() in (".npy", ".zarr", ".tif", ".tiff") else ".tif"
    name = f"{stem}_{model}{suffix}"
    if output is None:
        return file.with_name(name)
    if many or (output.is_dir() and output.suffix.lower() != ".zarr") or not output.suffix:
        return output / name
    return output
