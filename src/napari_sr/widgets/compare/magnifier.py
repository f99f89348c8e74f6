"""What is under the mouse, enlarged, in several layers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QCloseEvent, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_sr.evaluation.table import short_names
from napari_sr.widgets.layers.pictures import picture
from napari_sr.widgets.layers.places import grid_of, pixels, plane_point

#: side of what the magnifier looks at, pixels of the finer image, and how large one is drawn
LOOKED_AT, ENLARGED = 32, 6


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
        self.look_at(plane_point(self.layers[0], viewer, event.position))

    def look_at(self, world: Any) -> None:
        """Show the surroundings of a point of the world."""
        grid = grid_of(min(self.layers, key=lambda x: grid_of(x, self.viewer).step), self.viewer)
        row, column = (round(float(v)) - LOOKED_AT // 2 for v in pixels(grid, world))
        matrix = np.array(grid.matrix)
        offset = matrix @ np.array([row, column]) + np.array(grid.offset)
        window = type(grid)(grid.matrix, (float(offset[0]), float(offset[1])))
        for layer, label in zip(self.layers, self.pictures, strict=True):
            seen = picture(layer, self.viewer, window, (LOOKED_AT, LOOKED_AT))
            ratio = self.devicePixelRatioF()
            times = max(1, round(ENLARGED * ratio))  # every pixel sharp, also on screens that draw with several
            large = np.ascontiguousarray(np.repeat(np.repeat(seen, times, axis=0), times, axis=1))
            side = large.shape[0]
            pixmap = QPixmap.fromImage(QImage(large.tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888))
            pixmap.setDevicePixelRatio(times / ENLARGED)
            label.setPixmap(pixmap)

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
