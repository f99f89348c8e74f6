"""The part of *Models* that gives a model to other programs: into which, and what goes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_sr.models.export.formats import FORMATS
from napari_sr.widgets.base.messages import MessageLabel
from napari_sr.widgets.base.sections import form_of
from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.controls.condition_row import ConditionRow
from napari_sr.widgets.models.state import ASKED, FIXED

if TYPE_CHECKING:
    from napari_sr.conditions import Condition


class ExportPart(QWidget):
    """Chooses a format, and what a model is told."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.format_box, self.told_box = Combo(), Combo()
        for name, one in FORMATS.items():
            self.format_box.addItem(one.title, name)
        self.told_box.addItems([ASKED, FIXED])
        self.author_edit = QLineEdit()
        self.author_edit.setPlaceholderText("who made it")
        self.conditions, self.for_whom = ConditionRow(), MessageLabel("quiet")
        self.button = QPushButton("Export…")
        self.format_box.setToolTip("The kind of file.")
        self.told_box.setToolTip(
            "This model is told how blurred and how noisy an image is. Either the other program tells it with each "
            "image, or it takes all images to be as you set here. Programs that only take one image need the latter."
        )
        self.author_edit.setToolTip("Names of those who made the model, with commas between them.")
        self.button.setToolTip("Writes the file, and tests that other programs get the same from it as you do here.")
        self.form = form_of(
            ("Kind of file", self.format_box), ("Blur, noise", self.told_box), ("", self.conditions),
            ("Author", self.author_edit),
        )  # fmt: skip
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self.form)
        layout.addWidget(self.for_whom)
        layout.addWidget(self.button)
        self.format_box.currentIndexChanged.connect(self._on_format)
        self.told_box.currentIndexChanged.connect(lambda index: self.changed.emit())
        self._on_format()

    def _on_format(self, index: int = 0) -> None:
        self.for_whom.say(FORMATS[self.format()].explanation)
        self.changed.emit()

    def show_rows(self, *, told: bool, sliders: bool, author: bool) -> None:
        """Show what matters for the chosen model and kind of file."""
        self.form.setRowVisible(self.told_box, told)
        self.form.setRowVisible(self.conditions, sliders)
        self.form.setRowVisible(self.author_edit, author)

    def set_conditions(self, conditions: tuple[Condition, ...]) -> None:
        """Take what the chosen model is told."""
        self.conditions.set_conditions(conditions)
        for slider in self.conditions.sliders.values():
            slider.slider.setToolTip(slider.condition.explanation)

    def format(self) -> str:
        """The name of the format."""
        return str(self.format_box.currentData())

    def fixed(self) -> bool:
        """True if blur and noise are the same for all images."""
        return self.told_box.currentText() == FIXED

    def told(self) -> dict[str, float] | None:
        """What the model is told of all images; None if other programs tell it."""
        if not self.fixed() or not self.conditions.sliders:
            return None
        return {name: slider.value() for name, slider in self.conditions.sliders.items()}

    def authors(self) -> tuple[str, ...]:
        """The names that were given."""
        return tuple(name.strip() for name in self.author_edit.text().split(",") if name.strip())
