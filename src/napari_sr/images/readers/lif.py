"""Leica LIF, read by liffile: every image of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import liffile

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack
from napari_sr.images.units import METRES

#: µm in the metres that Leica's coordinates are in
MICROMETRE = METRES["µm"]


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the images of a LIF file; scans over depth (x, z) have depth for their rows."""
    with liffile.LifFile(path) as file:
        return [_stack(image) for image in file.images if len(image.shape) >= 2]


def _stack(image: Any) -> Stack:
    axes = "".join(image.dims)
    if axes[-2:] != "YX":  # the plane that was scanned, x and z for one, comes last; other slices lie along y then
        axes = axes[:-2].replace("Y", "Z") + "YX"
    stated = {}
    for name, letter in zip(image.dims, axes, strict=True):
        at = image.coords.get(name)
        if letter in "XYZ" and at is not None and len(at) > 1:
            stated[letter] = (abs(float(at[1] - at[0])) / MICROMETRE, "µm")
    return Stack(image.asarray(), axes, Geometry.stated(**stated), name=image.path)
