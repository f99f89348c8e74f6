"""Ways to compare two layers by eye: swipe, flicker, side by side, magnifier. Each leaves the layers as they were."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QCloseEvent, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_sr.evaluation.table import short_names
from napari_sr.widgets.layers.maps import show_name
from napari_sr.widgets.layers.pictures import Picture, finer, picture
from napari_sr.widgets.layers.places import GEOMETRY, grid_of, pixels
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.preview_layer import camera

SWIPE = "swipe: drag the line"
#: half the width of the divider, as a share of the image's width
LINE = 0.002
LINE_COLOUR = (240, 180, 41)
#: side of what the magnifier looks at, pixels of the finer image, and how large one is drawn
LOOKED_AT, ENLARGED = 32, 6


def grid_mode(viewer: Any) -> Any:
    """Return the viewer's grid, which moved to its canvas with napari 0.9."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


class Swipe:
    """A line over the image: left of it one layer is seen, right of it another. It is dragged with the mouse.

    Parameters
    ----------
    viewer, left, right
        The viewer and two of its layers.
    """

    def __init__(self, viewer: Any, left: Image, right: Image) -> None:
        self.viewer, self.left, self.right = viewer, left, right
        self._grid, self._shape, like = finer(viewer, left, right)
        self._active, self._pan = viewer.layers.selection.active, camera(viewer).mouse_pan
        self.column = self._shape[1] // 2
        self._pictures = self._taken()
        geometry = {key: _spatial(getattr(like, key), key) for key in GEOMETRY}
        self.layer: Image = viewer.add_image(
            self._composite(), name=SWIPE, rgb=True, metadata={METADATA_KEY: {"made_by": "swipe"}}, **geometry
        )
        camera(viewer).mouse_pan = False  # the mouse moves the line; the wheel still zooms
        # napari gives the mouse back whenever another layer is selected
        viewer.layers.selection.events.active.connect(self._keep_mouse, position="last")
        viewer.mouse_drag_callbacks.append(self._drag)
        viewer.dims.events.current_step.connect(self._on_slice)

    def _taken(self) -> tuple[Picture, Picture]:
        left, right = (picture(x, self.viewer, self._grid, self._shape) for x in (self.left, self.right))
        return left, right

    def _composite(self) -> Picture:
        left, right = self._pictures
        image = right.copy()
        image[:, : self.column] = left[:, : self.column]
        half = max(1, round(LINE * self._shape[1]))
        image[:, max(0, self.column - half) : self.column + half] = LINE_COLOUR
        return image

    def move_to(self, column: int) -> None:
        """Put the line at a column of the finer image."""
        self.column = int(np.clip(column, 0, self._shape[1]))
        self.layer.data = self._composite()

    def _drag(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Follow the mouse as long as a button is held."""
        self._follow(event)
        yield
        while event.type == "mouse_move":
            self._follow(event)
            yield

    def _follow(self, event: Any) -> None:
        _, column = pixels(self._grid, np.asarray(event.position, dtype=float)[-2:])
        self.move_to(round(float(column)))

    def _keep_mouse(self, event: Any = None) -> None:
        camera(self.viewer).mouse_pan = False

    def _on_slice(self, event: Any = None) -> None:
        self._pictures = self._taken()
        self.move_to(self.column)

    def stop(self) -> None:
        """Take the line away."""
        self.viewer.layers.selection.events.active.disconnect(self._keep_mouse)
        camera(self.viewer).mouse_pan = self._pan
        with suppress(ValueError):
            self.viewer.mouse_drag_callbacks.remove(self._drag)
        self.viewer.dims.events.current_step.disconnect(self._on_slice)
        if self.layer in self.viewer.layers:
            remove_layer(self.viewer, self.layer)
        if self._active in self.viewer.layers:
            self.viewer.layers.selection.active = self._active
        camera(self.viewer).mouse_pan = self._pan  # selecting may have changed it


class SideBySide:
    """Some layers beside each other, moved and zoomed together; the others are hidden meanwhile."""

    def __init__(self, viewer: Any, layers: list[Image]) -> None:
        self.viewer = viewer
        self._visible = {layer: bool(layer.visible) for layer in viewer.layers}
        bars = [x for x in viewer.layers if getattr(getattr(x, "colorbar", None), "visible", False)]
        self._bars = bars  # they would cover a good part of small pictures
        for layer in bars:
            layer.colorbar.visible = False
        self._named = [x for x in layers if not getattr(getattr(x, "name_overlay", None), "visible", True)]
        for layer in self._named:  # beside each other, it must be said which is which
            show_name(layer, position="top_left")
        grid = grid_mode(viewer)
        self._grid = (bool(grid.enabled), int(grid.stride), tuple(grid.shape))
        self._view = (tuple(camera(viewer).center), float(camera(viewer).zoom))
        for layer in viewer.layers:
            layer.visible = layer in layers
        grid.stride, grid.shape, grid.enabled = 1, (-1, -1), True
        viewer.reset_view()

    def stop(self) -> None:
        """Show the layers as they were."""
        grid = grid_mode(self.viewer)
        grid.enabled, grid.stride, grid.shape = self._grid
        for layer in self._bars:
            layer.colorbar.visible = True
        for layer in self._named:
            show_name(layer, visible=False, position="top_left")
        for layer, visible in self._visible.items():
            if layer in self.viewer.layers:
                layer.visible = visible
        camera(self.viewer).center, camera(self.viewer).zoom = self._view


class Flicker:
    """Shows one layer alone until it is stopped: held and let go again and again, the eye sees what changes."""

    def __init__(self, viewer: Any, layer: Image) -> None:
        self.viewer = viewer
        self._visible = {other: bool(other.visible) for other in viewer.layers}
        for other in viewer.layers:
            other.visible = other is layer

    def stop(self) -> None:
        """Show the layers as they were."""
        for layer, visible in self._visible.items():
            if layer in self.viewer.layers:
                layer.visible = visible


class Magnifier(QWidget):
    """A small window with what is under the mouse in several layers, every pixel enlarged.

    ``closed`` is emitted when it is closed, by whoever.
    """

    closed = Signal()

    def __init__(self, viewer: Any, layers: list[Image], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle("Magnifier")
        self.viewer, self.layers = viewer, layers
        row = QHBoxLayout(self)
        self.pictures: list[QLabel] = []
        short = short_names([layer.name for layer in layers])
        for layer in layers:
            column = QVBoxLayout()
            label, name = QLabel(), QLabel(short[layer.name])
            label.setFixedSize(LOOKED_AT * ENLARGED, LOOKED_AT * ENLARGED)
            name.setFixedWidth(LOOKED_AT * ENLARGED)
            name.setToolTip(layer.name)
            column.addWidget(name)
            column.addWidget(label)
            row.addLayout(column)
            self.pictures.append(label)
        viewer.mouse_move_callbacks.append(self._follow)

    def _follow(self, viewer: Any, event: Any) -> None:
        self.look_at(np.asarray(event.position, dtype=float)[-2:])

    def look_at(self, world: Any) -> None:
        """Show the surroundings of a point of the world."""
        grid = grid_of(min(self.layers, key=lambda x: grid_of(x, self.viewer).step), self.viewer)
        row, column = (round(float(v)) - LOOKED_AT // 2 for v in pixels(grid, world))
        matrix = np.array(grid.matrix)
        offset = matrix @ np.array([row, column]) + np.array(grid.offset)
        window = type(grid)(grid.matrix, (float(offset[0]), float(offset[1])))
        for layer, label in zip(self.layers, self.pictures, strict=True):
            seen = picture(layer, self.viewer, window, (LOOKED_AT, LOOKED_AT))
            large = np.ascontiguousarray(np.repeat(np.repeat(seen, ENLARGED, axis=0), ENLARGED, axis=1))
            side = large.shape[0]
            image = QImage(large.tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888)
            label.setPixmap(QPixmap.fromImage(image))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Say that it is closed."""
        super().closeEvent(event)
        self.closed.emit()

    def stop(self) -> None:
        """Close the window."""
        with suppress(ValueError):
            self.viewer.mouse_move_callbacks.remove(self._follow)
        self.blockSignals(True)  # whoever stops it knows
        self.close()
        self.deleteLater()


def _spatial(value: Any, key: str) -> Any:
    """Return the last two entries of a layer's geometry: a swipe is of one plane."""
    if key == "rotate":
        return np.asarray(value)[-2:, -2:]
    if key == "affine":
        matrix = np.asarray(getattr(value, "affine_matrix", value))
        return matrix[np.ix_([-3, -2, -1], [-3, -2, -1])]
    if key == "shear":
        shear = np.asarray(value)
        return shear[-2:, -2:] if shear.ndim == 2 else shear[-1:]
    return value[-2:]
