"""Geometry in TIFF files: OME-XML, ImageJ's description, resolution tags, tifffile's JSON."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_sr.data.geometry import Geometry

#: units of length that the OME schema knows among those used here
OME_UNITS = ("nm", "µm", "mm", "cm", "m", "Å", "pixel")
#: the schema's way to say that a length has another unit, which then stands in the description
OME_OTHER = "reference frame"
#: µm in a unit
MICROMETRES = {"nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6, "Å": 1e-4}
IMAGEJ_UNITS = {
    **dict.fromkeys(("micron", "microns", "\\u00B5m", "um", "μm"), "µm"),
    "angstrom": "Å",
    **dict.fromkeys(("pixel", "pixels"), ""),
}
#: pixels a centimetre that the tag, a ratio of 32-bit numbers, can still hold
HIGHEST_RESOLUTION = 1e9


def read_geometry(tif: tifffile.TiffFile) -> Geometry:
    """Return what a TIFF file says of its geometry."""
    if tif.is_ome and tif.ome_metadata:
        return _from_ome(tif.ome_metadata)
    if tif.imagej_metadata:
        return _from_imagej(tif.imagej_metadata, _resolution(tif))
    described = (tif.shaped_metadata or ({},))[0].get("geometry") if tif.is_shaped else None
    if described:
        stored = json.loads(described) if isinstance(described, str) else described
        return Geometry(stored["steps"], stored["units"], stored["origin"])
    return _from_resolution(tif)


def _from_ome(xml: str) -> Geometry:
    root = ElementTree.fromstring(xml)
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return Geometry()
    about = pixels.attrib
    other = next((d.text or "" for d in root.iterfind(".//{*}Description")), "")
    other = other.removeprefix("unit of length: ") if other.startswith("unit of length: ") else ""
    steps: dict[str, float] = {}
    units: dict[str, str] = {}
    origin: dict[str, float] = {}
    plane = pixels.find("{*}Plane")
    for axis in "XYZ":
        if f"PhysicalSize{axis}" in about:
            steps[axis] = float(about[f"PhysicalSize{axis}"])
            unit = about.get(f"PhysicalSize{axis}Unit", "µm")
            units[axis] = other if unit == OME_OTHER else unit
            if plane is not None and f"Position{axis}" in plane.attrib:
                origin[axis] = float(plane.attrib[f"Position{axis}"])
    if "X" in steps and "Y" not in steps:
        steps["Y"], units["Y"] = steps["X"], units["X"]
    if "TimeIncrement" in about:
        steps["T"], units["T"] = float(about["TimeIncrement"]), about.get("TimeIncrementUnit", "s")
    return Geometry(steps, units, origin)


def _from_imagej(about: dict[str, Any], size: tuple[float, float] | None) -> Geometry:
    unit = str(about.get("unit", ""))
    unit = IMAGEJ_UNITS.get(unit, unit)
    steps: dict[str, float] = {}
    units: dict[str, str] = {}
    origin: dict[str, float] = {}
    if unit and size:
        steps |= {"Y": size[0], "X": size[1]}
    if "spacing" in about:
        steps["Z"] = float(about["spacing"])
    if unit and size:
        units |= dict.fromkeys(steps, unit)
        # ImageJ's origin is the pixel that lies at 0
        origin |= {a: -float(about[k]) * steps[a] for a in steps if (k := f"{a.lower()}origin") in about}
    if float(about.get("finterval", 0.0)):
        steps["T"], units["T"] = float(about["finterval"]), str(about.get("tunit", "s"))
    return Geometry(steps, units, origin)


def _resolution(tif: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return (y, x) of a pixel in the resolution tags' unit."""
    tags = tif.pages.first.tags
    if "XResolution" not in tags or "YResolution" not in tags:
        return None
    (xn, xd), (yn, yd) = tags["XResolution"].value, tags["YResolution"].value
    return (yd / yn, xd / xn) if xn and yn and xd and yd else None


def _from_resolution(tif: tifffile.TiffFile) -> Geometry:
    size, tags = _resolution(tif), tif.pages.first.tags
    unit = int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 1
    # 2 is inch, 3 is centimetre; 1 has no unit, and 72 or 96 per inch are screen defaults, not microscopes
    factor = {2: 25_400.0, 3: 10_000.0}.get(unit)
    if size is None or factor is None or (unit == 2 and round(1 / size[1]) in (72, 96, 150, 300)):
        return Geometry()
    return Geometry({"Y": size[0] * factor, "X": size[1] * factor}, {"Y": "µm", "X": "µm"})


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


def _to_imagej(geometry: Geometry) -> dict[str, Any]:
    about: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if geometry.pixel_size and geometry.unit:
        y, x = geometry.pixel_size
        settings["resolution"] = (1 / x, 1 / y)
        about["unit"] = _ascii(geometry.unit)
        if "Z" in geometry.steps:
            about["spacing"] = geometry.steps["Z"]
        about |= {f"{a.lower()}origin": -geometry.origin[a] / geometry.steps[a] for a in "XYZ" if a in geometry.origin}
    elif "Z" in geometry.steps:
        about["spacing"] = geometry.steps["Z"]
    if "T" in geometry.units:  # without a unit it is a placeholder
        about |= {"finterval": geometry.steps["T"], "tunit": _ascii(geometry.units["T"])}
    return {**settings, "metadata": about}


def _ascii(unit: str) -> str:
    """Return a unit as ImageJ's description, which is ASCII, can hold it."""
    known = {"µm": "micron", "μm": "micron", "Å": "angstrom"}
    return known.get(unit, unit.encode("ascii", "replace").decode("ascii"))


def _to_ome(geometry: Geometry, planes: int) -> dict[str, Any]:
    about: dict[str, Any] = {}
    position: dict[str, Any] = {}
    for axis in (a for a in "XYZ" if a in geometry.steps):
        unit = geometry.units.get(axis, "pixel")
        known = unit if unit in OME_UNITS else OME_OTHER
        about |= {f"PhysicalSize{axis}": geometry.steps[axis], f"PhysicalSize{axis}Unit": known}
        if known == OME_OTHER:
            about["Description"] = f"unit of length: {unit}"
        if axis in geometry.origin:
            position |= {f"Position{axis}": [geometry.origin[axis]] * planes, f"Position{axis}Unit": [known] * planes}
    if "T" in geometry.units:
        about |= {"TimeIncrement": geometry.steps["T"], "TimeIncrementUnit": geometry.units["T"]}
    return {"metadata": about | ({"Plane": position} if position else {})}


def _to_plain(geometry: Geometry) -> dict[str, Any]:
    if not geometry.steps:
        return {}
    stored = {"steps": dict(geometry.steps), "units": dict(geometry.units), "origin": dict(geometry.origin)}
    settings: dict[str, Any] = {"metadata": {"geometry": json.dumps(stored)}}
    if geometry.pixel_size and geometry.unit in MICROMETRES:
        y, x = (s * MICROMETRES[geometry.unit] / 1e4 for s in geometry.pixel_size)
        if max(1 / x, 1 / y) < HIGHEST_RESOLUTION:
            settings |= {"resolution": (1 / x, 1 / y), "resolutionunit": "CENTIMETER"}
    return settings
