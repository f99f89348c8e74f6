"""Reading images lazily, and writing results in the widest understood format that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import BadZipFile

import numpy as np
import tifffile

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
    pixel_size
        (y, x) in ``unit``, or None.
    unit
        Unit of the pixel size; empty if unknown.
    metadata
        What else the file said, kept for the result.
    """

    data: Any
    axes: str
    pixel_size: tuple[float, float] | None = None
    unit: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rgb(self) -> bool:
        """True if the last dimension holds colour samples."""
        return self.axes.endswith("S")


def read_image(path: Path) -> ImageFile:
    """Open an image file; TIFF, NPY and zarr stay on disk where their layout allows it.

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
            return _read_tiff(path)
        if suffix == ".npy":
            data = np.load(path, mmap_mode="r", allow_pickle=False)
            return ImageFile(data, _guess_axes(data.shape, data.dtype))
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                name = "hr" if "hr" in arrays.files else arrays.files[0]
                data = arrays[name]
            return ImageFile(data, _guess_axes(data.shape, data.dtype))
        if suffix == ".zarr":
            return _read_zarr(path)
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


def _read_tiff(path: Path) -> ImageFile:
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        axes = distinct_axes(series.axes)
        pixel_size, unit = _tiff_pixel_size(tif)
        metadata: dict[str, Any] = {}
        if tif.imagej_metadata:
            metadata = {k: v for k, v in tif.imagej_metadata.items() if isinstance(v, str | int | float)}
        elif tif.pages.first.description and not tif.is_ome:
            metadata = {"description": tif.pages.first.description}
        contiguous = series.dataoffset is not None
        large = series.nbytes > 256 * 1024**2
    data: Any
    if contiguous:
        data = tifffile.memmap(path, mode="r")
        data = data.reshape(series.shape)
    elif large:
        import zarr

        data = zarr.open(tifffile.imread(path, aszarr=True), mode="r")
        if isinstance(data, zarr.Group):  # pyramids: the full resolution
            data = data["0"]
    else:
        data = tifffile.imread(path)
    return ImageFile(data, axes, pixel_size, unit, metadata)


def _tiff_pixel_size(tif: tifffile.TiffFile) -> tuple[tuple[float, float] | None, str]:
    """Return ((y, x), unit) from OME, ImageJ or plain TIFF tags."""
    if tif.is_ome and tif.ome_metadata:
        root = ElementTree.fromstring(tif.ome_metadata)
        pixels = root.find(".//{*}Pixels")
        if pixels is not None and "PhysicalSizeX" in pixels.attrib:
            x = float(pixels.attrib["PhysicalSizeX"])
            y = float(pixels.attrib.get("PhysicalSizeY", x))
            return (y, x), pixels.attrib.get("PhysicalSizeXUnit", "µm")
    tags = tif.pages.first.tags
    if "XResolution" not in tags or "YResolution" not in tags:
        return None, ""
    (xn, xd), (yn, yd) = tags["XResolution"].value, tags["YResolution"].value
    if not (xn and yn and xd and yd):
        return None, ""
    size = (yd / yn, xd / xn)
    if tif.imagej_metadata:
        unit = str(tif.imagej_metadata.get("unit", ""))
        unit = {"micron": "µm", "\\u00B5m": "µm", "um": "µm", "pixel": ""}.get(unit, unit)
        return (size, unit) if unit else (None, "")
    resolution_unit = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else 1
    # 2 is inch, 3 is centimetre; 1 has no unit, and 72 or 96 per inch are screen defaults, not microscopes
    factor = {2: 25_400.0, 3: 10_000.0}.get(int(resolution_unit))
    if factor is None or (int(resolution_unit) == 2 and round(1 / size[1]) in (72, 96, 150, 300)):
        return None, ""
    return (size[0] * factor, size[1] * factor), "µm"


def _read_zarr(path: Path) -> ImageFile:
    import zarr

    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Array):
        return ImageFile(node, _guess_axes(node.shape, node.dtype))
    attributes: dict[str, Any] = dict(node.attrs)
    described: Any = attributes.get("ome", attributes)
    scales = described.get("multiscales")
    if not scales:
        raise ImageError(f"{path.name} is a zarr group without an OME-Zarr image in it.")
    dataset = scales[0]["datasets"][0]
    array = node[dataset["path"]]
    axes_info = scales[0].get("axes", [])
    axes = "".join(a["name"].upper() for a in axes_info) or _guess_axes(array.shape, array.dtype)
    size, unit = None, ""
    for transform in dataset.get("coordinateTransformations", []):
        if transform["type"] == "scale":
            size = (float(transform["scale"][-2]), float(transform["scale"][-1]))
            unit = (
                {"micrometer": "µm", "nanometer": "nm"}.get(
                    axes_info[-1].get("unit", ""), axes_info[-1].get("unit", "")
                )
                if axes_info
                else ""
            )
    return ImageFile(array, axes, size if unit else None, unit)
