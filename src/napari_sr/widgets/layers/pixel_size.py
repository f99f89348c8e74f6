"""Giving pixels a size: a layer, and what was made from it, stay over each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sr.widgets.layers.maps import is_map
from napari_sr.widgets.layers.parentage import made_from
from napari_sr.widgets.layers.snapshot import METADATA_KEY, axes_of


def set_pixel_size(layer: Any, axes: str, size: float, unit: str, layers: Any = ()) -> None:
    """Give the rows and columns of a layer a distance and a unit; it stays as many of its pixels from the origin.

    Parameters
    ----------
    layer, axes
        The layer, and its axes.
    size, unit
        Of a pixel, and of what it is counted in.
    layers
        Layers of which those that were made from this one follow, and maps of these, so that they still lie over it.
    """
    spatial = [a for a in axes if a != "S"]
    scale = np.asarray(layer.scale, dtype=float)
    factors = {a: size / float(scale[spatial.index(a)]) for a in "YX"}
    made = [x for x in layers if x is not layer and made_from(x, layer, layers) and x.units[-1] == layer.units[-1]]
    unit_before = layer.units[-1]
    for one in (layer, *made):
        own = axes if one is layer else _axes_of(one)
        maps = [x for x in layers if is_map(x) and x.metadata[METADATA_KEY]["of"] == one.name]
        _stretch(one, own, factors, unit)
        for each in maps:  # of the same axes, without colours
            if each.ndim == len(own.replace("S", "")) and each.units[-1] == unit_before:
                _stretch(each, own, factors, unit)


def _axes_of(layer: Any) -> str:
    return str(layer.metadata.get(METADATA_KEY, {}).get("axes", "")) or axes_of(layer)


def _stretch(layer: Any, axes: str, factors: dict[str, float], unit: str) -> None:
    spatial = [a for a in axes if a != "S"]
    by = np.array([factors.get(a, 1.0) for a in spatial])
    affine = np.array(layer.affine.affine_matrix, dtype=float)
    affine[:-1, -1] *= by
    layer.scale = np.asarray(layer.scale, dtype=float) * by
    layer.translate = np.asarray(layer.translate, dtype=float) * by
    layer.affine = affine
    layer.units = [unit if a in "YX" else u for a, u in zip(spatial, layer.units, strict=True)]
