"""The choice of a reference: what can be the truth is offered; all else only to those who ask for it."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt

from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.layers.parentage import is_source, truth_of
from napari_sr.widgets.layers.snapshot import METADATA_KEY

NONE, OTHERS = "none", "others…"
#: role of the entry that shows the others
ASKS = Qt.ItemDataRole.UserRole + 1


def may_be_truth(layer: Any, layers: Any) -> bool:
    """Return False for what another layer was made from, and for what napari-sr has made: results and maps."""
    made_by = layer.metadata.get(METADATA_KEY, {}).get("made_by", "sample")
    return made_by == "sample" and not is_source(layer, layers)


class ReferenceBox(LayerBox):
    """Image layers that can be the truth, and an entry that shows the others."""

    def __init__(self, viewer: Any) -> None:
        self._all, self._filling = False, False
        self._measured: Image | None = None
        super().__init__(viewer, optional=NONE)
        self.activated.connect(self._on_activated)

    def show_others(self) -> None:
        """List all image layers."""
        self._all = True
        self._fill()

    def measure(self, layer: Image | None) -> None:
        """Take the truth that a layer names, if any, and do not offer the layer itself."""
        self._measured = layer
        self._all = False
        self._fill()
        self.select(None if layer is None else truth_of(layer, self.viewer.layers))

    def select(self, layer: Image | None) -> None:
        """Choose a layer, whatever it is, or none."""
        if layer is not None and not any(x is layer for x in self._listed()):
            self.show_others()
        super().select(layer)

    def _fill(self, event: Any = None) -> None:
        self._filling = True
        super()._fill(event)
        self._filling = False
        if not self._all:
            self._hide_others()
        self._announce()

    def _hide_others(self) -> None:
        layers = self.viewer.layers
        hidden = [
            row for row, layer in enumerate(self._listed())
            if layer is not None and (layer is self._measured or not may_be_truth(layer, layers))
        ]  # fmt: skip
        if not hidden:
            return
        self.blockSignals(True)
        if self.currentIndex() in hidden:
            self.setCurrentIndex(0)  # it was the truth until something was made from it
        for row in reversed(hidden):
            self.removeItem(row)
        self.addItem(OTHERS)
        last = self.count() - 1
        self.setItemData(last, True, ASKS)
        self.setItemData(last, "What results were made from, results, and maps.", Qt.ItemDataRole.ToolTipRole)
        self.blockSignals(False)

    def _listed(self) -> list[Any]:
        return [self.itemData(row) for row in range(self.count())]

    def _on_activated(self, row: int) -> None:
        if self.itemData(row, ASKS):
            self.show_others()
            self.showPopup()

    def _announce(self, index: int = 0) -> None:
        if not self._filling:
            super()._announce(index)


def likely_reference(viewer: Any) -> Image | None:
    """Return the layer that another one names as its truth, or the original with the smallest pixels; None if none."""
    images = [x for x in viewer.layers if isinstance(x, Image)]
    fit = [x for x in images if may_be_truth(x, viewer.layers)]
    truths = [truth_of(x, images) for x in images]
    named = [x for x in fit if any(x is truth for truth in truths)]
    originals = [x for x in fit if not x.metadata.get(METADATA_KEY, {}).get("made_by")]
    return next(iter([*named, *sorted(originals, key=lambda x: float(x.scale[-1]))]), None)
