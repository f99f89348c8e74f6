"""Where layers lie in the world: on which grid, and which part of one is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Shapes

from napari_sr.errors import ImageError
from napari_sr.evaluation.comparison import Region
from napari_sr.images.grid import Grid, GridImage
from napari_sr.widgets.layers.alignment import shear_matrix
from napari_sr.widgets.layers.snapshot import snapshot

#: what says where a layer lies
GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "axis_labels", "units")


def grid_image(layer: Image, viewer: Any) -> GridImage:
    """Return a layer's image and where it lies."""
    source = snapshot(layer)
    return GridImage(layer.name, source.data, source.axes, grid_of(layer, viewer))


def unit_factor(layer: Any, viewer: Any) -> float:
    """Return how many of the units that the viewer counts in one of a layer's is; 1 where it does not convert."""
    common = getattr(viewer.layers, "units", None)  # None if the layers' units do not go together
    if common is None or not common[-1].is_compatible_with(layer.units[-1]):
        return 1.0
    return float((1 * layer.units[-1]).to(common[-1]).magnitude)


def check_units(layers: Sequence[Any], reference: Any) -> None:
    """Raise :class:`ImageError` if nobody can say how a layer lies over the reference: one in nm, the other in pixels.

    Layers of the same unit, or of ones that convert, are placed by their pixel sizes.
    """
    for layer in layers:
        if layer.units[-1].is_compatible_with(reference.units[-1]):
            continue
        unit, other = (f"{of.units[-1]:~P}" or "pixel" for of in (layer, reference))
        raise ImageError(
            f"{layer.name} is placed in {unit}, {reference.name} in {other}: nobody can say how they lie over each "
            "other. Give both the same unit: select the one without a pixel size, and set it in Super-resolve."
        )


def grid_of(layer: Any, viewer: Any) -> Grid:
    """Return where rows and columns of a layer lie, in units of the viewer.

    world = unit · affine · (translate + rotate · shear · scale · pixel).
    """
    factor = unit_factor(layer, viewer)
    shear = shear_matrix(np.asarray(layer.shear, dtype=float), len(layer.scale))
    inner = np.asarray(layer.rotate, dtype=float) @ shear @ np.diag(np.asarray(layer.scale, dtype=float))
    outer = np.asarray(getattr(layer.affine, "affine_matrix", layer.affine), dtype=float)
    matrix = factor * (outer[:-1, :-1] @ inner)[-2:, -2:]
    offset = factor * (outer[:-1, :-1] @ np.asarray(layer.translate, dtype=float) + outer[:-1, -1])[-2:]
    rows = ((float(matrix[0, 0]), float(matrix[0, 1])), (float(matrix[1, 0]), float(matrix[1, 1])))
    return Grid(rows, (float(offset[0]), float(offset[1])))


def pixels(grid: Grid, world: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the (row, column) of points of the world."""
    points = np.asarray(world, dtype=float) - np.array(grid.offset)
    return np.asarray(points @ np.linalg.inv(np.array(grid.matrix)).T)


def region(name: str, grid: Grid, world: npt.ArrayLike, shape: tuple[int, int]) -> Region:
    """Return the rectangle of an image around points of the world.

    Raises
    ------
    ImageError
        If it lies outside of the image.
    """
    found = pixels(grid, world)
    low = np.clip(np.floor(found.min(axis=0) + 0.5), 0, shape).astype(int)
    high = np.clip(np.ceil(found.max(axis=0) + 0.5), 0, shape).astype(int)
    if (high <= low).any():
        raise ImageError(f"{name} lies outside of the reference.")
    return Region(name, slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))


def view_region(layer: Image, viewer: Any) -> Region:
    """Return the part of a layer that is in view.

    Raises
    ------
    ImageError
        If none of it is.
    """
    corners = np.asarray(layer.corner_pixels, dtype=float)[:, -2:]
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors[layer.data_level])[-2:]
    if (corners[1] <= corners[0]).any():
        raise ImageError(f"{layer.name} is not in view. Press Home to see it again.")
    grid = grid_of(layer, viewer)
    world = corners @ np.array(grid.matrix).T + grid.offset
    return region("the view", grid, world, grid_image(layer, viewer).layout.plane_shape)


def shown_index(layer: Image, viewer: Any) -> tuple[int, ...]:
    """Return which plane of a layer the viewer shows: its place on the axes before rows and columns."""
    shape = snapshot(layer).data.shape
    spatial = len(shape) - (1 if layer.rgb else 0)
    world = np.array(viewer.dims.point, dtype=float)
    common = getattr(viewer.layers, "units", None)
    if common is not None:
        for axis in range(1, min(spatial, len(world)) + 1):
            if common[-axis].is_compatible_with(layer.units[-axis]):
                world[-axis] = (world[-axis] * common[-axis]).to(layer.units[-axis]).magnitude
    place = np.asarray(layer.world_to_data(world))[-spatial:][:-2]
    return tuple(int(np.clip(round(float(p)), 0, n - 1)) for p, n in zip(place, shape, strict=False))


def shape_regions(shapes: Shapes, reference: Image, viewer: Any) -> tuple[Region, ...]:
    """Return the rectangle around every shape, in pixels of the reference.

    Raises
    ------
    ImageError
        If there are none, or one lies outside of the reference.
    """
    if not len(shapes.data):
        raise ImageError(f"{shapes.name} has no shapes yet: draw some, or choose another place to measure.")
    grid, own = grid_of(reference, viewer), grid_of(shapes, viewer)
    size = grid_image(reference, viewer).layout.plane_shape
    return tuple(
        region(f"shape {number}", grid, np.asarray(shape)[:, -2:] @ np.array(own.matrix).T + own.offset, size)
        for number, shape in enumerate(shapes.data, start=1)
    )
