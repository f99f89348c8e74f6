"""Reading images lazily, and writing results in the widest understood format that holds them."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import tifffile

from napari_sr.data.geometry import Geometry
from napari_sr.data.ome_zarr import is_zarr, read_array
from napari_sr.data.tiff_geometry import read_geometry
from napari_sr.errors import ImageError

SUFFIXES = (".tif", ".tiff", ".npy", ".npz", ".zarr", ".png", ".jpg", ".jpeg", ".bmp")
#: dtypes that ImageJ opens
IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
#: ImageJ TIFFs hold less than this; leave room for tags
IMAGEJ_BYTES = 4 * 1024**3 - 2**20


@dataclass(frozen=True)
class ImageFile:
    """An image as found in a file.

    Attributes
    ----------
    data
        Array-like with ``shape``, ``dtype`` and slicing; may live on disk.
    axes
        One letter a dimension, ``Y`` and ``X`` the spatial ones, ``S`` colour samples.
    geometry
        Distances, units and positions along the axes, as far as they are known.
    metadata
        What else the file said, kept for the result.
    """

    data: Any
    axes: str
    geometry: Geometry = field(default_factory=Geometry)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) in :attr:`unit`, or None if unknown."""
        return self.geometry.pixel_size

    @property
    def unit(self) -> str:
        """Unit of the pixel size; empty if unknown."""
        return self.geometry.unit

    @property
    def rgb(self) -> bool:
        """True if the last dimension holds colour samples."""
        return self.axes.endswith("S")


def read_image(path: Path, *, lazy: bool = False) -> ImageFile:
    """Open an image file; TIFF, NPY and zarr stay on disk where their layout allows it.

    Parameters
    ----------
    path
        The file.
    lazy
        Leave compressed TIFFs on disk even if they are small: for when there are many.

    Raises
    ------
    ImageError
        If the file is missing, damaged, or of a kind that is not known.
    """
    suffix = path.suffix.lower()
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    try:
        if suffix in (".tif", ".tiff"):
            return _read_tiff(path, lazy=lazy)
        if suffix == ".npy":
            data = np.load(path, mmap_mode="r", allow_pickle=False)
            return ImageFile(data, _guess_axes(data.shape, data.dtype))
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                name = "hr" if "hr" in arrays.files else arrays.files[0]
                data = arrays[name]
            return ImageFile(data, _guess_axes(data.shape, data.dtype))
        if suffix == ".zarr" or is_zarr(path):
            data, axes, geometry = read_array(path)
            return ImageFile(data, axes or _guess_axes(data.shape, data.dtype), geometry)
        if suffix in (".png", ".jpg", ".jpeg", ".bmp"):
            from PIL import Image

            with Image.open(path) as picture:
                simple = {"P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LA": "L", "PA": "RGB", "1": "L"}.get(picture.mode)
                data = np.asarray(picture.convert(simple) if simple else picture)
            return ImageFile(data, _guess_axes(data.shape, data.dtype))
    # imagecodecs reports damaged compression as RuntimeError
    except (ValueError, OSError, tifffile.TiffFileError, KeyError, EOFError, RuntimeError, BadZipFile) as error:
        raise ImageError(f"{path.name} cannot be read; it may be damaged ({error}).") from None
    raise ImageError(f"{path.name}: files of type {suffix or '(none)'} are not supported; use {', '.join(SUFFIXES)}.")


def _guess_axes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    if len(shape) < 2:
        raise ImageError(f"An image needs two dimensions; this one has shape {shape}.")
    if len(shape) >= 3 and shape[-1] in (3, 4) and dtype == np.uint8:
        return "TCZ"[max(0, 6 - len(shape)) :][: len(shape) - 3] + "YXS"
    return "TCZ"[max(0, 5 - len(shape)) :][-(len(shape) - 2) :] + "YX" if len(shape) > 2 else "YX"


def distinct_axes(axes: str) -> str:
    """Return axis letters with each unknown one (Q, I) replaced by one of Z, C, T that is not taken yet."""
    free = [a for a in "ZCTRAPHEV" if a not in axes]
    return "".join(a if a not in "QI" else free.pop(0) for a in reversed(axes))[::-1]


def _read_tiff(path: Path, *, lazy: bool) -> ImageFile:
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        axes = distinct_axes(series.axes)
        geometry = read_geometry(tif)
        metadata: dict[str, Any] = {}
        if tif.imagej_metadata:
            metadata = {k: v for k, v in tif.imagej_metadata.items() if isinstance(v, str | int | float)}
        elif tif.pages.first.description and not tif.is_ome and not tif.is_shaped:
            metadata = {"description": tif.pages.first.description}
        contiguous = series.dataoffset is not None
        large = lazy or series.nbytes > 256 * 1024**2
    data: Any
    if contiguous:
        data = tifffile.memmap(path, mode="r")
        data = data.reshape(series.shape)
    elif large:
        import zarr

        store = tifffile.imread(path, aszarr=True)
        data = zarr.open(store, mode="r")
        if isinstance(data, zarr.Group):  # pyramids: the full resolution
            data = data["0"]
        weakref.finalize(data, store.close)
    else:
        data = tifffile.imread(path)
    return ImageFile(data, axes, geometry, metadata)
