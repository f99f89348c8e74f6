"""What an OME-Zarr image (NGFF 0.4 and 0.5) says of itself: axes, the place of every resolution, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Channel
from napari_sr.images.units import METRES, SECONDS
from napari_sr.images.writers.info import OutputInfo

#: versions that are written, the usual one first
VERSIONS = ("0.5", "0.4")
#: the specification wants time, then channels or what has no kind, then space
KINDS = {"T": "time", "C": "channel", "S": "channel", "Z": "space", "Y": "space", "X": "space"}
_RANKS = {"time": 0, "channel": 2, "space": 3}
#: of colours, which are channels here
RGBA = (Channel("red", "#ff0000"), Channel("green", "#00ff00"), Channel("blue", "#0000ff"), Channel("alpha", "#ffffff"))
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


def stored_axes(axes: str) -> str:
    """Return the axes in the order of the specification: time, channels and colours, then Z, Y and X."""
    space = "ZYX"
    return "".join(
        sorted(axes, key=lambda a: (_RANKS.get(KINDS.get(a, ""), 1), space.find(a) if a in space else axes.index(a)))
    )


def described(
    info: OutputInfo, axes: str, shape: Sequence[int], dtype: np.dtype[Any], *, levels: int, version: str
) -> dict[str, Any]:
    """Return the attributes of the group of an image.

    Parameters
    ----------
    info
        What is known of the image; its geometry is that of the full resolution.
    axes, shape
        As stored, of the full resolution.
    dtype
        Of the values; for the ranges of channels.
    levels
        How many resolutions there are: each has half of the rows and columns of the one before, means of 2 × 2 pixels.
    version
        ``0.5`` or ``0.4``.
    """
    names = axis_names(axes)
    entries = []
    for axis, name in zip(axes, names, strict=True):
        unit = info.geometry.units.get(axis, "")
        entry = {"name": name} | ({"type": KINDS[axis]} if axis in KINDS else {})
        entries.append(entry | ({"unit": WRITTEN_OUT.get(unit, unit)} if unit else {}))
    image: dict[str, Any] = {
        "axes": entries,
        "datasets": [
            {"path": str(n), "coordinateTransformations": _transforms(info.geometry, axes, n)} for n in range(levels)
        ],
    }
    if levels > 1:
        image |= {"type": "mean", "metadata": {"description": "Means of 2 × 2 pixels of the level before"}}
    about: dict[str, Any] = {"multiscales": [image]}
    channels = info.channels
    if "S" in axes and "C" not in axes and len(channels) != shape[axes.index("S")]:
        channels = RGBA[: shape[axes.index("S")]]
    along = "C" if "C" in axes else "S"
    if channels and along in axes and len(channels) == shape[axes.index(along)]:
        about["omero"] = {"channels": [_channel(c, n, dtype) for n, c in enumerate(channels)]}
    if version == "0.5":
        return {"ome": {"version": version, **about}}
    image["version"] = version
    return about


def axis_names(axes: str) -> list[str]:
    """Return the names of stored axes; colours are called channels, unless there are others."""
    return ["c" if a == "S" and "C" not in axes else a.lower() for a in axes]


def _transforms(geometry: Geometry, axes: str, level: int) -> list[Mapping[str, Any]]:
    """Return scale and translation of a level: a pixel's centre is the middle of those that it is the mean of."""
    factors = [2**level if a in "YX" else 1 for a in axes]
    steps = [geometry.steps.get(a, 1.0) for a in axes]
    origin = [geometry.origin.get(a, 0.0) for a in axes]
    return [
        {"type": "scale", "scale": [s * f for s, f in zip(steps, factors, strict=True)]},
        {
            "type": "translation",
            "translation": [o + (f - 1) / 2 * s for o, s, f in zip(origin, steps, factors, strict=True)],
        },
    ]


def _channel(channel: Channel, number: int, dtype: np.dtype[Any]) -> dict[str, Any]:
    lowest, highest = (
        (0.0, 1.0) if dtype.kind not in "ui" else (float(v) for v in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    )
    start, end = channel.limits or (lowest, highest)
    return {
        "label": channel.name or f"channel {number}", "color": (channel.colour or "#ffffff").lstrip("#").upper(),
        "window": {"min": lowest, "max": highest, "start": start, "end": end}, "active": True,
    }  # fmt: skip
