"""Checkpoints of architectures that spandrel knows."""

from __future__ import annotations

from typing import Any

from napari_sr.errors import ModelError
from napari_sr.models.formats.checkpoint import Weights
from napari_sr.models.formats.found import Detected, Found
from napari_sr.networks.foreign_base import Around
from napari_sr.networks.foreign_spandrel import own_names, rebuilt, spandrel_registry


def find(candidates: list[Weights]) -> tuple[Found | None, str]:
    """Return the network of the first state dict that spandrel knows, or None and what might help."""
    try:
        registry = spandrel_registry()
    except ModelError as error:
        return None, f"Many more architectures are known to spandrel. {error}"
    problem = ""
    for weights in candidates:
        for support in registry.architectures("detection"):
            if not support.detect(dict(weights.state)):
                continue
            try:
                return _found(support.architecture, weights), ""
            except ModelError as error:
                problem = problem or str(error)
    return None, problem


def _found(architecture: Any, weights: Weights) -> Found:
    descriptor = rebuilt(architecture.id, weights.state)
    channels = (int(descriptor.input_channels), int(descriptor.output_channels))
    if type(descriptor).__name__ != "ImageModelDescriptor" or descriptor.purpose not in ("SR", "Restoration"):
        raise ModelError(f"{architecture.name} is made for {descriptor.purpose}, not for super-resolution.")
    sizes = descriptor.size_requirements
    step = max(sizes.multiple_of, 1)
    around = Around(channels=channels[0], minimum=max(-(-sizes.minimum // step), 1) * step, step=step)
    settings = {"scale": int(descriptor.scale), "architecture": architecture.id, "around": around.to_dict()}
    notes = (*weights.notes, *_of_size(descriptor), "It is run by spandrel, and cannot be trained further here")
    detected = Detected(architecture.name, {}, int(descriptor.scale), channels, weights.where, notes)
    # windows and gathered pixels begin where a tile begins; nothing is to be measured then
    measure = descriptor.tiling.name == "SUPPORTED" and sizes.multiple_of <= 1
    return Found("spandrel", settings, own_names(descriptor.model), detected, measure=measure)


def _of_size(descriptor: Any) -> tuple[str, ...]:
    return (f"Of size {', '.join(descriptor.tags)}",) if descriptor.tags else ()
