"""Geometry in TIFF files: ImageJ's description, instruments' own headers, tifffile's JSON, resolution tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import tifffile

from napari_sr.images.geometry import Geometry
from napari_sr.images.units import METRES, conversion, positive, unit_of

#: µm of a pixel from which a resolution is one for printing and screens, not of a microscope (1270 dots an inch)
PRINTED = 20.0


def read_geometry(tif: tifffile.TiffFile) -> Geometry:
    """Return what a TIFF file says of its geometry; OME-XML is read elsewhere."""
    if tif.imagej_metadata:
        return _from_imagej(tif.imagej_metadata, _resolution(tif))
    described = (tif.shaped_metadata or ({},))[0].get("geometry") if tif.is_shaped else None
    if described:
        stored = json.loads(described) if isinstance(described, str) else described
        return Geometry(stored["steps"], stored["units"], stored["origin"])
    return from_instrument(tif) or _from_resolution(tif)


def _from_imagej(about: Mapping[str, Any], size: tuple[float, float] | None) -> Geometry:
    unit = unit_of(about.get("unit"))
    units = {"X": unit, "Y": unit_of(about.get("yunit", unit)), "Z": unit_of(about.get("zunit", unit))}
    stated: dict[str, tuple[Any, ...]] = {}
    if unit and size:
        stated |= {"Y": (size[0], units["Y"]), "X": (size[1], units["X"])}
    # a distance of slices counts without a unit, too
    stated["Z"] = (about.get("spacing"), units["Z"] if unit and size else "")
    for axis, (step, of_axis) in list(stated.items()):
        # ImageJ's origin is the pixel that lies at 0
        first = positive(step), about.get(f"{axis.lower()}origin")
        if unit and size and first[0] and isinstance(first[1], int | float):
            stated[axis] = (step, of_axis, -float(first[1]) * first[0])
    stated["T"] = (about.get("finterval"), about.get("tunit", "s"))
    return Geometry.stated(**stated)


def from_instrument(tif: tifffile.TiffFile) -> Geometry | None:
    """Return what the headers of instruments and of their makers' programs say; None if there is none.

    FEI and Thermo Fisher, Zeiss SEM, TVIPS, Tescan, Gatan's exports, Zeiss LSM, MetaMorph (STK and its successor),
    Olympus SIS, slides of Aperio, Micro-Manager.
    """
    for found in (
        _from_fei(tif.fei_metadata),
        _from_sem(tif.sem_metadata),
        _from_tvips(tif.tvips_metadata),
        _from_lsm(tif.lsm_metadata),
        _from_stk(tif.stk_metadata),
        _from_sis(tif.sis_metadata),
        _from_micromanager(tif.micromanager_metadata),
        _from_tags(tif),
        _from_description(tif.pages.first.description or ""),
    ):
        if found is not None and found.pixel_size:
            return found
    return None


def _square(x: Any, y: Any, unit: str, z: Any = None) -> Geometry:
    return Geometry.stated(X=(x, unit), Y=(y if y is not None else x, unit), Z=(z, unit))


def _in_metres(x: Any, y: Any, z: Any = None) -> Geometry:
    """Return distances in metres in a unit that people use for them."""
    first = positive(x)
    unit = "nm" if first is not None and first < 1e-7 else "µm"
    of = METRES[unit]
    lengths = [None if (found := positive(v)) is None else round(found / of, 9) for v in (x, y, z)]
    return _square(lengths[0], lengths[1], unit, lengths[2])


def _from_fei(about: Mapping[str, Any] | None) -> Geometry | None:
    scan = (about or {}).get("Scan") or (about or {}).get("EScan") or {}
    return _in_metres(scan.get("PixelWidth"), scan.get("PixelHeight")) if scan else None


def _from_sem(about: Mapping[str, Any] | None) -> Geometry | None:
    """Return the pixel size of Zeiss's SEM: that of the image, not that of the screen."""
    for key in ("ap_image_pixel_size", "ap_pixel_size"):
        stated = (about or {}).get(key)
        if isinstance(stated, tuple | list) and len(stated) >= 3:
            return _square(stated[1], stated[1], str(stated[2]))
    return None


def _from_tvips(about: Mapping[str, Any] | None) -> Geometry | None:
    return _square(about.get("PixelSizeX"), about.get("PixelSizeY"), "nm") if about else None


def _from_lsm(about: Mapping[str, Any] | None) -> Geometry | None:
    return _in_metres(*(about.get(f"VoxelSize{a}") for a in "XYZ")) if about else None


def _from_stk(about: Mapping[str, Any] | None) -> Geometry | None:
    if not about:
        return None
    if about.get("spatial-calibration-x"):
        x, y = about["spatial-calibration-x"], about.get("spatial-calibration-y")
        return _square(x, y, about.get("spatial-calibration-units", ""))
    distances = [d for d in about.get("ZDistance", ()) if positive(d)]
    unit = str(about.get("CalibrationUnits", ""))
    return _square(about.get("XCalibration"), about.get("YCalibration"), unit, distances[0] if distances else None)


def _from_sis(about: Mapping[str, Any] | None) -> Geometry | None:
    return _in_metres(about.get("pixelsizex"), about.get("pixelsizey")) if about else None


def _from_micromanager(about: Mapping[str, Any] | None) -> Geometry | None:
    summary = (about or {}).get("Summary") or {}
    size = summary.get("PixelSize_um", summary.get("PixelSizeUm"))
    return _square(size, size, "µm", summary.get("z-step_um")) if size else None


def _from_tags(tif: tifffile.TiffFile) -> Geometry | None:
    """Tescan's header, and what Digital Micrograph writes when it saves a TIFF."""
    tags = tif.pages.first.tags
    if 50431 in tags:
        text = tags[50431].value
        text = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        found = [re.search(rf"PixelSize{a}=([-+.eE\d]+)", text) for a in "XY"]
        if found[0]:
            return _in_metres(found[0][1], found[1][1] if found[1] else None)
    if 65003 in tags and 65009 in tags:
        return _square(tags[65009].value, tags[65010].value if 65010 in tags else None, str(tags[65003].value))
    return None


def _from_description(text: str) -> Geometry | None:
    """Aperio's slides, MetaMorph's XML, Phenom's XML."""
    if found := re.search(r"\|\s*MPP\s*=\s*([.\d]+)", text):
        return _square(found[1], found[1], "µm")
    if found := re.search(r'<pixelWidth unit="([^"]+)">([-+.eE\d]+)</pixelWidth>', text):
        return _square(found[2], found[2], found[1])
    if found := re.search(r'id="spatial-calibration-x"[^>]*value="([-+.eE\d]+)"', text):
        unit = re.search(r'id="spatial-calibration-units"[^>]*value="([^"]+)"', text)
        return _square(found[1], found[1], unit[1] if unit else "")
    return None


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
    # 2 is inch, 3 is centimetre; 1 has no unit
    factor = conversion({2: "in", 3: "cm"}.get(unit, ""), "µm")
    if size is None or factor is None or min(size) * factor > PRINTED:
        return Geometry()
    return _square(size[1] * factor, size[0] * factor, "µm")
