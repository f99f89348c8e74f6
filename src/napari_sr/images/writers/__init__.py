"""Files that receive a result piece by piece, and appear under their name only when complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.errors import ImageError
from napari_sr.images.view import ORDER
from napari_sr.images.writers.info import OutputInfo
from napari_sr.images.writers.mapped import MappedFile, Turned
from napari_sr.images.writers.ome_zarr import stored_axes
from napari_sr.paths import reason

OUTPUT_SUFFIXES = (".tif", ".tiff", ".npy", ".zarr")
#: bytes that systems allow a file's name
LONGEST_NAME = 255


@contextmanager
def create_output(
    path: Path, *, shape: tuple[int, ...], dtype: np.dtype[Any], info: OutputInfo, overwrite: bool = False
) -> Iterator[Any]:
    """Yield an array-like to write to; on leaving without an error the file takes its name.

    Its axes are those of ``info``; in the file they stand in the order that other programs expect.

    Raises
    ------
    ImageError
        If the file exists already, its folder cannot be written, or its type is not known.
    """
    suffix = path.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        raise ImageError(f"{path.name}: results are written as {', '.join(OUTPUT_SUFFIXES)}.")
    if problem := name_problem(path):
        raise ImageError(problem)
    if path.exists() and not overwrite:
        raise ImageError(f"{path} exists already; allow overwriting (--overwrite) or choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".napari-sr-"))
    except OSError as error:
        raise ImageError(f"{path.parent} cannot be written: {reason(error)}.") from None
    part = folder / f"result{suffix}"
    needed = int(np.prod(shape)) * dtype.itemsize
    try:
        if suffix != ".zarr" and shutil.disk_usage(folder).free < needed * 1.01:
            raise ImageError(f"{path.parent} has less than the {needed / 1024**3:.1f} GiB free that the result needs.")
        yield _create(part, shape, dtype, info)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(part, path)
    except OSError as error:
        raise ImageError(f"{path} could not be written: {reason(error)}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def name_problem(path: Path) -> str:
    """Return a sentence if no system has files of this name; empty if one can be written."""
    if len(os.fsencode(path.name)) <= LONGEST_NAME:
        return ""
    return f"{path.name[:40]}… has {len(path.name)} letters, too many for a file's name. Shorten it."


def usual_axes(axes: str) -> str:
    """Return axes in the order of TIFF files."""
    return "".join(sorted(axes, key=lambda a: (ORDER.index(a) if a in ORDER else -1, axes.index(a))))


def _create(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], info: OutputInfo) -> Any:
    if path.suffix.lower() == ".npy":  # as the input's are, since nothing in the file tells
        mapped = np.lib.format.open_memmap(path, "w+", dtype, shape)
        return MappedFile(path, offset=int(mapped.offset), shape=shape, dtype=dtype)
    is_zarr = path.suffix.lower() == ".zarr"
    axes = stored_axes(info.axes) if is_zarr else usual_axes(info.axes)
    order = tuple(info.axes.index(a) for a in axes)
    stored = tuple(shape[n] for n in order)
    if is_zarr:
        from napari_sr.images.writers.zarr_folder import create_zarr as create
    else:
        from napari_sr.images.writers.tiff import create_tiff as create
    out = create(path, stored, dtype, axes, info)
    return out if axes == info.axes else Turned(out, order)


__all__ = ["OUTPUT_SUFFIXES", "OutputInfo", "create_output", "name_problem"]
