"""Setting the pixel size of a layer that has none."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QWidget

UNITS = ("nm", "µm", "Å", "mm")


class PixelRow(QWidget):
    """A number, a unit and a button; hidden until it is asked for. ``given`` tells both."""

    given = Signal(float, str)

    def __init__(self) -> None:
        super().__init__()
        self.size = QDoubleSpinBox()
        self.size.setDecimals(4)
        self.size.setRange(0.0001, 1e6)
        self.size.setValue(10)
        self.size.setToolTip("Distance between neighbouring pixels, as the microscope's software states it.")
        self.unit = QComboBox()
        self.unit.addItems(UNITS)
        self.unit.setToolTip("Unit of the pixel size.")
        self.button = QPushButton("Set")
        self.button.setToolTip("Give the layer this pixel size.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Pixel size"))
        row.addWidget(self.size, 1)
        row.addWidget(self.unit)
        row.addWidget(self.button)
        self.button.clicked.connect(lambda: self.given.emit(self.size.value(), self.unit.currentText()))
        self.hide()
