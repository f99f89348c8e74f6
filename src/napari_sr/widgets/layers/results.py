"""The layers that a finished run adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sr.evaluation.map_kinds import unit_of
from napari_sr.widgets.layers.maps import MapLayer, add_maps, geometry_of, remove_maps
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.selection import selection_kept
from napari_sr.widgets.layers.snapshot import METADATA_KEY, Snapshot, first_pixel, provenance, resampled_arguments

if TYPE_CHECKING:
    from napari_sr.evaluation.reference import Compared
    from napari_sr.models.model import ModelCard


def add_result(
    viewer: Any, layer: Image, source: Snapshot, axes: str, card: ModelCard, result: Compared, *, keep: bool = False,
    rows: slice = slice(None), columns: slice = slice(None),
) -> Image:  # fmt: skip
    """Add the super-resolved layer on top, above it its SSIM and error maps if it was compared.

    Parameters
    ----------
    viewer
        The viewer.
    layer, source, axes
        What was super-resolved, as it was taken.
    card, result
        The model's card, and what it made.
    rows, columns
        The part of the layer that was super-resolved.
    keep
        Keep an earlier result of the same model on the same layer; it is replaced otherwise.
    """
    if not keep:
        with selection_kept(viewer):
            for old in earlier_results(viewer, layer, card.name):
                remove_maps(viewer, _group(old))
                remove_layer(viewer, old)
    metadata = provenance(result.finished.report, card, source)
    metadata[METADATA_KEY]["source_id"] = str(layer.unique_id)  # stays when the layer is renamed
    if result.comparison is not None:
        metadata[METADATA_KEY]["comparison"] = result.sentence()
    added: Image = viewer.add_image(
        result.finished.image, name=f"{source.name} [{card.name}]", metadata=metadata,
        **resampled_arguments(layer, axes, card.scale, first_pixel(axes, rows, columns)),
    )  # fmt: skip
    if result.comparison is not None:
        from napari_sr.evaluation.reference import SR

        unit = unit_of(density=card.intensity.get("kind") == "log")
        geometry = geometry_of(added)
        maps = [
            MapLayer(kind, image, added.name, card.name, geometry) for kind, image in result.comparison.maps[SR].items()
        ]
        add_maps(viewer, maps, group=_group(added), unit=unit)
    return added


def earlier_results(viewer: Any, layer: Image, model: str) -> list[Image]:
    """Return what a model has made of a layer before."""
    found = []
    for one in viewer.layers:
        said = one.metadata.get(METADATA_KEY, {})
        if said.get("made_by") == "super-resolution" and said.get("source_id") == str(layer.unique_id):
            found += [one] if said["model_card"]["name"] == model else []
    return found


def result_maps(viewer: Any, result: Image) -> list[Image]:
    """Return the maps of a result that are in the viewer, the first one first."""
    group = _group(result)
    return [x for x in reversed(viewer.layers) if x.metadata.get(METADATA_KEY, {}).get("group") == group]


def _group(result: Image) -> str:
    return f"result {result.unique_id}"
