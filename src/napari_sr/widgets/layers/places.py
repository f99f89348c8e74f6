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
from napari_sr.widgets.layers.snapshot import axes_of, snapshot

#: what says where a layer lies
GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "axis_labels", "units")


def grid_image(layer: Image, viewer: Any) -> GridImage:
    """Return a layer's image and where it lies."""
    source = snapshot(layer)
    return GridImage(layer.name, source.data, source.axes, grid_of(layer, viewer))


def plane_dims(layer: Any) -> tuple[int, int]:
    """Return the dimensions of a layer that its rows and columns are; the last two of what is no image."""
    if not isinstance(layer, Image):
        return layer.ndim - 2, layer.ndim - 1
    axes = axes_of(layer).replace("S", "")
    return axes.index("Y"), axes.index("X")


def plane_point(layer: Any, viewer: Any, position: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the world's coordinates along a layer's rows and columns, of a point of all dimensions of the viewer."""
    return np.asarray(position, dtype=float)[[dim - layer.ndim for dim in plane_dims(layer)]]


def check_shown(layer: Any, viewer: Any) -> None:
    """Raise :class:`ImageError` if the viewer does not show the rows and columns of a layer."""
    shown = {dim - (viewer.dims.ndim - layer.ndim) for dim in viewer.dims.displayed}
    if not set(plane_dims(layer)) <= shown:
        raise ImageError(
            f"The viewer does not show the rows and columns of {layer.name}: roll its dimensions (button below the "
            "layer list) until it does."
        )


def unit_factor(layer: Any, viewer: Any) -> float:
    """Return how many of the units that the viewer counts in one of a layer's is; 1 where it does not convert."""
    common = getattr(viewer.layers, "units", None)  # None if the layers' units do not go together
    column = plane_dims(layer)[1]
    from_last = column - layer.ndim
    if common is None or not common[from_last].is_compatible_with(layer.units[column]):
        return 1.0
    return float((1 * layer.units[column]).to(common[from_last]).magnitude)


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
    dims = list(plane_dims(layer))
    matrix = factor * (outer[:-1, :-1] @ inner)[np.ix_(dims, dims)]
    offset = factor * (outer[:-1, :-1] @ np.asarray(layer.translate, dtype=float) + outer[:-1, -1])[dims]
    rows = ((float(matrix[0, 0]), float(matrix[0, 1])), (float(matrix[1, 0]), float(matrix[1, 1])))
    return Grid(rows, (float(offset[0]), float(offset[1])))


def lies_elsewhere(result: Image, reference: Image, viewer: Any, start: tuple[int, int] = (0, 0)) -> bool:
    """Return True if pixels of a reference that are taken for those of a result lie more than a pixel from them.

    Parameters
    ----------
    start
        Row and column of the reference that the first pixel of the result is taken for.

    False where nobody can say: without a pixel size, or in units that do not convert.
    """
    first, second = (layer.units[plane_dims(layer)[1]] for layer in (result, reference))
    if str(first) == "pixel" or not first.is_compatible_with(second):
        return False
    height, width = grid_image(result, viewer).layout.plane_shape
    corners = np.array([(0, 0), (0, width - 1), (height - 1, 0)], dtype=float)
    own = grid_of(result, viewer)
    found = pixels(grid_of(reference, viewer), corners @ np.array(own.matrix).T + own.offset)
    return bool(np.abs(found - corners - start).max() > 1)


def pixels(grid: Grid, world: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the (row, column) of points of the world."""
    points = np.asarray(world, dtype=float) - np.array(grid.offset)
    return np.asarray(points @ np.linalg.inv(np.array(grid.matrix)).T)


def region(name: str, grid: Grid, world: npt.ArrayLike, shape: tuple[int, int], *, of: str) -> Region:
    """Return the rectangle of the image called ``of`` around points of the world.

    Raises
    ------
    ImageError
        If it lies outside of the image.
    """
    found = pixels(grid, world)
    low = np.clip(np.floor(found.min(axis=0) + 0.5), 0, shape).astype(int)
    high = np.clip(np.ceil(found.max(axis=0) + 0.5), 0, shape).astype(int)
    if (high <= low).any():
        raise ImageError(f"{name} lies outside of {of}.")
    return Region(name, slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))


def view_region(layer: Image, viewer: Any) -> Region:
    """Return the part of a layer that is in view.

    Raises
    ------
    ImageError
        If none of it is, or the viewer shows other dimensions than its rows and columns.
    """
    check_shown(layer, viewer)
    dims = list(plane_dims(layer))
    corners = np.asarray(layer.corner_pixels, dtype=float)[:, dims]
    if layer.multiscale:
        corners = corners * np.asarray(layer.downsample_factors[layer.data_level])[dims]
    if (corners[1] <= corners[0]).any():
        raise ImageError(f"{layer.name} is not in view. Press Home to see it again.")
    grid = grid_of(layer, viewer)
    world = corners @ np.array(grid.matrix).T + grid.offset
    return region("the view", grid, world, grid_image(layer, viewer).layout.plane_shape, of=layer.name)


def shown_index(layer: Image, viewer: Any) -> tuple[int, ...]:
    """Return which plane of a layer the viewer shows: its place on the axes beside rows and columns."""
    shape = snapshot(layer).data.shape
    spatial = len(shape) - (1 if layer.rgb else 0)
    world = np.array(viewer.dims.point, dtype=float)
    common = getattr(viewer.layers, "units", None)
    if common is not None:
        for axis in range(1, min(spatial, len(world)) + 1):
            if common[-axis].is_compatible_with(layer.units[-axis]):
                world[-axis] = (world[-axis] * common[-axis]).to(layer.units[-axis]).magnitude
    place = np.asarray(layer.world_to_data(world))[-spatial:]
    others = [dim for dim in range(spatial) if dim not in plane_dims(layer)]
    return tuple(int(np.clip(round(float(place[dim])), 0, shape[dim] - 1)) for dim in others)


def shape_regions(shapes: Shapes, reference: Image, viewer: Any) -> tuple[Region, ...]:
    """Return the rectangle around every shape, in pixels of the reference.

    Raises
    ------
    ImageError
        If there are none, or one lies outside of the reference.
    """
    if not len(shapes.data):
        raise ImageError(f"{shapes.name} has no shapes yet: draw some, or choose another place to measure.")
    return tuple(_around(shapes, number, reference, viewer) for number in range(len(shapes.data)))


def drawn_region(shapes: Shapes, layer: Image, viewer: Any) -> Region:
    """Return the rectangle around the shape that was drawn last, in pixels of a layer; see :func:`shape_regions`."""
    return _around(shapes, len(shapes.data) - 1, layer, viewer)


def _around(shapes: Shapes, number: int, layer: Image, viewer: Any) -> Region:
    own, shape = grid_of(shapes, viewer), np.asarray(shapes.data[number])[:, -2:]
    size = grid_image(layer, viewer).layout.plane_shape
    world = shape @ np.array(own.matrix).T + own.offset
    return region(f"shape {number + 1}", grid_of(layer, viewer), world, size, of=layer.name)
