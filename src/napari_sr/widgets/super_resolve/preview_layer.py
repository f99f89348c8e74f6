"""The centre of the view, super-resolved: which window that is, and the layer that shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

from napari_sr.errors import ImageError
from napari_sr.widgets.layers.alignment import resampled_transform
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.selection import selection_kept
from napari_sr.widgets.layers.snapshot import METADATA_KEY, resampled_arguments

NAME = "SR preview"
#: sides of the preview, LR pixels
LARGEST, SMALLEST, FIRST = 256, 48, 96
#: what a preview may take
SECONDS = 1.2


@dataclass(frozen=True)
class Window:
    """A part of one plane: the position on the other axes, and rows and columns."""

    index: tuple[int, ...]
    rows: slice
    columns: slice


def camera(viewer: Any) -> Any:
    """Return the viewer's camera, which moved into its scene with napari 0.9."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def side_for(rate: float | None, scale: int) -> int:
    """Return the largest side, LR pixels, that ``rate`` (output Mpx/s) finishes in time; None: not measured yet."""
    if rate is None:
        return FIRST
    side = int(math.sqrt(rate * 1e6 * SECONDS) / scale)
    return max(SMALLEST, min(LARGEST, side // 8 * 8))


def visible_window(
    layer: Image, axes: str, *, centre: Any, step: Any, displayed: Any, side: int, world_units: Any = None
) -> Window:
    """Return the window of at most ``side`` LR pixels around the centre of the view.

    Parameters
    ----------
    layer
        The LR layer.
    axes
        Its axes.
    centre
        World coordinates of the view's centre, as the camera has them.
    step
        World coordinates of the slice that is shown, one a dimension of the viewer.
    displayed
        The dimensions of the viewer that are displayed.
    side
        In LR pixels.
    world_units
        Units that the viewer counts in, if it converts between layers of different units.

    Raises
    ------
    ImageError
        If the layer is not in view.
    """
    spatial = [a for a in axes if a != "S"]
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    world = np.array(step, dtype=float)
    # the camera counts displayed axes only, from the end
    world[list(displayed)] = np.asarray(centre, dtype=float)[-len(displayed) :]
    if world_units is not None and len(world_units) == len(world):
        own = list(layer.units)
        for i, unit in enumerate(own, start=len(world) - len(own)):
            if world_units[i].is_compatible_with(unit):
                world[i] = (world[i] * world_units[i]).to(unit).magnitude
    position = np.asarray(layer.world_to_data(world))[-len(spatial) :]
    place = dict(zip(spatial, position, strict=True))
    slices = {}
    for axis in "YX":
        length = shape[axes.index(axis)]
        if not -side < place[axis] < length + side:
            raise ImageError(f"The layer {layer.name!r} is not in view. Press Home to see it again.")
        n = min(side, length)
        start = min(max(0, round(place[axis] - n / 2)), length - n)
        slices[axis] = slice(int(start), int(start + n))
    index = tuple(int(np.clip(round(float(place[a])), 0, shape[axes.index(a)] - 1)) for a in spatial if a not in "YX")
    return Window(index, slices["Y"], slices["X"])


def show_preview(viewer: Any, layer: Image, axes: str, window: Window, image: np.ndarray, scale: int) -> Image:
    """Show ``image`` over its window in the one preview layer, outlined; returns that layer."""
    rest = iter(window.index)
    start, factors, shape = [], [], []
    for axis in (a for a in axes if a != "S"):
        if axis in "YX":
            part = window.rows if axis == "Y" else window.columns
            start.append(part.start)
            factors.append(float(scale))
            shape.append((part.stop - part.start) * scale)
        else:
            start.append(next(rest))
            factors.append(1.0)
            shape.append(1)
    samples = (image.shape[-1],) if layer.rgb else ()
    if axes.index("Y") > axes.index("X"):
        image = np.swapaxes(image, 0, 1)
    data = image.reshape((*shape, *samples))
    transform = resampled_transform(layer, factors, start)
    with selection_kept(viewer):  # a preview chooses no other image
        return _show(viewer, layer, axes, data, transform, scale, samples=len(samples))


def remove_preview(viewer: Any) -> None:
    """Take the preview away."""
    with selection_kept(viewer):
        for old in [x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == "preview"]:
            remove_layer(viewer, old)


def _show(
    viewer: Any, layer: Image, axes: str, data: np.ndarray, transform: dict[str, Any], scale: int, *, samples: int
) -> Image:
    existing = next((x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == "preview"), None)
    if existing is not None and tuple(existing.units) != tuple(layer.units):
        remove_layer(viewer, existing)
        existing = None
    if existing is not None and (existing.rgb != layer.rgb or existing.ndim != data.ndim - samples):
        remove_layer(viewer, existing)
        existing = None
    if existing is None:
        arguments = resampled_arguments(layer, axes, scale) | transform
        existing = viewer.add_image(data, name=NAME, metadata={METADATA_KEY: {"made_by": "preview"}}, **arguments)
    else:
        existing.data = data
        wanted = {name: transform[name] for name in ("scale", "rotate", "shear", "translate", "affine")}
        if not layer.rgb:
            wanted |= {name: getattr(layer, name) for name in ("contrast_limits", "colormap", "gamma")}
        for name, value in wanted.items():
            if not _same(getattr(existing, name), value):  # each of these draws the window anew
                setattr(existing, name, value)
    if not existing.bounding_box.visible:
        existing.bounding_box.visible = True
        existing.bounding_box.points = False
    if not existing.visible:
        existing.visible = True
    return existing


def _same(value: Any, other: Any) -> bool:
    """Return True if two settings of a layer are the same."""
    matrices = [getattr(x, "affine_matrix", x) for x in (value, other)]
    try:
        return np.shape(matrices[0]) == np.shape(matrices[1]) and bool(np.all(np.asarray(matrices[0] == matrices[1])))
    except (TypeError, ValueError):  # of a kind that numpy cannot compare
        return False
