"""What the dock widget *Train* looks like: its controls and their places."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_sr.widgets.base.messages import QUIET, WARNING, help_button, message_label
from napari_sr.widgets.base.sections import Section, form_of, row_of, section
from napari_sr.widgets.controls.before_after import BeforeAfter
from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.controls.degradation_box import DegradationBox
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.controls.path_edit import PathEdit
from napari_sr.widgets.train.state import State
from napari_sr.widgets.train.verdict_box import VerdictBox

MADE = "simulated"


class TrainForm(QWidget):
    """The controls of *Train*, without what they do: three steps, one below the other."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._make_data_controls()
        self._make_recipe_controls()
        self._make_run_controls()
        self.data_section = section("1  Images", self._data_layout())
        self.recipe_section = section("2  Recipe", self._recipe_layout())
        self.run_section = section("3  Run", self._run_layout())
        inside = QVBoxLayout(self)
        inside.setContentsMargins(4, 4, 4, 4)
        for part in (self.data_section, self.recipe_section, self.run_section):
            inside.addWidget(part)
        inside.addStretch(1)

    def show_state(self, state: State) -> None:
        """Enable and show what a state says."""
        for part in (self.data_section, self.recipe_section):
            part.content().setEnabled(state.can_choose)
        for control in (self.scale_box, self.preset_box, self.preset_box.own):
            control.setEnabled(state.can_degrade)
        self.train_button.setEnabled(state.can_train)
        self.pause_button.setEnabled(state.can_pause)
        self.pause_button.setText(state.pause_text)
        self.stop_button.setEnabled(state.can_pause)
        self.resume_button.setEnabled(state.can_resume)
        self.resume_button.setText(state.resume_text)
        self.resume_box.setEnabled(state.can_choose_run)
        self.resume_row.setVisible(state.shows_runs)
        for button in (self.command_button, self.export_button):
            button.setEnabled(state.can_export)
        self.report_button.setEnabled(state.can_report)
        self.hint.say(state.hint)

    # -- 1 Images ---------------------------------------------------------------------------------

    def _make_data_controls(self) -> None:
        self.where_box = Combo()
        self.where_box.addItem("layers")
        self.where_box.addItem("files or folders")
        self.hr_box = LayerBox(self._viewer, follow=True, reference=True)
        self.lr_box = LayerBox(self._viewer, optional=MADE)
        self.hr_path = PathEdit("High-resolution images: a file or a folder")
        self.lr_path = PathEdit(MADE)
        self.preset_box = DegradationBox()
        self.scale_box = QSpinBox()
        self.scale_box.setRange(2, 8)
        self.scale_box.setValue(4)
        self.scale_box.setPrefix("× ")
        self.preset_box.own.scale = self.scale_box.value
        self.before_after = BeforeAfter()
        self.hr_box.setToolTip("Images as you want to get them. A stack is better than one image.")
        self.lr_box.setToolTip("Measured low-resolution images of the same places, if you have them.")
        self.preset_box.setToolTip("How the low-resolution images come about: what the model will learn to undo.")
        self.scale_box.setToolTip("How much the model will upscale.")

    def _data_layout(self) -> QVBoxLayout:
        form = form_of()
        form.addRow("Train on", self.where_box)
        for title, layers, files in (
            ("High resolution", self.hr_box, self.hr_path), ("Low resolution", self.lr_box, self.lr_path),
        ):  # fmt: skip
            either = QStackedWidget()
            either.addWidget(layers)
            either.addWidget(files)
            either.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
            self.where_box.currentIndexChanged.connect(either.setCurrentIndex)
            form.addRow(title, either)
        form.addRow("As from", self.preset_box)
        form.addRow("Upscale", self.scale_box)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addWidget(self.preset_box.own)
        layout.addWidget(self.before_after)
        return layout

    # -- 2 Recipe ---------------------------------------------------------------------------------

    def _make_recipe_controls(self) -> None:
        self.recipe_box = Combo()
        self.start_box = Combo()
        self.name_edit = QLineEdit()
        self.length_box = Combo()
        self.estimate = message_label(QUIET)
        self.advanced = Section("Advanced")
        self.recipe_box.setToolTip("Faithful methods stay smooth where they are unsure; sharp ones may invent detail.")
        self.start_box.setToolTip("A model to go on from learns faster and from fewer images.")
        self.name_edit.setToolTip("Under this name the model will be in your list.")

    def _recipe_layout(self) -> QVBoxLayout:
        form = form_of()
        form.addRow("Method", self.recipe_box)
        form.addRow("Start from", self.start_box)
        form.addRow("Name", self.name_edit)
        form.addRow("Length", self.length_box)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addWidget(self.estimate)
        layout.addWidget(self.advanced)
        return layout

    # -- 3 Run ------------------------------------------------------------------------------------

    def _make_run_controls(self) -> None:
        self.train_button = QPushButton("Train")
        self.pause_button = QPushButton("Pause")
        self.stop_button = QPushButton("Stop")
        self.resume_box = Combo()
        self.resume_button = QPushButton("Resume")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.status, self.hint = message_label(), message_label()
        self.help_button = help_button()
        self.warning = message_label(WARNING)
        self.warning.hide()
        self.verdict_box = VerdictBox()
        self.patch_label = message_label()
        self.curve_place = QVBoxLayout()
        self.command_button = QPushButton("Command")
        self.export_button = QPushButton("Export…")
        self.report_button = QPushButton("Report")
        tips = {
            self.where_box: "Layers that are open, or files on the disk, which are read plane by plane.",
            self.length_box: "How many steps. The line below says what that takes on this computer.",
            self.train_button: "Starts the training. It runs in the background, and can be stopped and gone on with.",
            self.pause_button: "Holds the training after the present step, and lets it go on.",
            self.stop_button: "Ends the training after the present step. What was learnt is kept.",
            self.resume_button: "Goes on with the chosen training, from the step at which it was stopped.",
            self.bar: "How much of the training is done.",
        }
        for widget, tip in tips.items():
            widget.setToolTip(tip)
        self.command_button.setToolTip("Copies the line for a terminal that repeats this training.")
        self.export_button.setToolTip("Saves the settings as a file that repeats this training.")
        self.report_button.setToolTip("Curves, figures and examples of the finished training, in the browser.")
        self.resume_box.setToolTip("Trainings that were stopped, and models that you have neither kept nor discarded.")

    def _run_layout(self) -> QVBoxLayout:
        buttons = row_of(self.train_button, self.pause_button, self.stop_button)
        self.resume_row = QWidget()
        row = QHBoxLayout(self.resume_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.resume_box, 1)
        row.addWidget(self.resume_button)
        after = row_of(self.command_button, self.export_button, self.report_button)
        layout = QVBoxLayout()
        layout.addLayout(buttons)
        layout.addWidget(self.resume_row)
        layout.addWidget(self.bar)
        layout.addWidget(self.hint)
        layout.addWidget(self.status)
        layout.addWidget(self.warning)
        layout.addWidget(self.verdict_box)
        layout.addLayout(self.curve_place)
        layout.addWidget(self.patch_label)
        after.addWidget(self.help_button)
        layout.addLayout(after)
        return layout

    def warn(self, text: str) -> None:
        """Show a warning that stays until the next run; empty for none."""
        self.warning.setText(text)
        self.warning.setVisible(bool(text))
