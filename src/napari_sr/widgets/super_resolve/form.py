"""What the dock widget *Super-resolve* looks like. It shows a state and emits what is pressed; it does nothing else."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_sr.widgets.base.messages import MessageLabel, help_button
from napari_sr.widgets.base.sections import form_of, row_of, section
from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.controls.condition_row import ConditionRow
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.controls.mix_row import MixRow
from napari_sr.widgets.controls.model_box import ModelBox
from napari_sr.widgets.controls.reference_box import ReferenceBox
from napari_sr.widgets.controls.settings_panel import SettingsPanel
from napari_sr.widgets.layers.legend import MapLegend
from napari_sr.widgets.super_resolve.fit_panel import FitPanel
from napari_sr.widgets.super_resolve.result_bar import ResultBar
from napari_sr.widgets.super_resolve.state import AROUND, RECTANGLE, VIEW, WHOLE, State


class SuperResolveForm(QWidget):
    """The controls of *Super-resolve*."""

    run_pressed, preview_pressed, cancel_pressed = Signal(), Signal(), Signal()
    card_pressed, open_pressed, help_pressed = Signal(), Signal(), Signal()
    #: something was moved that a preview shows
    moved = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.layer_box = LayerBox(viewer, follow=True)
        self.reference_box = ReferenceBox(viewer)
        self.model_box = ModelBox()
        self.legend = MapLegend(viewer)
        self.help_button = help_button()
        self.card_button, self.open_button = QPushButton("Card…"), QPushButton("Open file…")
        self.mix_row = MixRow()
        self.axes_edit = QLineEdit()
        self.axes_edit.setMaximumWidth(90)
        self.part_box = Combo()
        self.part_box.addItems([WHOLE, VIEW, RECTANGLE, AROUND])
        self.keep_box = QCheckBox("Keep both")
        self.fit_panel, self.conditions = FitPanel(), ConditionRow()
        self.preview_button, self.run_button = QPushButton("Preview"), QPushButton("Run")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.hint, self.expected, self.status = MessageLabel(), MessageLabel("quiet"), MessageLabel()
        #: of a layer that is looked around in
        self.tiles = MessageLabel("quiet")
        self.result_bar = ResultBar()
        self.settings = SettingsPanel()
        self.folder_box = QVBoxLayout()
        self._explain()
        self._lay_out()
        for button, signal in (
            (self.run_button, self.run_pressed), (self.preview_button, self.preview_pressed),
            (self.cancel_button, self.cancel_pressed), (self.card_button, self.card_pressed),
            (self.open_button, self.open_pressed),
        ):  # fmt: skip
            button.clicked.connect(signal)
        self.help_button.clicked.connect(self.help_pressed)
        self.mix_row.moved.connect(self.moved)
        self.conditions.moved.connect(self.moved)

    def _explain(self) -> None:
        tips = {
            self.layer_box: "The image to super-resolve. Follows the layer that you select.",
            self.reference_box: "A high-resolution image of the same place, if you have one: Run then also adds an "
            "SSIM map and an error map.",
            self.axes_edit: "One letter for each dimension. Y and X are upscaled; Z, T and C are worked through plane "
            "by plane; S holds colours.",
            self.part_box: "All of the image, the part that the window shows, or the rectangle that you drew last on a "
            "Shapes layer. Brightness, blur and noise are those of the whole image in any case. As I look around: the "
            "layer is there at once, and wherever you look it gets sharp, in the background; for images of any size.",
            self.keep_box: "Keep what the same model made of this image before. Without the tick, it is replaced.",
            self.preview_button: "Super-resolve a square in the centre of the view.",
            self.run_button: "Super-resolve the image and add the result as a layer over it.",
            self.cancel_button: "Stop what is running. Nothing is added then.",
            self.card_button: "What the model was trained on, how good it was measured to be, its licence.",
            self.open_button: "Opens a model from a file (.safetensors). It stays in the list. Files can also be "
            "dropped here.",
            self.bar: "How much of the run is done.",
        }
        for widget, tip in tips.items():
            widget.setToolTip(tip)

    def _lay_out(self) -> None:
        model_row = row_of(self.card_button, self.open_button)
        model_row.addWidget(self.help_button)
        axes_row = QHBoxLayout()
        axes_row.addWidget(self.axes_edit)
        axes_row.addWidget(self.part_box, 1)
        for box in (self.part_box,):
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setMinimumContentsLength(8)
        self.form = form_of(
            ("Image", self.layer_box), ("Axes, part", axes_row), ("Model", self.model_box), ("", model_row),
            ("Mix with", self.mix_row), ("Reference", self.reference_box),
        )  # fmt: skip
        run_row = row_of(self.preview_button, self.run_button, self.cancel_button)
        about = QHBoxLayout()
        about.addWidget(self.expected, 1)
        about.addWidget(self.keep_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(self.form)
        for part in (self.fit_panel, self.conditions, self.hint):
            layout.addWidget(part)
        layout.addLayout(run_row)
        layout.addLayout(about)
        for part in (self.bar, self.status, self.tiles, self.legend, self.result_bar):
            layout.addWidget(part)
        self.folder_part = section("A whole folder", self.folder_box, expanded=False)
        layout.addWidget(self.folder_part)
        layout.addWidget(self.settings)
        layout.addStretch(1)

    def show_state(self, state: State) -> None:
        """Enable and show what a state says."""
        self.run_button.setEnabled(state.can_run)
        self.preview_button.setEnabled(state.can_run)
        self.card_button.setEnabled(state.can_show_card)
        self.open_button.setEnabled(state.can_open)
        self.cancel_button.setEnabled(state.can_cancel)
        self.form.setRowVisible(self.mix_row, state.shows_mix)
        self.result_bar.setVisible(state.shows_result)
        self.result_bar.maps.setVisible(state.shows_maps)
        self.result_bar.show_lazy(state.shows_write)
        self.hint.say(state.hint)
        self.expected.say(state.expected)

    def axes(self) -> str:
        """The axes as they are written."""
        return self.axes_edit.text().strip().upper()
