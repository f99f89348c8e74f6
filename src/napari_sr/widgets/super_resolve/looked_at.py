"""Which part of a layer the viewer shows just now, in pixels of the image that it was made from."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_sr.images.axes import Layout
from napari_sr.inference.lazy.tile_grid import Looked
from napari_sr.widgets.super_resolve.preview_layer import camera


def looked_at(viewer: Any, layer: Image, image: Layout, scale: int) -> Looked | None:
    """Return the window of the image that is in view; None if none of it is, or not as rows and columns.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        The layer over the image, ``scale`` times as fine, without colours.
    image
        Axes and shape of the image.
    scale
        Whole.
    """
    dims, hidden = viewer.dims, viewer.dims.ndim - layer.ndim
    shown = sorted(d - hidden for d in dims.displayed)
    if not layer.visible or shown != sorted((image.y, image.x)):
        return None
    middle = np.array(dims.point, dtype=float)
    reach = np.array(canvas_size(viewer), dtype=float) / camera(viewer).zoom / 2
    corners = []
    for signs in product((-1, 1), repeat=2):
        world = middle.copy()
        world[list(dims.displayed)] = np.asarray(camera(viewer).center, dtype=float)[-2:] + reach * signs
        corners.append(to_pixels(viewer, layer, world))
    # pixel centres lie on whole numbers
    low, high = ((np.asarray(f(corners, axis=0)) + 0.5) / scale for f in (np.min, np.max))
    places = []
    for axis, letter in enumerate(image.axes):
        length = image.shape[axis]
        if letter not in "YX":
            places.append(int(np.clip(np.round(corners[0][axis]), 0, length - 1)))
            if not -0.5 <= corners[0][axis] <= length - 0.5:  # a place where this layer has no plane
                return None
        elif high[axis] <= 0 or low[axis] >= length:
            return None
    rows, columns = (
        slice(max(0, int(np.floor(low[axis]))), min(image.shape[axis], int(np.ceil(high[axis]))))
        for axis in (image.y, image.x)
    )
    return Looked(tuple(places), rows, columns)


def to_pixels(viewer: Any, layer: Image, world: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the pixel of a layer at a place of the world, which counts in the units that the viewer has chosen."""
    common, place = getattr(viewer.layers, "units", None), world[-layer.ndim :].copy()
    if common is not None and len(common) >= layer.ndim:
        for axis, (unit, own) in enumerate(zip(common[-layer.ndim :], layer.units, strict=True)):
            if unit.is_compatible_with(own):
                place[axis] = (place[axis] * unit).to(own).magnitude
    return np.asarray(layer.world_to_data(place), dtype=float)[-layer.ndim :]


def canvas_size(viewer: Any) -> tuple[float, float]:
    """Return height and width of what shows one layer, in pixels of the screen."""
    if not hasattr(viewer, "canvas"):  # before napari 0.9
        height, width = viewer._canvas_size
        return float(height), float(width)
    height, width = viewer.canvas.viewbox_size(viewer.layers)
    return float(height), float(width)
