"""What the dock widget *Compare* looks like: its controls and their places."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_sr.evaluation.map_kinds import HALLUCINATION
from napari_sr.metrics.learned import MISSING, installed
from napari_sr.metrics.maps import KINDS
from napari_sr.widgets.base.dock import ViewerWidget
from napari_sr.widgets.base.sections import VerticalArea, form_of, section
from napari_sr.widgets.controls.figure_table import FigureTable
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.controls.reference_box import ReferenceBox
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.form import WARNING_STYLE, message_label

OWN_IMAGES = "as images in a folder look…"
WHOLE, VIEW, SHAPES = "the whole image", "what is in view", "each shape of a Shapes layer"


class CandidateList(QListWidget):
    """Image layers with a box to tick; those of the reference itself and maps are left out."""

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self._reference: Image | None = None
        self._ticked: dict[int, bool] = {}
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setMaximumHeight(110)
        for emitter in self._emitters():
            emitter.connect(self.fill)
        self.itemChanged.connect(self._on_tick)
        self.fill()

    def _emitters(self) -> tuple[Any, ...]:
        events = self.viewer.layers.events
        return events.inserted, events.removed, events.reordered

    def disconnect_viewer(self) -> None:
        """Stop listening to the viewer."""
        for emitter in self._emitters():
            emitter.disconnect(self.fill)

    def set_reference(self, layer: Image | None) -> None:
        """Leave the reference out of the list."""
        self._reference = layer
        self.fill()

    def layers(self) -> list[Image]:
        """The ticked layers, topmost first."""
        items = [self.item(row) for row in range(self.count())]
        return [i.data(Qt.ItemDataRole.UserRole) for i in items if i.checkState() == Qt.CheckState.Checked]

    def tick(self, layer: Image, on: bool = True) -> None:
        """Tick a layer, or not."""
        for row in range(self.count()):
            item = self.item(row)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) is layer:
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def fill(self, event: Any = None) -> None:
        """List the layers anew; ticks stay, and new layers are ticked."""
        self.blockSignals(True)
        self.clear()
        for layer in reversed(self.viewer.layers):
            if not isinstance(layer, Image) or layer is self._reference or is_helper(layer):
                continue
            layer.events.name.disconnect(self.fill)
            layer.events.name.connect(self.fill)
            item = QListWidgetItem(layer.name)
            item.setToolTip(layer.name)
            item.setData(Qt.ItemDataRole.UserRole, layer)
            ticked = self._ticked.setdefault(id(layer), True)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)
        self.changed.emit()

    def _on_tick(self, item: QListWidgetItem) -> None:
        layer = item.data(Qt.ItemDataRole.UserRole)
        self._ticked[id(layer)] = item.checkState() == Qt.CheckState.Checked
        self.changed.emit()


def is_helper(layer: Any) -> bool:
    """Return True for layers that say something about images, and are none: maps, previews, pictures of a training."""
    return layer.metadata.get(METADATA_KEY, {}).get("made_by", "super-resolution") not in ("super-resolution", "sample")


class CompareForm(ViewerWidget):
    """The controls of *Compare*, without what they do."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.reference_box = ReferenceBox(self.viewer)
        self.reference_box.setToolTip(
            "The truth: a high-resolution image of the same place. What a result was made from is not offered."
        )
        self.candidates = CandidateList(self.viewer)
        self.candidates.setToolTip("What is measured against it: low-resolution and super-resolved images.")
        self.where_box = QComboBox()
        self.where_box.addItems([WHOLE, VIEW, SHAPES])
        self.where_box.setToolTip("Where the figures are taken. Maps are always of the whole image.")
        self.ssim_box = QCheckBox("SSIM map")
        self.ssim_box.setChecked(True)
        self.error_box = QCheckBox("error map")
        self.error_box.setChecked(True)
        self.kind_box = QComboBox()
        for name, meaning in KINDS.items():
            self.kind_box.addItem(name, name)
            self.kind_box.setItemData(self.kind_box.count() - 1, meaning, Qt.ItemDataRole.ToolTipRole)
        self.kind_box.setCurrentIndex(self.kind_box.findData("absolute"))
        self.hallucination_box = QCheckBox("hallucination map (made-up detail)")
        self.hallucination_box.setToolTip(HALLUCINATION)
        self.niqe_box = QComboBox()
        self.niqe_box.addItem("not measured", None)
        for name in ("EM", "N-body"):
            self.niqe_box.addItem(f"as {name} images look", name)
        self.niqe_box.addItem(OWN_IMAGES, None)
        self.niqe_box.setToolTip(
            "NIQE: how natural the small patches look, whether they are true or not; needs 96 pixels a side."
        )
        self.iqa_box = QCheckBox("LPIPS, DISTS and PI (learnt from photographs)")
        self.iqa_box.setEnabled(installed())
        self.iqa_box.setToolTip("" if installed() else MISSING)
        self.match_box = QCheckBox("fit brightness and contrast first")
        self.match_box.setToolTip("Fits scale and offset of every image to the reference. It is said under the table.")
        self.density_box = QCheckBox("densities (N-body): compare their logarithm")
        self.crop_box = QSpinBox()
        self.crop_box.setRange(0, 1000)
        self.crop_box.setSuffix(" px")
        self.range_box = QDoubleSpinBox()
        self.range_box.setRange(0, 1e12)
        self.range_box.setSpecialValueText("automatic")
        self.range_box.setToolTip("For PSNR and SSIM. Automatic: 255 for 8 bit, else the span of the reference.")
        self.no_truth = message_label(WARNING_STYLE)
        self.compare_button = QPushButton("Compare")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.status = message_label()
        self.warning = message_label(WARNING_STYLE)
        self.register_button = QPushButton("Move it into place")
        self.table = FigureTable()
        self.conditions = message_label()
        self.copy_button = QPushButton("Copy")
        self.save_button = QPushButton("Save CSV…")
        self.plots_button = QPushButton("Plots")
        self.left_box, self.right_box = LayerBox(self.viewer), LayerBox(self.viewer)
        self.swipe_button = QPushButton("Swipe")
        self.swipe_button.setToolTip("A line over the image, dragged with the mouse: one layer left, the other right.")
        self.side_button = QPushButton("Side by side")
        self.side_button.setToolTip("Both, the reference and their maps beside each other, moved together.")
        self.magnifier_button = QPushButton("Magnifier")
        self.magnifier_button.setToolTip("What is under the mouse, enlarged, in both and in the reference.")
        for button in (self.swipe_button, self.side_button, self.magnifier_button):
            button.setCheckable(True)
        self.keys = message_label()
        self._lay_out()

    def _lay_out(self) -> None:
        form = form_of(
            ("Reference", self.reference_box),
            ("Compare", self.candidates),
            ("Measure in", self.where_box),
            ("Add", _row(self.ssim_box, self.error_box, self.kind_box)),
            ("", self.hallucination_box),
        )
        more = QFormLayout()
        more.addRow("Border left out", self.crop_box)
        more.addRow("Data range", self.range_box)
        more.addRow("Naturalness", self.niqe_box)
        more.addRow(self.iqa_box)
        more.addRow(self.match_box)
        more.addRow(self.density_box)
        self.advanced = section("Advanced", more, expanded=False)
        with_reference = QVBoxLayout()
        with_reference.addLayout(form)
        with_reference.addWidget(self.advanced)
        with_reference.addWidget(self.no_truth)
        with_reference.addWidget(self.compare_button)
        with_reference.addWidget(self.warning)
        with_reference.addWidget(self.register_button)
        with_reference.addWidget(self.table)
        with_reference.addWidget(self.conditions)
        with_reference.addLayout(_row(self.copy_button, self.save_button, self.plots_button))
        by_eye = QVBoxLayout()
        pair = form_of(("Left", self.left_box), ("Right", self.right_box))
        by_eye.addLayout(pair)
        by_eye.addLayout(_row(self.swipe_button, self.side_button, self.magnifier_button))
        by_eye.addWidget(self.keys)
        self.without_reference = QVBoxLayout()
        self.reference_section = section("With a reference", with_reference)
        self.see_section = section("By eye", by_eye)
        self.trust_section = section("Without a reference", self.without_reference, expanded=False)
        self.blind = QVBoxLayout()
        self.blind_section = section("Blind ranking", self.blind, expanded=False)
        self.folders = QVBoxLayout()
        self.folders_section = section("Folders", self.folders, expanded=False)
        content = QWidget()
        inside = QVBoxLayout(content)
        inside.setContentsMargins(4, 4, 4, 4)
        for part in (
            self.reference_section, self.see_section, self.trust_section, self.folders_section, self.blind_section
        ):  # fmt: skip
            inside.addWidget(part)
        inside.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(VerticalArea(content), 1)
        layout.addWidget(self.status)
        layout.addLayout(_row(self.bar, self.cancel_button))

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence under the buttons."""
        self.status.setStyleSheet(style)
        self.status.setText(text)

    def shut_down(self) -> None:
        """Stop listening to the layers, too."""
        super().shut_down()
        self.candidates.disconnect_viewer()


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
