"""A list of the viewer's image layers that keeps itself up to date."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.layers.parentage import truth_of
from napari_sr.widgets.layers.selection import is_held
from napari_sr.widgets.layers.snapshot import METADATA_KEY


class LayerBox(Combo):
    """Image layers of a viewer.

    Parameters
    ----------
    viewer
        The viewer.
    follow
        Follow the selected layer, except to layers that napari-sr itself has made: the second click on
        Run must not super-resolve the result of the first.
    optional
        Text of an entry that stands for no layer; empty for none.
    reference
        Rather take the HR layer that belongs to the selected one, where there is one.
    """

    layer_changed = Signal()

    def __init__(
        self,
        viewer: Any,
        *,
        follow: bool = False,
        optional: str = "",
        reference: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self._optional = viewer, optional
        self._reference = reference
        self._shown: Any = None
        self._removing = False
        layers = viewer.layers
        layers.events.removing.connect(self._on_removing)
        layers.events.inserted.connect(self._fill)
        layers.events.removed.connect(self._fill)
        layers.events.reordered.connect(self._fill)
        if follow:
            layers.selection.events.active.connect(self._follow)
        self._fill()
        if follow:
            self._follow()
        self._shown = self.currentData()
        self.currentIndexChanged.connect(self._announce)

    def disconnect_viewer(self) -> None:
        """Stop listening to the viewer."""
        events = self.viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered):
            emitter.disconnect(self._fill)
        events.removing.disconnect(self._on_removing)
        self.viewer.layers.selection.events.active.disconnect(self._follow)

    def layer(self) -> Image | None:
        """The chosen layer."""
        layer = self.currentData()
        return layer if isinstance(layer, Image) else None

    def select_name(self, name: str | None) -> None:
        """Choose the layer called ``name``, or the optional entry."""
        self.select(next((x for x in self.viewer.layers if x.name == name), None))

    def select(self, layer: Image | None) -> None:
        """Choose a layer, or the optional entry."""
        row = next((i for i in range(self.count()) if layer is not None and self.itemData(i) is layer), 0)
        self.setCurrentIndex(row)

    def _fill(self, event: Any = None) -> None:
        current = self.currentData()
        if event is not None and event.type == "removed":
            self._removing = False
        self.blockSignals(True)
        self.clear()
        if self._optional:
            self.addItem(self._optional, None)
        for layer in reversed(self.viewer.layers):
            if isinstance(layer, Image):
                self.addItem(layer.name, layer)
                layer.events.name.disconnect(self._rename)
                layer.events.name.connect(self._rename)
        rows = range(self.count())
        found = [i for i in rows if self.itemData(i) is current]
        # the chosen layer is gone: rather an image of the user's than a result of napari-sr
        originals = [i for i in rows if not _made(self.itemData(i))]
        if self._reference:
            shown = [self.itemData(i) for i in rows]
            truths = [truth_of(x, [y for y in shown if y is not None]) for x in shown if x is not None]
            originals = [i for i in originals if any(self.itemData(i) is x for x in truths)] or originals
        self.setCurrentIndex(next(iter([*found, *originals, *rows]), -1))
        self.blockSignals(False)
        self._announce()

    def _on_removing(self, event: Any = None) -> None:
        self._removing = True

    def _rename(self, event: Any = None) -> None:
        for row in range(self.count()):
            layer = self.itemData(row)
            if layer is not None:
                self.setItemText(row, layer.name)

    def _follow(self, event: Any = None) -> None:
        # choosing is the user's: what we add, or what is selected because another layer went, chooses nothing
        if self._removing or is_held(self.viewer.layers):
            return
        active = self.viewer.layers.selection.active
        if not isinstance(active, Image) or _made(active):
            return
        if self._reference:
            active = truth_of(active, [x for x in self.viewer.layers if isinstance(x, Image)]) or active
        for row in range(self.count()):
            if self.itemData(row) is active:
                self.setCurrentIndex(row)

    def _announce(self, index: int = 0) -> None:
        if self.currentData() is not self._shown:
            self._shown = self.currentData()
            self.layer_changed.emit()


def _made(layer: Image | None) -> bool:
    """Return True for a layer that napari-sr has made."""
    return layer is not None and bool(layer.metadata.get(METADATA_KEY, {}).get("made_by"))
