"""What the dock widget *Compare* looks like: its controls and their places."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_sr.evaluation.map_kinds import HALLUCINATED, MAP_KINDS
from napari_sr.metrics.learned import MISSING, installed
from napari_sr.metrics.maps import KINDS
from napari_sr.widgets.base.messages import WARNING, help_button, message_label
from napari_sr.widgets.base.sections import form_of, row_of, section
from napari_sr.widgets.compare.state import State
from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.controls.figure_table import FigureTable
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.controls.reference_box import ReferenceBox
from napari_sr.widgets.layers.legend import MapLegend
from napari_sr.widgets.layers.snapshot import METADATA_KEY

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
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at their ends
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
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
        """List the layers anew; ticks of hers stay, and others are ticked if they can be compared."""
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
            ticked = self._ticked.get(id(layer), self._goes_with_reference(layer))
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)
        self.changed.emit()

    def _goes_with_reference(self, layer: Image) -> bool:
        """Return False for a layer that would be refused: nobody can say how it lies over the reference."""
        reference = self._reference
        return reference is None or bool(layer.units[-1].is_compatible_with(reference.units[-1]))

    def _on_tick(self, item: QListWidgetItem) -> None:
        layer = item.data(Qt.ItemDataRole.UserRole)
        self._ticked[id(layer)] = item.checkState() == Qt.CheckState.Checked
        self.changed.emit()


def is_helper(layer: Any) -> bool:
    """Return True for layers that say something about images, and are none: maps, previews, pictures of a training."""
    return layer.metadata.get(METADATA_KEY, {}).get("made_by", "super-resolution") not in ("super-resolution", "sample")


class CompareForm(QWidget):
    """The controls of *Compare*, without what they do."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.reference_box = ReferenceBox(viewer)
        self.reference_box.setToolTip(
            "The truth: a high-resolution image of the same place. What a result was made from is not offered."
        )
        self.candidates = CandidateList(viewer)
        self.candidates.setToolTip("What is measured against it: low-resolution and super-resolved images.")
        self.where_box = Combo()
        self.where_box.addItems([WHOLE, VIEW, SHAPES])
        self.where_box.setToolTip("Where the figures are taken. Maps are always of the whole image.")
        self.ssim_box = QCheckBox("SSIM map")
        self.ssim_box.setChecked(True)
        self.error_box = QCheckBox("error map")
        self.error_box.setChecked(True)
        self.kind_box = Combo()
        for name, meaning in KINDS.items():
            self.kind_box.addItem(name, name)
            self.kind_box.setItemData(self.kind_box.count() - 1, meaning, Qt.ItemDataRole.ToolTipRole)
        self.kind_box.setCurrentIndex(self.kind_box.findData("absolute"))
        self.hallucination_box = QCheckBox("made-up detail")
        self.hallucination_box.setToolTip(MAP_KINDS[HALLUCINATED].meaning)
        self.niqe_box = Combo()
        self.niqe_box.addItem("not measured", None)
        for name in ("EM", "N-body"):
            self.niqe_box.addItem(f"as {name} images look", name)
        self.niqe_box.addItem(OWN_IMAGES, None)
        self.niqe_box.setToolTip(
            "NIQE: how natural the small patches look, whether they are true or not; needs 96 pixels a side."
        )
        self.iqa_box = QCheckBox("LPIPS, DISTS and PI")
        self.iqa_box.setEnabled(installed())
        self.iqa_box.setToolTip("How alike people find the images, as networks learnt it." if installed() else MISSING)
        self.match_box = QCheckBox("match brightness and contrast")
        self.match_box.setToolTip("Fits scale and offset of every image to the reference. It is said under the table.")
        self.density_box = QCheckBox("densities: their logarithm")
        self.crop_box = QSpinBox()
        self.crop_box.setRange(0, 1000)
        self.crop_box.setSuffix(" px")
        self.range_box = QDoubleSpinBox()
        self.range_box.setRange(0, 1e12)
        self.range_box.setSpecialValueText("automatic")
        self.range_box.setToolTip("For PSNR and SSIM. Automatic: 255 for 8 bit, else the span of the reference.")
        self.no_truth = message_label(WARNING)
        self.compare_button = QPushButton("Compare")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.status, self.hint = message_label(), message_label()
        self.legend = MapLegend(viewer)
        self.help_button = help_button()
        self.warning = message_label(WARNING)
        self.register_button = QPushButton("Move it into place")
        self.table = FigureTable()
        self.conditions = message_label()
        self.left_box, self.right_box = LayerBox(viewer), LayerBox(viewer)
        self.copy_button = QPushButton("Copy")
        self.save_button = QPushButton("CSV…")
        self.plots_button = QPushButton("Plots")
        self.report_button = QPushButton("Report…")
        self.clear_button = QPushButton("Remove the maps")
        self.more_button = QPushButton("More figures")
        self.more_button.setCheckable(True)
        self.more_button.toggled.connect(self.table.show_all)
        tips = {
            self.kind_box: "Which difference the error map shows.",
            self.compare_button: "Measures the ticked images against the reference, and adds the maps.",
            self.cancel_button: "Stops what is running.", self.bar: "How much is done.",
            self.register_button: "Moves what does not lie over the reference into its place, and compares again.",
            self.copy_button: "Copies the table, for a spreadsheet.",
            self.save_button: "Saves the table, with what it was measured under.",
            self.plots_button: "Spectra, ring correlation, profiles and histograms, in a window below.",
            self.report_button: "Saves table, pictures and curves as one page, for the browser or for printing.",
            self.clear_button: "Takes the maps of this comparison away.",
            self.more_button: "Shows the figures that have no room beside the first ones.",
            self.ssim_box: "Where the structure is that of the reference.",
            self.error_box: "Where values differ from those of the reference, and by how much.",
            self.crop_box: "Pixels at the border of the reference that no figure counts.",
            self.density_box: "For densities of simulations: figures and maps are of log10(density + 0.02).",
            self.left_box: "The layer on the left of the line, and that is seen while Shift+F is held.",
            self.right_box: "The layer on the right of the line.",
            self.table: "A click on a header sorts. Bold: the best of its column. Ctrl+C copies.",
        }  # fmt: skip
        for widget, tip in tips.items():
            widget.setToolTip(tip)
        self.swipe_button = QPushButton("Swipe")
        self.swipe_button.setToolTip("A line over the image, dragged with the mouse: one layer left, the other right.")
        self.side_button = QPushButton("Side by side")
        self.side_button.setToolTip("Both, the reference and their maps beside each other, moved together.")
        self.magnifier_button = QPushButton("Magnifier")
        self.magnifier_button.setToolTip("What is under the mouse, enlarged, in both and in the reference.")
        for button in (self.swipe_button, self.side_button, self.magnifier_button):
            button.setCheckable(True)
        self.keys = message_label()
        for box in (self.where_box, self.niqe_box, self.kind_box):
            box.setMinimumContentsLength(9)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for button in (self.copy_button, self.save_button, self.plots_button, self.report_button):
            button.setStyleSheet("padding: 4px 2px;")
        self._lay_out()

    def _lay_out(self) -> None:
        form = form_of(
            ("Reference", self.reference_box),
            ("Compare", self.candidates),
            ("Measure in", self.where_box),
            ("Add", row_of(self.ssim_box, self.error_box)),
            ("", self.hallucination_box),
            ("Error as", self.kind_box),
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
        with_reference.addWidget(self.more_button)
        with_reference.addLayout(row_of(self.copy_button, self.save_button, self.plots_button, self.report_button))
        with_reference.addWidget(self.clear_button)
        by_eye = QVBoxLayout()
        pair = form_of(("Left", self.left_box), ("Right", self.right_box))
        by_eye.addLayout(pair)
        by_eye.addLayout(row_of(self.swipe_button, self.side_button, self.magnifier_button))
        by_eye.addWidget(self.keys)
        self.without_reference = QVBoxLayout()
        self.reference_section = section("With a reference", with_reference)
        self.see_section = section("By eye", by_eye)
        self.trust_section = section("Without a reference", self.without_reference, expanded=False)
        self.blind = QVBoxLayout()
        self.blind_section = section("Blind ranking", self.blind, expanded=False)
        self.folders = QVBoxLayout()
        self.folders_section = section("Folders", self.folders, expanded=False)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(4, 4, 4, 4)
        for part in (
            self.reference_section, self.see_section, self.trust_section, self.folders_section, self.blind_section
        ):  # fmt: skip
            inside.addWidget(part)
        inside.addStretch(1)
        #: stays in view below what scrolls
        self.footer = QWidget()
        below = QVBoxLayout(self.footer)
        below.setContentsMargins(4, 0, 4, 2)
        below.addWidget(self.hint)
        below.addWidget(self.status)
        below.addWidget(self.legend)
        last = QHBoxLayout()
        last.addWidget(self.bar, 3)
        last.addWidget(self.cancel_button, 2)
        last.addWidget(self.help_button)
        below.addLayout(last)

    def show_state(self, state: State) -> None:
        """Enable and show what a state says."""
        self.compare_button.setEnabled(state.can_compare)
        self.cancel_button.setEnabled(state.can_cancel)
        self.register_button.setVisible(state.can_move)
        self.table.setVisible(state.has_table)
        self.more_button.setVisible(state.has_table and self.table.has_more())
        self.clear_button.setVisible(state.has_maps)
        for button in (self.copy_button, self.save_button, self.plots_button, self.report_button):
            button.setEnabled(state.has_table)
        self.hint.say(state.hint)
        self.no_truth.say(state.objection)
