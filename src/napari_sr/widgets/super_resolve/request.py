"""What *Super-resolve* is asked for, and what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sr.widgets.controls.mix_row import load_mixed
from napari_sr.widgets.layers.snapshot import Snapshot

if TYPE_CHECKING:
    from napari_sr.models.model import Model, ModelCard


@dataclass(frozen=True)
class Catalogue:
    """What the background start-up found."""

    cards: tuple[ModelCard, ...]
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """One run, as it was asked for; the layers may change or go meanwhile."""

    source: Snapshot
    layer: Image
    reference_layer: Image | None
    axes: str
    model: str
    mix: tuple[str, float] | None
    settings: dict[str, Any]
    conditions: Mapping[str, float] = field(default_factory=dict)

    def load(self) -> Model:
        """Load the model, mixed with another if that is wanted."""
        return load_mixed(self.model, self.mix)
