"""Files that receive a result piece by piece, and appear under their name only when complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sr.data.io import IMAGEJ_BYTES, IMAGEJ_DTYPES
from napari_sr.errors import ImageError

OME_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
OUTPUT_SUFFIXES = (".tif", ".tiff", ".npy", ".zarr")


@dataclass(frozen=True)
class OutputInfo:
    """What the file should say of the image."""

    axes: str
    pixel_size: tuple[float, float] | None = None
    unit: str = ""
    #: position of the first pixel's centre, in ``unit``, relative to the input's
    origin: tuple[float, float] = (0.0, 0.0)
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


def tiff_kind(shape: tuple[int, ...], dtype: np.dtype[Any], axes: str) -> str:
    """Return ``imagej``, ``ome`` or ``plain``: the most widely understood TIFF that can hold the image."""
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
            yield _create_zarr(part, shape, dtype, info)
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
    stored = np.dtype("uint8") if dtype.kind == "b" else dtype
    if kind == "ome" or stored != dtype:
        kind = "ome"
    metadata: dict[str, Any] = {"axes": info.axes}
    settings: dict[str, Any] = {"photometric": "rgb" if info.axes.endswith("S") else "minisblack"}
    if info.pixel_size:
        y, x = info.pixel_size
        if kind == "imagej":
            settings["resolution"] = (1 / x, 1 / y)
            metadata["unit"] = "micron" if info.unit == "µm" else info.unit
        elif kind == "ome":
            metadata |= {"PhysicalSizeX": x, "PhysicalSizeY": y}
            metadata |= (
                {"PhysicalSizeXUnit": info.unit, "PhysicalSizeYUnit": info.unit} if info.unit in OME_UNITS else {}
            )
    if kind == "imagej":
        kept = {k: v for k, v in (info.metadata or {}).items() if k in ("Info", "finterval", "mode", "spacing")}
        metadata |= kept
    mapped = tifffile.memmap(
        path, shape=shape, dtype=stored, imagej=kind == "imagej", ome=kind == "ome",
        bigtiff=kind != "imagej", metadata=metadata, **settings,
    )  # fmt: skip
    # ImageJ files are big-endian, and tifffile may have added dimensions of one
    return MappedFile(path, offset=int(mapped.offset), shape=shape, dtype=mapped.dtype)


#: units that the OME schema knows
OME_UNITS = ("nm", "µm", "mm", "m", "Å", "pixel")


def _create_zarr(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], info: OutputInfo) -> Any:
    """Create an OME-Zarr image (version 0.5) with its pixel size and the shift of its first pixel."""
    import zarr

    group = zarr.create_group(str(path))
    chunks = tuple(min(n, 1024) if a in "YX" else (n if a == "S" else 1) for n, a in zip(shape, info.axes, strict=True))
    array = group.create_array("0", shape=shape, dtype=dtype, chunks=chunks)
    kinds = {"T": "time", "C": "channel", "S": "channel"}
    units = {"µm": "micrometer", "nm": "nanometer"}
    axes = [
        {"name": a.lower(), "type": kinds.get(a, "space")}
        | ({"unit": units[info.unit]} if a in "YX" and info.unit in units else {})
        for a in info.axes
    ]
    size = dict(zip("YX", info.pixel_size or (1.0, 1.0), strict=True))
    origin = dict(zip("YX", info.origin, strict=True))
    transforms = [
        {"type": "scale", "scale": [size.get(a, 1.0) for a in info.axes]},
        {"type": "translation", "translation": [origin.get(a, 0.0) for a in info.axes]},
    ]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}],
    }
    return array
