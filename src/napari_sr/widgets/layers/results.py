"""The layers that a finished run adds."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from napari_sr.evaluation.reference import Compared, Comparison
from napari_sr.models.model import ModelCard
from napari_sr.widgets.layers.snapshot import METADATA_KEY, Snapshot, finite_limits, provenance, resampled_arguments


def add_result(viewer: Any, layer: Image, source: Snapshot, axes: str, card: ModelCard, result: Compared) -> Image:
    """Add the super-resolved layer over ``layer`` and, if compared, its SSIM and error maps (hidden)."""
    arguments = resampled_arguments(layer, axes, card.scale)
    if result.comparison is not None:
        add_maps(viewer, source, card, result.comparison, arguments, axes)
    metadata = provenance(result.finished.report, card, source)
    metadata[METADATA_KEY]["source_id"] = str(layer.unique_id)  # stays when the layer is renamed
    if result.comparison is not None:
        metadata[METADATA_KEY]["comparison"] = result.comparison.sentence()
    added: Image = viewer.add_image(
        result.finished.image, name=f"{source.name} [{card.name}]", metadata=metadata, **arguments
    )
    return added


def add_maps(
    viewer: Any, source: Snapshot, card: ModelCard, comparison: Comparison, arguments: dict[str, Any], axes: str
) -> None:
    """Add the SSIM map and the error map below where the result will be, hidden, with fixed meaning of colours."""
    geometry = {k: arguments[k] for k in ("scale", "translate", "rotate", "shear", "affine", "axis_labels", "units")}
    unit = "log₁₀ density" if comparison.log_density else "grey levels"
    maps = (
        ("SSIM map", comparison.ssim, "viridis", [0.0, 1.0], "1 = same structure, 0 = none in common"),
        ("error map", comparison.error, "inferno", finite_limits(comparison.error), f"|SR − reference| in {unit}"),
    )
    for title, image, colormap, limits, meaning in maps:
        # colours become one number a pixel: the mean over the channels
        shown = image[..., :3].mean(axis=-1, dtype=np.float32) if axes.endswith("S") else image
        viewer.add_image(
            shown, name=f"{source.name} [{card.name}] {title}", colormap=colormap, contrast_limits=limits,
            visible=False, metadata={METADATA_KEY: {"made_by": "map", "meaning": meaning, "model": card.name}},
            **geometry,
        )  # fmt: skip
