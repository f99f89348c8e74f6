"""MRC and CCP4 maps, read by mrcfile."""

from __future__ import annotations

import warnings
from pathlib import Path

import mrcfile

from napari_sr.errors import ImageError
from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the image of an MRC file, mapped."""
    with warnings.catch_warnings(record=True) as said:  # of a header that is not as it should be, which many are not
        warnings.simplefilter("always")
        file = mrcfile.mmap(path, mode="r", permissive=True)
    voxel, data = file.voxel_size, file.data
    if data is None:
        why = "; ".join(str(warning.message) for warning in said)
        raise ImageError(f"Its values cannot be read: its header does not fit what follows ({why}).")
    axes = "VZYX"[4 - data.ndim :]
    geometry = Geometry.stated(X=(voxel.x, "Å"), Y=(voxel.y, "Å"), Z=(voxel.z, "Å") if "Z" in axes else (None,))
    return [Stack(data, axes, geometry)]
