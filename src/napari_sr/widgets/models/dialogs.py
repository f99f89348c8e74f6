"""Questions of *Models*: another name, and other words on a card."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from napari_sr.widgets.base.colours import colours
from napari_sr.widgets.base.sections import form_of, row_of
from napari_sr.widgets.controls.questions import Question

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard

#: kinds of image for people
KINDS = {
    "EM": "electron microscopy", "fluorescence": "fluorescence", "N-body": "N-body density", "own": "of my own kind",
    "any": "any image",
}  # fmt: skip


class RenameDialog(Question):
    """Asks for another name, and says at once why one cannot be taken."""

    named = Signal(str)

    def __init__(self, parent: QWidget, name: str, objection: Callable[[str], str]) -> None:
        super().__init__(parent, "Another name")
        self._objection, self._name = objection, name
        self.edit = QLineEdit(name)
        self.edit.selectAll()
        self.edit.textChanged.connect(self._look)
        layout = QVBoxLayout(self)
        layout.addLayout(form_of((f"{name} is to be called", self.edit)))
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(460)
        self.problem.setMinimumHeight(3 * self.fontMetrics().lineSpacing())  # so that it has room when it comes
        self.accepted.connect(lambda: self.named.emit(self.edit.text().strip()))
        self._look()

    def _look(self, text: str = "") -> None:
        name = self.edit.text().strip()
        reason = "" if name == self._name else self._objection(name)
        self.problem.say(reason)
        self.ok_button().setEnabled(bool(name) and name != self._name and not reason)


class EditDialog(Question):
    """The fields of a card that its owner may change."""

    edited = Signal(dict)

    def __init__(self, parent: QWidget, card: ModelCard, kinds: tuple[str, ...]) -> None:
        super().__init__(parent, f"Card of {card.name}")
        self.title = QLineEdit(card.title)
        self.description = QPlainTextEdit(card.description)
        self.description.setTabChangesFocus(True)
        self.description.setStyleSheet(f"QPlainTextEdit {{ border: 1px solid {colours()['quiet']}; }}")
        self.kind = QComboBox()
        for kind in dict.fromkeys((*kinds, card.kind)):
            self.kind.addItem(KINDS.get(kind, kind), kind)
        self.kind.setCurrentIndex(self.kind.findData(card.kind))
        self.pixel_size = QLineEdit(" to ".join(f"{s:g}" for s in card.pixel_size))
        self.pixel_size.setPlaceholderText("40 to 720; empty if any")
        self.pixel_unit = QLineEdit(card.pixel_unit)
        self.pixel_unit.setPlaceholderText("nm, µm, …")
        self.licence = QLineEdit(card.licence)
        self.licence.setPlaceholderText("CC-BY-4.0, BSD-3-Clause, …")
        self.attribution, self.citation = QLineEdit(card.attribution), QLineEdit(card.citation)
        layout = QVBoxLayout(self)
        layout.addLayout(
            form_of(
                ("Title", self.title), ("What it is", self.description), ("Kind of image", self.kind),
                ("LR pixels", row_of(self.pixel_size, self.pixel_unit)), ("Licence", self.licence),
                ("Training data", self.attribution), ("Method", self.citation),
            )
        )  # fmt: skip
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self.resize(520, 420)
        self.accepted.connect(lambda: self.edited.emit(self.values()))

    def values(self) -> dict[str, Any]:
        """What the fields say."""
        sizes = self.pixel_size.text().replace("to", " ").replace("–", " ").replace(",", " ").split()
        return {
            "title": self.title.text().strip(), "description": self.description.toPlainText().strip(),
            "kind": self.kind.currentData(), "pixel_size": sizes, "pixel_unit": self.pixel_unit.text().strip(),
            "licence": self.licence.text().strip(), "attribution": self.attribution.text().strip(),
            "citation": self.citation.text().strip(),
        }  # fmt: skip
