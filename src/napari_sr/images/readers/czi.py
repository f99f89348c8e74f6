"""Zeiss CZI, read by czifile: one image a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import czifile
import numpy as np

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Channel, Stack
from napari_sr.images.units import positive

#: what czifile's letters mean here; others are axes of their own
LETTERS = {"0": "S", "S": "P"}


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the scenes of a CZI file, mosaics put together."""
    with czifile.CziFile(path) as file:
        data, axes = file.asarray(), "".join(LETTERS.get(a, a) for a in file.axes)
        about = ElementTree.fromstring(file.metadata())
    data, axes = _without_single(data, axes)
    geometry, channels = _geometry(about), _channels(about)
    if "P" not in axes:
        return [Stack(data, axes, geometry, channels=channels)]
    scenes, at = axes.replace("P", ""), axes.index("P")
    return [
        Stack(np.take(data, n, axis=at), scenes, geometry, name=f"scene {n}", channels=channels)
        for n in range(data.shape[at])
    ]


def _without_single(data: Any, axes: str) -> tuple[Any, str]:
    """Leave out axes of length 1, of which every file has a dozen."""
    kept = [n for n, a in enumerate(axes) if a in "YX" or data.shape[n] > 1]
    return data.reshape([data.shape[n] for n in kept]), "".join(axes[n] for n in kept)


def _geometry(about: ElementTree.Element) -> Geometry:
    stated = {}
    for distance in about.iterfind(".//Scaling/Items/Distance"):
        metres = positive(distance.findtext("Value"))
        if metres is not None and distance.attrib.get("Id") in ("X", "Y", "Z"):
            stated[distance.attrib["Id"]] = (metres * 1e6, "µm")
    return Geometry.stated(**stated)


def _channels(about: ElementTree.Element) -> tuple[Channel, ...]:
    found = []
    for channel in about.iterfind(".//Information/Image/Dimensions/Channels/Channel"):
        colour = channel.findtext("Color") or ""  # #AARRGGBB
        code = f"#{colour[-6:].lower()}" if len(colour) == 9 else ""
        found.append(Channel(name=channel.attrib.get("Name", ""), colour=code))
    return tuple(found)
