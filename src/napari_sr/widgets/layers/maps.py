"""Layers that show maps: added in one way, whatever they are of, and taken away together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.utils.colormaps import ensure_colormap

from napari_sr.evaluation.map_kinds import FLAGGED, MAP_KINDS, common_limits
from napari_sr.evaluation.table import short_names
from napari_sr.widgets.layers.places import GEOMETRY
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.selection import selection_kept
from napari_sr.widgets.layers.snapshot import METADATA_KEY

#: what made a layer, for all maps
MAP = "map"
#: of the lines around flagged places
FLAG_COLOUR = {0: "transparent", 1: "#ff4040", None: "transparent"}


@dataclass(frozen=True)
class MapLayer:
    """A map that is to be shown.

    Attributes
    ----------
    kind
        In :data:`napari_sr.evaluation.map_kinds.MAP_KINDS`, or ``flagged``: then lines around what is 1.
    image
        Its values; NaN where there are none.
    of, label
        Name of the layer that it is of, and how that one is called in short.
    geometry
        Where it lies: arguments of napari's layers.
    about
        What else is kept with the layer.
    suffix
        Added to its name: a warning.
    """

    kind: str
    image: npt.NDArray[Any]
    of: str
    label: str
    geometry: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ""


def map_layers(
    maps: Mapping[str, Mapping[str, npt.NDArray[Any]]], geometry: Mapping[str, Any], **about: Any
) -> list[MapLayer]:
    """Return the maps of a comparison as layers, kind by kind: ``maps`` by the names of images and by kind."""
    short = short_names(list(maps))
    of_kind = [(k, name) for k in (*MAP_KINDS, FLAGGED) for name, found in maps.items() if k in found]
    return [MapLayer(k, maps[name][k], name, short[name], geometry, about) for k, name in of_kind]


def geometry_of(layer: Image) -> dict[str, Any]:
    """Return where a layer lies."""
    return {key: getattr(layer, key) for key in GEOMETRY}


def add_maps(viewer: Any, maps: Sequence[MapLayer], *, group: str, unit: str) -> list[Any]:
    """Add maps on top, in place of those of the same group; the first is seen, with its colour bar, the others hidden.

    Maps of one kind have one range of colours.

    Parameters
    ----------
    viewer
        The viewer; what is selected in it stays selected.
    maps
        The maps, the one to be seen first.
    group
        What they belong to: a later call with the same takes their place, :func:`remove_maps` takes them away.
    unit
        Of intensities.
    """
    remove_maps(viewer, group)
    for other in viewer.layers:  # of two maps, the lower one would only be a second colour bar
        if is_map(other) and other.visible and maps:
            other.visible = False
    limits = {
        kind: common_limits(kind, [m.image for m in maps if m.kind == kind])
        for kind in dict.fromkeys(m.kind for m in maps if m.kind != FLAGGED)
    }
    added = []
    with selection_kept(viewer):
        for one in reversed(maps):  # the first comes last: on top
            about = {"made_by": MAP, "group": group, "kind_of_map": one.kind, "of": one.of, **one.about}
            added.append(_add(viewer, one, about, limits.get(one.kind), unit=unit, seen=one is maps[0]))
    return added[::-1]


def _add(
    viewer: Any, one: MapLayer, about: dict[str, Any], limits: tuple[float, float] | None, *, unit: str, seen: bool,
) -> Any:  # fmt: skip
    of = f" · {one.label}"
    if limits is None:
        about["legend"] = "most of the detail inside the lines is not the reference's"
        layer = viewer.add_labels(
            np.nan_to_num(one.image).astype(np.uint8), name=f"made up?{of}", visible=False, colormap=FLAG_COLOUR,
            metadata={METADATA_KEY: about}, **one.geometry,
        )  # fmt: skip
        layer.contour = 2
        return layer
    kind = MAP_KINDS[one.kind]
    about["legend"] = kind.legend.format(unit=unit)
    about["meaning"] = " ".join(filter(None, (about.get("meaning"), kind.meaning))) or about["legend"]
    # the kind first: napari shows the beginning and the end of long names
    name = kind.title + (f" [{unit}]" if kind.has_unit and unit else "") + of + one.suffix
    layer = viewer.add_image(
        one.image, name=name, colormap=ensure_colormap(kind.colormap), contrast_limits=limits, visible=seen,
        metadata={METADATA_KEY: about}, **one.geometry,
    )  # fmt: skip
    layer.colorbar.visible = True
    show_name(layer)
    return layer


def show_name(layer: Any, *, visible: bool = True, position: str = "top_right") -> None:
    """Show a layer's name in the canvas, in its own tile of a grid; napari before 0.9 cannot."""
    overlay = getattr(layer, "name_overlay", None)
    if overlay is not None:
        overlay.position, overlay.visible = position, visible


def remove_maps(viewer: Any, group: str) -> None:
    """Take the maps of a group away."""
    old = [x for x in viewer.layers if is_map(x) and x.metadata[METADATA_KEY].get("group") == group]
    with selection_kept(viewer):
        for layer in old:
            remove_layer(viewer, layer)


def is_map(layer: Any) -> bool:
    """Return True for a map that was added here."""
    return bool(layer.metadata.get(METADATA_KEY, {}).get("made_by") == MAP)


def legend_of(layer: Any) -> str:
    """Return what a map's colours mean, in one line: ``SSIM map: 1 = the same structure, …``."""
    about = layer.metadata[METADATA_KEY]
    kind = MAP_KINDS.get(about["kind_of_map"])
    return f"{kind.title if kind else 'made up?'}: {about['legend']}"
