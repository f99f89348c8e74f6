"""Layers as the colours that they are shown in, on one grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_sr.images.grid import Grid, needed, onto
from napari_sr.widgets.layers.places import grid_image, grid_of, plane_dims, shown_index
from napari_sr.widgets.layers.snapshot import snapshot

Picture = npt.NDArray[np.uint8]


def shown_plane(layer: Image, viewer: Any) -> npt.NDArray[Any]:
    """Return the plane of a layer that the viewer shows: rows, columns, and colours if it has any."""
    return plane_of(snapshot(layer).data, layer, viewer)


def plane_of(
    data: Any, layer: Image, viewer: Any, rows: slice = slice(None), columns: slice = slice(None)
) -> npt.NDArray[Any]:  # fmt: skip
    """Return a window of the plane of a layer's data that the viewer shows; nothing else is read."""
    (row, column), rest = plane_dims(layer), iter(shown_index(layer, viewer))
    window = {row: rows, column: columns}
    spatial = len(data.shape) - (1 if layer.rgb else 0)
    found = np.asarray(data[tuple(window[d] if d in window else next(rest) for d in range(spatial))])
    return found if row < column else np.swapaxes(found, 0, 1)


def picture(layer: Image, viewer: Any, target: Grid, shape: tuple[int, int]) -> Picture:
    """Return what a layer shows as RGB on another grid; every pixel as napari draws it, none smoothed.

    Parameters
    ----------
    layer
        With its contrast limits, gamma and colours.
    viewer
        It shows one plane, and places layers by their units.
    target, shape
        Where it is wanted.
    """
    size = grid_image(layer, viewer).layout.plane_shape
    rows, columns, own = needed(size, grid_of(layer, viewer), target, shape)
    plane = plane_of(snapshot(layer).data, layer, viewer, rows, columns)
    if layer.rgb:
        parts = [onto(plane[..., c], own, target, shape, nearest=True) for c in range(3)]
        colours = np.stack(parts, axis=-1)
        # napari draws colours of integers over their type's range, and others from 0 to 1
        brightest = np.iinfo(plane.dtype).max if plane.dtype.kind in "iu" else 1.0
        return np.asarray(np.clip(colours / brightest, 0, 1) * 255 + 0.5, np.uint8)
    values = np.asarray(onto(plane, own, target, shape, nearest=True), dtype=np.float32)
    low, high = (float(v) for v in layer.contrast_limits)
    span = max(high - low, float(np.finfo(np.float32).tiny))
    scaled = np.clip((values - low) / span, 0, 1) ** float(layer.gamma)
    # 256 colours are looked up: a colormap of a large image takes seconds otherwise
    table = np.asarray(layer.colormap.map(np.linspace(0, 1, 256, dtype=np.float32))[:, :3] * 255, np.uint8)
    return np.asarray(table[np.asarray(np.nan_to_num(scaled) * 255, np.uint8)])


def finer(viewer: Any, first: Image, second: Image) -> tuple[Grid, tuple[int, int], Image]:
    """Return grid, shape and layer of the one with the smaller pixels."""
    layer = min((first, second), key=lambda x: grid_of(x, viewer).step)
    return grid_of(layer, viewer), grid_image(layer, viewer).layout.plane_shape, layer
