"""Nikon ND2, read by the package nd2: one image a position."""

from __future__ import annotations

import weakref
from pathlib import Path

import nd2

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Channel, Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the positions of an ND2 file; they stay in it."""
    file = nd2.ND2File(path)
    try:
        sizes, data = dict(file.sizes), file.to_dask()
    except Exception:  # raised again: only what was opened is closed
        file.close()
        raise
    weakref.finalize(data, file.close)
    voxel = file.voxel_size()
    geometry = Geometry.stated(X=(voxel.x, "µm"), Y=(voxel.y, "µm"), Z=(voxel.z, "µm"))
    channels = tuple(
        Channel(name=c.name, colour=f"#{c.color.r:02x}{c.color.g:02x}{c.color.b:02x}")
        for c in (found.channel for found in file.metadata.channels or ())
    )
    axes = "".join(name if len(name) == 1 else "U" for name in sizes)
    if "P" not in axes:
        return [Stack(data, axes, geometry, channels=channels)]
    at = axes.index("P")
    return [
        Stack(data[(slice(None),) * at + (n,)], axes.replace("P", ""), geometry, f"position {n}", channels)
        for n in range(sizes["P"])
    ]
