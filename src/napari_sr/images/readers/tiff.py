"""TIFF and its dialects (OME, ImageJ, LSM, STK, SVS, instruments' own), read by tifffile."""

from __future__ import annotations

import logging
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sr.errors import ImageError
from napari_sr.images.axes import channels_last, guess_axes, guess_note
from napari_sr.images.readers.ome_xml import OmeImage, missing_members, read_ome, whole_description
from napari_sr.images.readers.tiff_geometry import read_geometry
from napari_sr.images.readers.tiff_samples import meaning
from napari_sr.images.stack import Channel, Stack

# it says on the terminal what it makes of foreign metadata; we say what our user can do something about
logging.getLogger("tifffile").addHandler(logging.NullHandler())

#: images of up to so many bytes are read at once, larger compressed ones in parts
AT_ONCE = 256 * 1024**2
#: line that our own ImageJ files have where axes of length 1 would be lost
AXES_KEY = "napari_sr_axes"


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the images of a TIFF file; what is not compressed is mapped.

    Raises
    ------
    ImageError
        If it belongs to a set of files of which one is missing, or is compressed or coloured in a way that is not
        supported.
    """
    with tifffile.TiffFile(path) as tif:
        omexml = whole_description(path, tif.ome_metadata) if tif.is_ome and tif.ome_metadata else None
    with tifffile.TiffFile(path, omexml=omexml) as tif:
        if omexml and (missing := missing_members(path, omexml)):
            raise ImageError(
                f"{path.name} is part of an image in several files. Missing beside it: {', '.join(missing)}."
            )
        described = read_ome(omexml) if omexml else []
        series = [s for s in tif.series if len(s.shape) >= 2 and {"Y", "X"} <= set(s.axes)]
        return [
            _stack(path, tif, s, described[n] if len(described) == len(series) else None, omexml, lazy=lazy)
            for n, s in enumerate(series)
        ]


def _stack(
    path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, described: OmeImage | None,
    omexml: str | None, *, lazy: bool,
) -> Stack:  # fmt: skip
    page = series.keyframe
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise ImageError(
            f"{path.name} is compressed in a way that is not supported ({page.compression!s}). Save it "
            "uncompressed, or with LZW or ZIP compression."
        )
    number = tif.series.index(series)
    axes, notes = _axes(series)
    if omexml and series.dataoffset is None and (absent := sum(page is None for page in series)):
        notes = (*notes, f"{absent} of its {len(series)} planes are not in the file: they are black here")
    stack = Stack(
        _data(path, series, number, omexml, lazy=lazy),
        axes,
        notes=notes,
        geometry=described.geometry if described else read_geometry(tif),
        name=described.name if described else _name(series.name),
        channels=described.channels if described else _channels(tif),
        labels=tuple(str(label) for label in (tif.imagej_metadata or {}).get("Labels", ())),
        metadata=_metadata(tif),
    )
    if (kept := (tif.imagej_metadata or {}).get(AXES_KEY)) and number == 0:
        stack = _with_singletons(stack, str(kept))
    return meaning(stack, page, path.name, of_imagej=bool(tif.is_imagej))


def _axes(series: tifffile.TiffPageSeries) -> tuple[str, tuple[str, ...]]:
    """Return a letter an axis, and a note if channels that stand last are only known by being so few."""
    if set(series.axes) & set("QI") and channels_last(series.shape):
        axes = guess_axes(series.shape, rgb=False)
        return axes, (guess_note(series.shape, axes),)
    return distinct_axes(series.axes), ()


def _data(path: Path, series: tifffile.TiffPageSeries, number: int, omexml: str | None, *, lazy: bool) -> Any:
    if series.dataoffset is not None:
        return tifffile.memmap(path, series=number, mode="r", omexml=omexml).reshape(series.shape)
    if not lazy and series.nbytes <= AT_ONCE:
        return tifffile.imread(path, series=number, omexml=omexml)
    import zarr

    store = tifffile.imread(path, aszarr=True, series=number, omexml=omexml)
    data = zarr.open(store, mode="r")
    if isinstance(data, zarr.Group):  # pyramids: the full resolution
        data = data["0"]
    weakref.finalize(data, store.close)
    return data


def _name(name: str) -> str:
    """Return the name of an image within a file, but none that tifffile made up."""
    return "" if name.lower() in ("", "baseline", "generic", "uniform", "shaped", "imagej") else name


def _metadata(tif: tifffile.TiffFile) -> dict[str, Any]:
    if tif.imagej_metadata:
        return {k: v for k, v in tif.imagej_metadata.items() if isinstance(v, str | int | float)}
    if tif.pages.first.description and not tif.is_ome and not tif.is_shaped:
        return {"description": tif.pages.first.description}
    return {}


def _channels(tif: tifffile.TiffFile) -> tuple[Channel, ...]:
    """Return what ImageJ wrote of its channels."""
    about = tif.imagej_metadata or {}
    ranges = list(about.get("Ranges", ()))
    limits = list(zip(ranges[::2], ranges[1::2], strict=False))
    if not limits and {"min", "max"} <= set(about):
        limits = [(about["min"], about["max"])]
    tables = [np.asarray(table, np.uint8) for table in about.get("LUTs", ())]
    count = max(len(limits), len(tables))
    return tuple(
        Channel(
            limits=(float(limits[n][0]), float(limits[n][1])) if n < len(limits) else None,
            table=tables[n] if n < len(tables) and tables[n].shape == (3, 256) else None,
        )
        for n in range(count)
    )


def _with_singletons(stack: Stack, axes: str) -> Stack:
    """Give back the axes of length 1, which ImageJ's format has no place for."""
    if not set(stack.axes) <= set(axes) or len(set(axes)) != len(axes):
        return stack
    lengths = dict(zip(stack.axes, stack.data.shape, strict=True))
    return replace(stack, data=stack.data.reshape([lengths.get(a, 1) for a in axes]), axes=axes)


def distinct_axes(axes: str) -> str:
    """Return axis letters with each unknown one (Q, I) replaced by one of Z, C, T that is not taken yet."""
    free = [a for a in "ZCTRAPHEV" if a not in axes]
    return "".join(a if a not in "QI" else free.pop(0) for a in reversed(axes))[::-1]
