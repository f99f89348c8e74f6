"""Layers as the comparison needs them, and the layers that it adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Shapes
from napari.utils.colormaps import ensure_colormap

from napari_sr.errors import ImageError
from napari_sr.evaluation.comparison import FLAGGED, HALLUCINATED, Region
from napari_sr.evaluation.table import short_names
from napari_sr.images.grid import Grid
from napari_sr.images.placed import Placed
from napari_sr.widgets.layers.alignment import shear_matrix
from napari_sr.widgets.layers.snapshot import METADATA_KEY, snapshot

MADE = "comparison"
#: by kind of map: title, colormap, contrast limits (None: common ones are found)
MAPS: Mapping[str, tuple[str, str, tuple[float, float] | None]] = {
    "ssim": ("SSIM map", "viridis", (0.0, 1.0)),
    "absolute": ("error map", "inferno", None),
    "signed": ("signed error map", "RdBu_r", None),
    "root-squared": ("root-squared error map", "inferno", None),
    HALLUCINATED: ("hallucination map", "magma", None),
}
MEANINGS = {
    "ssim": "1 = the same structure, 0 = none in common",
    "absolute": "|image - reference|, {unit}",
    "signed": "image - reference, {unit}",
    "root-squared": "√(image - reference)² after normalisation, share of the reference's span",
    HALLUCINATED: "detail that is not in the reference, {unit}: made up, or noise of the reference",
}
#: of the lines around flagged places
FLAG_COLOUR = {0: "transparent", 1: "#ff4040", None: "transparent"}
UNITLESS = ("ssim", "root-squared")
GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "axis_labels", "units")


def placed(layer: Image, viewer: Any) -> Placed:
    """Return a layer's image and where it lies."""
    source = snapshot(layer)
    return Placed(layer.name, source.data, source.axes, grid_of(layer, viewer))


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
    return region("the view", grid, world, placed(layer, viewer).layout.plane_shape)


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
    size = placed(reference, viewer).layout.plane_shape
    return tuple(
        region(f"shape {number}", grid, np.asarray(shape)[:, -2:] @ np.array(own.matrix).T + own.offset, size)
        for number, shape in enumerate(shapes.data, start=1)
    )


def common_limits(kind: str, images: Iterable[npt.NDArray[Any]]) -> tuple[float, float]:
    """Return one contrast range for the maps of all candidates: colours then mean the same everywhere."""
    fixed = MAPS[kind][2]
    if fixed is not None:
        return fixed
    found = [np.abs(image[np.isfinite(image)]) for image in images]
    high = max((float(np.percentile(values, 99.9)) for values in found if values.size), default=1.0) or 1.0
    return (-high, high) if kind == "signed" else (0.0, high)


def add_maps(
    viewer: Any, reference: Image, maps: Mapping[str, Mapping[str, npt.NDArray[np.float32]]], *, unit: str
) -> list[Image]:
    """Add the maps over the reference, hidden; those of an earlier comparison get the new values.

    Names and metadata say what the colours mean; a colour bar shows it.
    """
    geometry = {key: getattr(reference, key) for key in GEOMETRY}
    added = []
    short = short_names(list(maps))
    for kind in MAPS:
        of_kind = {name: found[kind] for name, found in maps.items() if kind in found}
        if not of_kind:
            continue
        limits = common_limits(kind, of_kind.values())
        title, colormap, _ = MAPS[kind]
        meaning = MEANINGS[kind].format(unit=unit)
        for name, image in of_kind.items():
            # the kind first: napari shows the beginning and the end of long names
            wanted = title + ("" if kind in UNITLESS else f" [{unit}]") + f" · {short[name]}"
            for old in [x for x in viewer.layers if x.name == wanted and _made(x)]:
                viewer.layers.remove(old)
            layer = viewer.add_image(
                image, name=wanted, colormap=ensure_colormap(colormap), contrast_limits=limits, visible=False,
                metadata={METADATA_KEY: {"made_by": MADE, "meaning": meaning, "of": name, "reference": reference.name}},
                **geometry,
            )  # fmt: skip
            if hasattr(layer, "colorbar"):  # came with napari 0.7
                layer.colorbar.visible = True
            added.append(layer)
    for name, found in maps.items():
        if FLAGGED in found:
            outline(viewer, f"made up? · {short[name]}", found[FLAGGED], geometry, of=name)
    return added


def outline(viewer: Any, name: str, flagged: npt.NDArray[np.float32], geometry: Mapping[str, Any], *, of: str) -> None:
    """Add lines around what is flagged, hidden; or give those of an earlier comparison the new places."""
    for old in [x for x in viewer.layers if x.name == name and _made(x)]:
        viewer.layers.remove(old)
    layer = viewer.add_labels(
        np.nan_to_num(flagged).astype(np.uint8), name=name, visible=False, colormap=FLAG_COLOUR,
        metadata={METADATA_KEY: {"made_by": MADE, "of": of, "meaning": "most of the detail is not the reference's"}},
        **geometry,
    )  # fmt: skip
    layer.contour = 2


def _made(layer: Any) -> bool:
    return layer.metadata.get(METADATA_KEY, {}).get("made_by") == MADE
