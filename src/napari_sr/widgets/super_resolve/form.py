"""What the dock widget *Super-resolve* looks like: its controls and their places."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QProgressBar, QPushButton, QVBoxLayout

from napari_sr.widgets.base.dock import ViewerWidget
from napari_sr.widgets.base.sections import form_of, section
from napari_sr.widgets.controls.condition_row import ConditionRow
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.controls.mix_row import MixRow
from napari_sr.widgets.controls.model_box import ModelBox
from napari_sr.widgets.controls.reference_box import ReferenceBox
from napari_sr.widgets.controls.settings_panel import SettingsPanel
from napari_sr.widgets.super_resolve.fit_panel import FitPanel

ERROR_STYLE = "color: #ff6b5e;"
WARNING_STYLE = "color: #f0b429;"


class SuperResolveForm(ViewerWidget):
    """The controls of *Super-resolve*, without what they do."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.layer_box = LayerBox(self.viewer, follow=True)
        self.reference_box = ReferenceBox(self.viewer)
        self.model_box = ModelBox()
        self.card_button = QPushButton("Card…")
        self.open_button = QPushButton("Open model file…")
        self.mix_row = MixRow()
        self.axes_edit = QLineEdit()
        self.fit_panel = FitPanel()
        self.conditions = ConditionRow()
        self.preview_button = QPushButton("Preview")
        self.run_button = QPushButton("Run")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.status = message_label()
        self.settings = SettingsPanel()

        self.layer_box.setToolTip("The image to super-resolve. Follows the selected layer.")
        self.reference_box.setToolTip(
            "A high-resolution image of the same place, if you have one: "
            "Run then also adds an SSIM map and an error map."
        )
        self.axes_edit.setToolTip(
            "One letter for each dimension. Y and X are upscaled; Z, T and C are worked through plane by plane; "
            "S holds colours."
        )
        self.preview_button.setToolTip("Super-resolve a square in the centre of the view.")
        self.card_button.setToolTip("What the model was trained on, how good it was measured to be, its licence.")

        model_row = QHBoxLayout()
        model_row.addWidget(self.card_button)
        model_row.addWidget(self.open_button, 1)
        self.form = form_of(
            ("Image", self.layer_box),
            ("Axes", self.axes_edit),
            ("Model", self.model_box),
            ("", model_row),
            ("Mix with", self.mix_row),
            ("Reference", self.reference_box),
        )
        buttons = QHBoxLayout()
        for button in (self.preview_button, self.run_button, self.cancel_button):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addWidget(self.fit_panel)
        layout.addWidget(self.conditions)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        self.folder_box = QVBoxLayout()
        self.folder_part = section("A whole folder", self.folder_box, expanded=False)
        layout.addWidget(self.folder_part)
        layout.addWidget(self.settings)
        layout.addStretch(1)

    def say(self, text: str, style: str = "") -> None:
        """Show a sentence under the buttons."""
        self.status.setStyleSheet(style)
        self.status.setText(text)


def message_label(style: str = "") -> QLabel:
    """Return a label for sentences, which can be selected and copied."""
    label = QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
