"""Where a super-resolved layer comes from: its image, and the model that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari.layers import Image

from napari_sr.errors import SRError
from napari_sr.widgets.layers.parentage import parent
from napari_sr.widgets.layers.snapshot import METADATA_KEY, Snapshot, first_pixel, snapshot

NOT_OURS = "Choose a layer that Super-resolve has made: it knows its model, and the image that it was made of."


@dataclass(frozen=True)
class Made:
    """A super-resolved layer, the layer it was made of, and how."""

    sr: Image
    lr: Image
    source: Snapshot
    axes: str
    scale: int
    card: Mapping[str, Any]
    density: bool
    loaded_from: tuple[str, tuple[str, float] | None]
    conditions: Mapping[str, float]
    #: rows and columns of the source that it shows
    rows: slice
    columns: slice

    def measured(self) -> Any:
        """Return the part of the source that it shows."""
        window = {"Y": self.rows, "X": self.columns}
        return self.source.data[tuple(window.get(a, slice(None)) for a in self.axes)]

    @property
    def start(self) -> list[float]:
        """The part's first pixel, on every dimension that napari counts."""
        return first_pixel(self.axes, self.rows, self.columns)

    def load(self) -> Any:
        """Return the model again, mixed as it was."""
        from napari_sr.widgets.controls.mix_row import load_mixed

        return load_mixed(*self.loaded_from)

    @property
    def unit(self) -> str:
        """Of intensities as they are compared."""
        return "log₁₀ density" if self.density else "grey levels"


def made_from(viewer: Any, layer: Image | None) -> Made:
    """Return where a super-resolved layer comes from.

    Raises
    ------
    SRError
        If it does not say, or its source is gone.
    """
    said = {} if layer is None else layer.metadata.get(METADATA_KEY, {})
    card = said.get("model_card")
    if layer is None or card is None or said.get("made_by") != "super-resolution":
        raise SRError(NOT_OURS)
    found = parent(layer, [x for x in viewer.layers if isinstance(x, Image)])
    if found is None:
        raise SRError(f"{said['source_layer']}, which {layer.name} was made of, is not in the viewer any more.")
    source = found[0]
    taken = snapshot(source)
    axes = said.get("axes", taken.axes)
    # channels have blur and noise of their own, and the report knows those of one
    told = {} if "C" in axes else said.get("report", {}).get("conditions", {})
    rows, columns = (slice(*ends) for ends in said.get("part", ((None,), (None,))))
    return Made(
        layer, source, taken, axes, int(card["scale"]), card, card["intensity"].get("kind") == "log",
        said.get("loaded_from", (card["name"], None)), told, rows, columns,
    )  # fmt: skip
