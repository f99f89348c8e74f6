"""OME-Zarr (NGFF 0.5): an image of one resolution, its axes, geometry and channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.images.units import METRES, SECONDS
from napari_sr.images.writers import OutputInfo

KINDS = {"T": "time", "C": "channel", "S": "channel"}
_LONG = {
    "Y": "yotta", "Z": "zetta", "E": "exa", "P": "peta", "T": "tera", "G": "giga", "M": "mega", "k": "kilo",
    "h": "hecto", "da": "deca", "": "", "d": "deci", "c": "centi", "m": "milli", "µ": "micro", "n": "nano",
    "p": "pico", "f": "femto", "a": "atto", "z": "zepto", "y": "yocto",
}  # fmt: skip
#: units as the specification writes them
WRITTEN_OUT = {
    **{f"{short}m": f"{long}meter" for short, long in _LONG.items() if f"{short}m" in METRES},
    **{f"{short}s": f"{long}second" for short, long in _LONG.items() if f"{short}s" in SECONDS},
    "Å": "angstrom", "in": "inch", "ft": "foot", "min": "minute", "h": "hour", "d": "day",
}  # fmt: skip


def create_zarr(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, info: OutputInfo) -> Any:
    """Create an OME-Zarr image (version 0.5) of one resolution and return its array."""
    import zarr

    geometry = info.geometry
    group = zarr.create_group(str(path))
    chunks = tuple(min(n, 1024) if a in "YX" else (n if a == "S" else 1) for n, a in zip(shape, axes, strict=True))
    names = [a.lower() for a in axes]
    array = group.create_array("0", shape=shape, dtype=dtype, chunks=chunks, dimension_names=names)
    described = []
    for axis in axes:
        unit = geometry.units.get(axis, "")
        entry = {"name": axis.lower(), "type": KINDS.get(axis, "space")}
        described.append(entry | ({"unit": WRITTEN_OUT.get(unit, unit)} if unit else {}))
    transforms = [
        {"type": "scale", "scale": [geometry.steps.get(a, 1.0) for a in axes]},
        {"type": "translation", "translation": [geometry.origin.get(a, 0.0) for a in axes]},
    ]
    about: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [{"axes": described, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}],
    }
    if info.channels and "C" in axes and len(info.channels) == shape[axes.index("C")]:
        about["omero"] = {"channels": [_channel(c, n, dtype) for n, c in enumerate(info.channels)]}
    group.attrs["ome"] = about
    return array


def _channel(channel: Any, number: int, dtype: np.dtype[Any]) -> dict[str, Any]:
    lowest, highest = (
        (0.0, 1.0) if dtype.kind not in "ui" else (float(v) for v in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    )
    start, end = channel.limits or (lowest, highest)
    return {
        "label": channel.name or f"channel {number}", "color": (channel.colour or "#ffffff").lstrip("#").upper(),
        "window": {"min": lowest, "max": highest, "start": start, "end": end}, "active": True,
    }  # fmt: skip
