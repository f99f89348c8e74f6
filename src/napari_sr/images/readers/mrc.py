"""MRC and CCP4 maps, read by mrcfile."""

from __future__ import annotations

from pathlib import Path

import mrcfile

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the image of an MRC file, mapped."""
    file = mrcfile.mmap(path, mode="r", permissive=True)
    voxel, data = file.voxel_size, file.data
    axes = "VZYX"[4 - data.ndim :]
    geometry = Geometry.stated(X=(voxel.x, "Å"), Y=(voxel.y, "Å"), Z=(voxel.z, "Å") if "Z" in axes else (None,))
    return [Stack(data, axes, geometry)]
