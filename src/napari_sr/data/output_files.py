"""Files that receive a result piece by piece, and appear under their name only when complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sr.data.geometry import Geometry
from napari_sr.data.io import IMAGEJ_BYTES, IMAGEJ_DTYPES
from napari_sr.data.ome_zarr import create_image
from napari_sr.data.tiff_geometry import tiff_settings
from napari_sr.errors import ImageError

OME_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
OUTPUT_SUFFIXES = (".tif", ".tiff", ".npy", ".zarr")


@dataclass(frozen=True)
class OutputInfo:
    """What the file should say of the image."""

    axes: str
    geometry: Geometry = field(default_factory=Geometry)
    metadata: Mapping[str, Any] | None = None


class MappedFile:
    """Part of a file as an array that takes windows of values.

    The file is mapped anew for every window: pages of a mapping that stays open count as this process's
    memory, which would then grow to the size of the file.
    """

    def __init__(self, path: Path, *, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.offset, self.shape, self.dtype = path, offset, shape, dtype

    def __setitem__(self, window: Any, values: Any) -> None:
        mapped = np.memmap(self.path, self.dtype, "r+", self.offset, self.shape)
        mapped[window] = values
        mapped.flush()


def tiff_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that a TIFF file stores; TIFF has no truth values, so they become 0 and 1."""
    return np.dtype("uint8") if dtype.kind == "b" else dtype


def tiff_kind(shape: tuple[int, ...], dtype: np.dtype[Any], axes: str) -> str:
    """Return ``imagej``, ``ome`` or ``plain``: the most widely understood TIFF that can hold the image."""
    dtype = tiff_dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    order = [a for a in "TZCYXS" if a in axes]
    if (
        dtype.name in IMAGEJ_DTYPES
        and size < IMAGEJ_BYTES
        and list(axes) == order
        and not (axes.endswith("S") and (shape[-1] != 3 or dtype != np.uint8))
    ):
        return "imagej"
    return "ome" if dtype.name in OME_DTYPES and not set(axes) - set("TCZYXS") else "plain"


@contextmanager
def create_output(
    path: Path, *, shape: tuple[int, ...], dtype: np.dtype[Any], info: OutputInfo, overwrite: bool = False
) -> Iterator[Any]:
    """Yield an array-like to write to; on leaving without an error the file takes its name.

    Raises
    ------
    ImageError
        If the file exists already, its folder cannot be written, or its type is not known.
    """
    suffix = path.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        raise ImageError(f"{path.name}: results are written as {', '.join(OUTPUT_SUFFIXES)}.")
    if path.exists() and not overwrite:
        raise ImageError(f"{path} exists already; allow overwriting (--overwrite) or choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".napari-sr-"))
    except OSError as error:
        raise ImageError(f"{path.parent} cannot be written: {error.strerror}.") from None
    part = folder / path.name
    needed = int(np.prod(shape)) * dtype.itemsize
    try:
        if suffix != ".zarr" and shutil.disk_usage(folder).free < needed * 1.01:
            raise ImageError(f"{path.parent} has less than the {needed / 1024**3:.1f} GiB free that the result needs.")
        if suffix == ".npy":
            yield _create_npy(part, shape, dtype)
        elif suffix == ".zarr":
            yield create_image(part, shape, dtype, info.axes, info.geometry)
        else:
            yield _create_tiff(part, shape, dtype, info)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(part, path)
    except OSError as error:
        raise ImageError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create_npy(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> MappedFile:
    mapped = np.lib.format.open_memmap(path, "w+", dtype, shape)
    return MappedFile(path, offset=int(mapped.offset), shape=shape, dtype=dtype)


def _create_tiff(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], info: OutputInfo) -> MappedFile:
    kind = tiff_kind(shape, dtype, info.axes)
    stored = tiff_dtype(dtype)
    planes = int(np.prod([n for n, a in zip(shape, info.axes, strict=True) if a not in "YXS"]))
    settings = tiff_settings(kind, info.axes, info.geometry, planes)
    if kind == "imagej":
        kept = ("Info", "mode")
        settings["metadata"] |= {k: v for k, v in (info.metadata or {}).items() if k in kept}
    mapped = tifffile.memmap(
        path, shape=shape, dtype=stored, imagej=kind == "imagej", ome=kind == "ome",
        bigtiff=kind != "imagej", photometric="rgb" if info.axes.endswith("S") else "minisblack", **settings,
    )  # fmt: skip
    # ImageJ files are big-endian, and tifffile may have added dimensions of one
    return MappedFile(path, offset=int(mapped.offset), shape=shape, dtype=mapped.dtype)
