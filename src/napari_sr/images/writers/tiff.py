"""TIFF in the widest understood dialect that holds an image: ImageJ, OME, or plain with our own line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sr.images.geometry import Geometry
from napari_sr.images.readers.ome_xml import OTHER_UNIT, UNIT_IN_DESCRIPTION
from napari_sr.images.readers.tiff import AXES_KEY
from napari_sr.images.units import METRES, SECONDS, conversion
from napari_sr.images.writers.info import OutputInfo
from napari_sr.images.writers.mapped import MappedFile

#: dtypes that ImageJ opens
IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
#: ImageJ TIFFs hold less than this; leave room for tags
IMAGEJ_BYTES = 4 * 1024**3 - 2**20
OME_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
#: units of length and time that the OME schema does not know, among those used here
OME_UNKNOWN = ("d", "thou")
#: pixels a centimetre that the tag, a ratio of 32-bit numbers, can still hold
HIGHEST_RESOLUTION = 1e9


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
    ome = dtype.name in OME_DTYPES and not set(axes) - set("TCZYXS") and not _single(shape, axes)
    return "ome" if ome else "plain"


def _single(shape: tuple[int, ...], axes: str) -> bool:
    """Return True if an axis beside rows and columns has length 1, which OME and ImageJ do not tell from none."""
    return any(n == 1 and a not in "YXS" for n, a in zip(shape, axes, strict=True))


def create_tiff(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, info: OutputInfo) -> MappedFile:
    """Create a TIFF file that says what is known of its image, and return its pixels."""
    kind, stored = tiff_kind(shape, dtype, axes), tiff_dtype(dtype)
    planes = int(np.prod([n for n, a in zip(shape, axes, strict=True) if a not in "YXS"]))
    settings = tiff_settings(kind, axes, info.geometry, planes)
    if kind == "imagej":
        settings["metadata"] |= _for_imagej(shape, axes, info, planes)
    elif kind == "ome":
        settings["metadata"] |= _for_ome(shape, axes, info)
    if axes.endswith("S"):
        settings["photometric"] = "rgb"
        if shape[-1] > 3:
            settings["extrasamples"] = ["unassalpha"]
    elif stored == np.uint8 and len(info.channels) == 1 and info.channels[0].table is not None and kind != "ome":
        settings["photometric"] = "palette"
        settings["colormap"] = info.channels[0].table.astype(np.uint16) * 257
    else:
        settings["photometric"] = "minisblack"
    settings |= {"imagej": kind == "imagej", "ome": kind == "ome", "bigtiff": kind != "imagej"}
    mapped = tifffile.memmap(path, shape=shape, dtype=stored, **settings)
    # ImageJ files are big-endian, and tifffile may have added dimensions of one
    return MappedFile(path, offset=int(mapped.offset), shape=shape, dtype=mapped.dtype)


def tiff_settings(kind: str, axes: str, geometry: Geometry, planes: int) -> dict[str, Any]:
    """Return the arguments of ``tifffile.memmap`` with which a file of a kind says its axes and geometry.

    Parameters
    ----------
    kind
        ``imagej``, ``ome`` or ``plain``.
    axes
        One letter a dimension.
    geometry
        Of the image; empty if unknown.
    planes
        How many planes of Y and X there are.
    """
    if kind == "ome":
        settings = _to_ome(geometry, planes)
    else:
        settings = _to_imagej(geometry) if kind == "imagej" else _to_plain(geometry)
    settings["metadata"] = {"axes": axes, **settings.get("metadata", {})}
    return settings


def _for_imagej(shape: tuple[int, ...], axes: str, info: OutputInfo, planes: int) -> dict[str, Any]:
    """Return what ImageJ shows an image with: ranges, colours, labels; and where it came from."""
    about: dict[str, Any] = {k: v for k, v in (info.metadata or {}).items() if k in ("Info", "mode")}
    if _single(shape, axes):
        about[AXES_KEY] = axes
    if len(info.labels) == planes:
        about["Labels"] = list(info.labels)
    count = shape[axes.index("C")] if "C" in axes else 1
    if len(info.channels) == count:
        limits = [c.limits for c in info.channels if c.limits is not None]
        tables = [c.table for c in info.channels if c.table is not None]
        if len(limits) == count:
            about |= {"min": limits[0][0], "max": limits[0][1]} if count == 1 else {}
            about |= {"Ranges": tuple(v for pair in limits for v in pair)} if count > 1 else {}
        if len(tables) == count and count > 1:
            about["LUTs"] = tables
    return about


def _for_ome(shape: tuple[int, ...], axes: str, info: OutputInfo) -> dict[str, Any]:
    count = shape[axes.index("C")] if "C" in axes else 1
    if len(info.channels) != count or "S" in axes:
        return {}
    about: dict[str, Any] = {}
    if all(c.name for c in info.channels):
        about["Name"] = [c.name for c in info.channels]
    if all(c.colour for c in info.channels):
        codes = [(int(c.colour.lstrip("#"), 16) << 8) | 0xFF for c in info.channels]
        about["Color"] = [code - 2**32 if code >= 2**31 else code for code in codes]
    return {"Channel": about} if about else {}


def _to_imagej(geometry: Geometry) -> dict[str, Any]:
    about: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if geometry.pixel_size and geometry.unit:
        y, x = geometry.pixel_size  # both in one unit
        settings["resolution"] = (1 / x, 1 / y)
        about["unit"] = _ascii(geometry.unit)
        for axis in "XYZ":
            factor = conversion(geometry.units.get(axis, ""), geometry.unit)
            if axis == "Z" and axis in geometry.steps:
                about["spacing"] = geometry.steps["Z"] * (factor or 1.0)
                if factor is None:
                    about["zunit"] = _ascii(geometry.units.get("Z", "pixel"))
            if axis in geometry.origin and axis in geometry.steps:
                about[f"{axis.lower()}origin"] = -geometry.origin[axis] / geometry.steps[axis]
    elif "Z" in geometry.steps:
        about["spacing"] = geometry.steps["Z"]
    if "T" in geometry.units:  # without a unit it is a placeholder
        about |= {"finterval": geometry.steps["T"], "tunit": _ascii(geometry.units["T"])}
    return {**settings, "metadata": about}


def _ascii(unit: str) -> str:
    """Return a unit as ImageJ's description, which is ASCII, can hold it."""
    known = {"µm": "micron", "Å": "angstrom", "µs": "usec"}
    return known.get(unit) or "".join(c if ord(c) < 128 else f"\\u{ord(c):04X}" for c in unit)


def _to_ome(geometry: Geometry, planes: int) -> dict[str, Any]:
    about: dict[str, Any] = {}
    position: dict[str, Any] = {}
    known_units = (set(METRES) | {"pixel"}) - set(OME_UNKNOWN)
    for axis in (a for a in "XYZ" if a in geometry.steps):
        unit = geometry.units.get(axis, "pixel")
        known = unit if unit in known_units else OTHER_UNIT
        about |= {f"PhysicalSize{axis}": geometry.steps[axis], f"PhysicalSize{axis}Unit": known}
        if known == OTHER_UNIT:
            about["Description"] = f"{UNIT_IN_DESCRIPTION}{unit}"
        if axis in geometry.origin:
            position |= {f"Position{axis}": [geometry.origin[axis]] * planes, f"Position{axis}Unit": [known] * planes}
    if geometry.units.get("T") in SECONDS:
        about |= {"TimeIncrement": geometry.steps["T"], "TimeIncrementUnit": geometry.units["T"]}
    return {"metadata": about | ({"Plane": position} if position else {})}


def _to_plain(geometry: Geometry) -> dict[str, Any]:
    if not geometry.steps:
        return {}
    stored = {"steps": dict(geometry.steps), "units": dict(geometry.units), "origin": dict(geometry.origin)}
    settings: dict[str, Any] = {"metadata": {"geometry": json.dumps(stored)}}
    if geometry.pixel_size and (factor := conversion(geometry.unit, "cm")) is not None:
        y, x = (s * factor for s in geometry.pixel_size)
        if max(1 / x, 1 / y) < HIGHEST_RESOLUTION:
            settings |= {"resolution": (1 / x, 1 / y), "resolutionunit": "CENTIMETER"}
    return settings
