"""Olympus OIB (and the folder of an OIF), read by oiffile."""

from __future__ import annotations

from pathlib import Path

import oiffile

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the image of an Olympus file."""
    with oiffile.OifFile(path) as file:
        data, axes = file.asarray(), file.axes
        about = file.mainfile.get("Reference Image Parameter", {})
    stated = {
        axis: (about.get(f"{name}ConvertValue"), about.get(f"{name}ConvertUnit"))
        for axis, name in (("X", "Width"), ("Y", "Height"))
    }
    return [Stack(data, axes, Geometry.stated(**stated))]
