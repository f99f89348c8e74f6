"""Questions that stand above the window, which goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLabel, QMessageBox, QVBoxLayout, QWidget

from napari_sr.widgets.base.messages import ERROR, MessageLabel

Buttons = QDialogButtonBox.StandardButton


def ask(parent: QWidget, title: str, text: str, answers: dict[str, Callable[[], None]]) -> QMessageBox:
    """Ask a question whose answers do something; *Cancel* does nothing, and is what Enter does.

    The window goes on; the question stands above it.
    """
    box = QMessageBox(QMessageBox.Icon.Question, title, text, QMessageBox.StandardButton.Cancel, parent)
    buttons = {box.addButton(name, QMessageBox.ButtonRole.AcceptRole): act for name, act in answers.items()}
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)

    def answered(button: Any) -> None:
        if button in buttons:
            buttons[button]()

    box.buttonClicked.connect(answered)
    box.finished.connect(box.deleteLater)
    box.open()
    return box


class Question(QDialog):
    """Fields, and a line that says why they cannot be taken."""

    def __init__(self, parent: QWidget, title: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.problem = MessageLabel(ERROR)
        self.buttons = QDialogButtonBox(Buttons.Ok | Buttons.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.finished.connect(self.deleteLater)

    def ok_button(self) -> Any:
        """The button that takes the fields."""
        return self.buttons.button(Buttons.Ok)


class ChoiceDialog(Question):
    """Asks what a file of another program leaves open."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget, title: str, text: str, choices: Sequence[str]) -> None:
        super().__init__(parent, title)
        self.box = QComboBox()
        self.box.addItems(list(choices))
        question = QLabel(text)
        question.setWordWrap(True)
        question.setBuddy(self.box)
        lines = QVBoxLayout(self)
        for part in (question, self.box, self.buttons):
            lines.addWidget(part)
        self.accepted.connect(lambda: self.chosen.emit(self.box.currentText()))
        self.setMinimumWidth(340)
