"""Super-resolving a file into a file, with what the file says of itself."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.readers import chosen, read_image
from napari_sr.images.readers.formats import suffixes
from napari_sr.images.selection import Selection
from napari_sr.images.stack import Stack
from napari_sr.images.writers import OUTPUT_SUFFIXES, OutputInfo, create_output, name_problem
from napari_sr.images.writers.ome_zarr import VERSIONS
from napari_sr.inference.block_job import Source
from napari_sr.inference.events import Event, Finished
from napari_sr.inference.identity import identity_of_file
from napari_sr.inference.to_zarr import Hire, iter_upscale_to_zarr
from napari_sr.inference.upscaler import Upscaler


def iter_upscale_file(
    source: Path,
    target: Path,
    upscaler: Upscaler,
    *,
    axes: str | None = None,
    overwrite: bool = False,
    region: str = "",
    take: Sequence[str] = (),
    version: str = VERSIONS[0],
    hire: Hire | None = None,
    **settings: Any,
) -> Generator[Event, None, None]:
    """Super-resolve ``source`` into ``target``; the events and further settings are those of :meth:`Upscaler.iter`.

    The result is written as it is computed and takes its name only when complete, before ``Finished`` is told. Pixel
    size is divided by the scale; what else the file said is kept where the format has a place for it. A result in zarr
    that was left unfinished is gone on with.

    Parameters
    ----------
    region, take
        The part of the image, as :meth:`Selection.parsed` has it.
    version, hire
        Of OME-Zarr, and other workers than this process, as in :func:`iter_upscale_to_zarr`; only for a target in zarr.
    """
    image = read_image(source)
    if target.exists() and target.resolve() == source.resolve():
        raise ImageError(f"{source} would be overwritten by its own result; choose another name.")
    layout = Layout(axes or image.axes, tuple(int(n) for n in image.data.shape))
    selection = Selection.parsed(layout, region, take)
    info = OutputInfo(
        axes=layout.axes,
        geometry=image.geometry,
        metadata={**image.metadata, "Info": f"super-resolved by napari-sr with {upscaler.model.card.name}"},
        channels=image.channels,
        labels=image.labels,
    )
    notes, finished = image.notes if axes is None else (), None
    if target.suffix.lower() == ".zarr":
        if problem := name_problem(target):
            raise ImageError(problem)
        where = Source(str(source), partial(identity_of_file, source), partial(_opened, source))
        events = iter_upscale_to_zarr(
            image.data, target, upscaler, axes=layout.axes, selection=selection, info=info, version=version,
            overwrite=overwrite, source=where, hire=hire, **settings,
        )  # fmt: skip
    elif hire is not None:
        raise ImageError(f"{target.name}: several processes write to zarr only; choose a result that ends in .zarr.")
    else:
        events = _in_one_file(image, target, upscaler, layout, selection, info, overwrite=overwrite, **settings)
    try:
        for event in events:
            if isinstance(event, Finished):
                finished = event
            else:
                yield event
    except ImageError as error:
        # what is read lazily fails in the middle, and does not know of which file it is
        raise ImageError(str(error) if source.name in str(error) else f"{source.name}: {error}") from error
    finally:
        events.close()
    assert finished is not None
    yield replace(finished, report=replace(finished.report, notes=(*finished.report.notes, *notes)))


def _in_one_file(
    image: Stack, target: Path, upscaler: Upscaler, layout: Layout, selection: Selection, info: OutputInfo, *,
    overwrite: bool, **settings: Any,
) -> Generator[Event, None, None]:  # fmt: skip
    """Super-resolve into a TIFF or NumPy file, plane by plane."""
    dtype = np.dtype(image.data.dtype).newbyteorder("=")
    part = selection.info(info, layout)
    part = replace(part, geometry=part.geometry.resampled(upscaler.scale))
    shape = selection.layout(layout).upscaled_shape(upscaler.scale)
    where: dict[str, Any] = {"rows": selection.rows, "columns": selection.columns, "take": selection.take}
    finished = None
    with create_output(target, shape=shape, dtype=dtype, info=part, overwrite=overwrite) as out:
        for event in upscaler.iter(image.data, axes=layout.axes, out=out, **where, **settings):
            if isinstance(event, Finished):
                finished = event
            else:
                yield event
    assert finished is not None  # told once the file has its name
    if out.dtype != dtype and dtype.kind == "b":
        note = "The file holds 0 and 1 in uint8, since TIFF has no type for true and false"
        finished = replace(finished, report=replace(finished.report, notes=(*finished.report.notes, note)))
    yield finished


def _opened(source: Path) -> Any:
    """Return the values of an image file."""
    return read_image(source).data


def output_path(file: Path, output: Path | None, model: str, many: bool) -> Path:
    """Return where the result of ``file`` goes: ``output``, or ``NAME_MODEL.tif`` (.npy, .zarr) there or beside it.

    Parameters
    ----------
    file
        The image; of one of several in a file, the name has its number.
    output
        A file or folder; None for beside the image.
    model
        Name of the model.
    many
        ``output`` is a folder, whatever its name.
    """
    source, which = chosen(file)
    stem = source.name.removesuffix(source.suffix).removesuffix(".ome").removesuffix(".companion")
    stem += "".join(c if c.isalnum() or c in "-_" else "_" for c in f"_{which}") if which else ""
    suffix = source.suffix if source.suffix.lower() in (".npy", ".zarr", ".tif", ".tiff") else ".tif"
    name = f"{stem}_{model}{suffix}"
    if output is None:
        return source.with_name(name)
    is_folder = output.is_dir() and output.suffix.lower() != ".zarr"
    return output / name if many or is_folder or not names_a_file(output) else output


def names_a_file(output: Path) -> bool:
    """Return True if a path ends as images do: ``results_v1.5`` is a folder."""
    return output.suffix.lower() in (*OUTPUT_SUFFIXES, *suffixes())
