"""Layers as the colours that they are shown in, on one grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_sr.evaluation.grids import Grid, onto
from napari_sr.widgets.compare_layers import grid_of, placed
from napari_sr.widgets.layers import snapshot

Picture = npt.NDArray[np.uint8]


def shown_plane(layer: Image, step: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return the plane of a layer that the viewer shows: rows, columns, and colours if it has any.

    ``step`` is the viewer's position on all its axes.
    """
    data = snapshot(layer).data
    spatial = data.ndim - (1 if layer.rgb else 0)
    # axes are counted from the last one; a layer with fewer has none of the first
    place = [min(int(s), n - 1) for s, n in zip(step[:-2][::-1], data.shape[: spatial - 2][::-1], strict=False)][::-1]
    return np.asarray(data[tuple(place)] if place else data)


def picture(layer: Image, step: tuple[int, ...], target: Grid, shape: tuple[int, int]) -> Picture:
    """Return what a layer shows as RGB on another grid; every pixel as napari draws it, none smoothed.

    Parameters
    ----------
    layer
        With its contrast limits, gamma and colours.
    step
        The viewer's position.
    target, shape
        Where it is wanted.
    """
    plane, own = shown_plane(layer, step), grid_of(layer)
    if layer.rgb:
        parts = [onto(plane[..., c], own, target, shape, nearest=True) for c in range(3)]
        colours = np.stack(parts, axis=-1)
        return (
            colours.astype(np.uint8) if plane.dtype == np.uint8 else np.asarray(np.clip(colours, 0, 1) * 255, np.uint8)
        )
    values = np.asarray(onto(plane, own, target, shape, nearest=True), dtype=np.float32)
    low, high = (float(v) for v in layer.contrast_limits)
    span = max(high - low, float(np.finfo(np.float32).tiny))
    scaled = np.clip((values - low) / span, 0, 1) ** float(layer.gamma)
    # 256 colours are looked up: a colormap of a large image takes seconds otherwise
    table = np.asarray(layer.colormap.map(np.linspace(0, 1, 256, dtype=np.float32))[:, :3] * 255, np.uint8)
    return np.asarray(table[np.asarray(np.nan_to_num(scaled) * 255, np.uint8)])


def finer(first: Image, second: Image) -> tuple[Grid, tuple[int, int], Image]:
    """Return grid, shape and layer of the one with the smaller pixels."""
    layer = min((first, second), key=lambda x: grid_of(x).step)
    return grid_of(layer), placed(layer).layout.plane_shape, layer
