"""Settings that most people never need, folded away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QSpinBox, QWidget

from napari_sr.inference.lazy.tile_cache import CACHE_BYTES
from napari_sr.widgets.base.sections import Section


class SettingsPanel(Section):
    """Device, precision, tile and overlap, each *automatic* unless changed; memory. ``changed`` tells that one was."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__("Advanced")
        content = QWidget()
        form = QFormLayout(content)
        form.setContentsMargins(0, 0, 0, 0)
        self.device = QComboBox()
        self.device.addItem("automatic", "auto")
        self.precision = QComboBox()
        for title, value in (
            ("automatic", "auto"), ("single (fp32)", "fp32"), ("bfloat16", "bf16"), ("half (fp16)", "fp16"),
        ):  # fmt: skip
            self.precision.addItem(title, value)
        self.tile = _spin_box(4096, "Side of the tiles that the image is worked on in, in pixels of the image.")
        self.overlap = _spin_box(512, "Context around each tile, in pixels of the image.")
        self.memory = QSpinBox()
        self.memory.setRange(128, 2**16)
        self.memory.setSingleStep(128)
        self.memory.setValue(CACHE_BYTES // 2**20)
        self.memory.setSuffix(" MB")
        self.memory.setKeyboardTracking(False)  # 8192 begins with an 8, which would throw tiles away
        self.memory.setToolTip(
            "As I look around: how much of what became sharp a layer keeps, so that it is there when you come back."
        )
        self.device.setToolTip("Where the network runs. Automatic takes a graphics card if there is one.")
        self.precision.setToolTip("Automatic takes the fastest that this device computes exactly enough.")
        form.addRow("Device", self.device)
        form.addRow("Precision", self.precision)
        form.addRow("Tile", self.tile)
        form.addRow("Overlap", self.overlap)
        form.addRow("Memory", self.memory)
        self.addWidget(content)
        for box in (self.device, self.precision):
            box.currentIndexChanged.connect(self.changed)
        for spin in (self.tile, self.overlap, self.memory):
            spin.valueChanged.connect(self.changed)

    def set_devices(self, devices: tuple[str, ...]) -> None:
        """List the devices that were found."""
        for device in devices:
            self.device.addItem(device, device)

    def set_values(self, values: Mapping[str, object]) -> None:
        """Show what was set another day; what is not possible here any more stays automatic."""
        self.blockSignals(True)
        for box, name in ((self.device, "device"), (self.precision, "precision")):
            row = box.findData(values.get(name, "auto"))
            box.setCurrentIndex(max(row, 0))
        tile, overlap, memory = values.get("tile", "auto"), values.get("overlap"), values.get("memory")
        self.tile.setValue(tile if isinstance(tile, int) else 0)
        self.overlap.setValue(overlap if isinstance(overlap, int) else -1)
        if isinstance(memory, int):
            self.memory.setValue(memory)
        self.blockSignals(False)

    def memory_bytes(self) -> int:
        """Return the bytes that the tiles of a layer may take that is looked around in."""
        return self.memory.value() * 2**20

    def remembered(self) -> dict[str, Any]:
        """Return what :meth:`set_values` takes."""
        return self.settings() | {"memory": self.memory.value()}

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments of :func:`napari_sr.iter_upscale`."""
        return {
            "device": self.device.currentData(),
            "precision": self.precision.currentData(),
            "tile": self.tile.value() or "auto",
            "overlap": None if self.overlap.value() < 0 else self.overlap.value(),
        }


def _spin_box(highest: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    # tile: 0 is automatic; overlap: 0 is a choice, so -1 is automatic
    box.setRange(0 if highest > 1000 else -1, highest)
    box.setValue(box.minimum())
    box.setSpecialValueText("automatic")
    box.setSuffix(" px")
    box.setToolTip(tip)
    return box
