"""A viewer without a window: layers, dimensions and camera are napari's; docks are widgets of their own.

A window takes a second to open and close, and every layer in it a quarter of one. Tests of what a dock says and makes
of layers need neither; those of clicks into the canvas, of what closes and of what is drawn are marked ``window``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from napari.components import ViewerModel
from pydantic import PrivateAttr
from qtpy.QtWidgets import QWidget

import napari_sr
from napari_sr.widgets.base.dock import Dock

MANIFEST = yaml.safe_load((Path(napari_sr.__file__).parent / "napari.yaml").read_text(encoding="utf-8"))


def dock_class(title: str) -> Any:
    """Return what the manifest has under a title."""
    parts = MANIFEST["contributions"]
    (command,) = [w["command"] for w in parts["widgets"] if w["display_name"] == title]
    (place,) = [c["python_name"] for c in parts["commands"] if c["id"] == command]
    module, name = place.split(":")
    return getattr(import_module(module), name)


class Docks:
    """Stands where napari's window does, and opens docks by their titles."""

    def __init__(self) -> None:
        self.viewer: Any = None
        self.open: list[QWidget] = []

    def add_plugin_dock_widget(self, plugin: str, title: str) -> tuple[None, Any]:
        """Open a dock, as napari does it from its menu."""
        assert plugin == "napari-sr"
        return None, self.add_dock_widget(dock_class(title)(self.viewer))

    def add_dock_widget(self, widget: QWidget, **where: object) -> QWidget:
        """Open a widget that another dock brings, or a dock; it is its own frame."""
        self.open.append(widget)
        widget.resize(400, 900)  # not shown, as in a window that is not: clicks reach what would be scrolled away
        return widget

    def remove_dock_widget(self, widget: Any) -> None:
        """Take a dock out."""
        self.open.remove(widget)
        if isinstance(widget, Dock):
            widget.shut_down()
        widget.close()
        widget.deleteLater()

    def close(self) -> None:
        """Take all docks out."""
        for widget in list(self.open):
            self.remove_dock_widget(widget)


class WindowlessViewer(ViewerModel):
    """napari's viewer but for its window."""

    _docks: Docks = PrivateAttr(default_factory=Docks)

    @property
    def window(self) -> Docks:
        """What opens docks."""
        self._docks.viewer = self
        return self._docks
