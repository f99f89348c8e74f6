"""The verdict on a finished training in the dock widget *Train*, and the question whether a bad model is kept."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets.base.colours import colours
from napari_sr.widgets.base.messages import ERROR, QUIET, WARNING, MessageLabel, message_label

if TYPE_CHECKING:
    from napari_sr.training.runs.verdict import Verdict

TONES = {"good": "", "doubtful": WARNING, "bad": ERROR}
UNANSWERED = "Until you answer, it waits in the list above."


class VerdictBox(QFrame):
    """Says what a run came to; of a bad model it asks whether to keep it.

    ``kept`` and ``discarded`` are emitted with the model's file when the user has answered.
    """

    kept = Signal(object)
    discarded = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.setObjectName("verdict")
        self.headline, self.why, self.advice = MessageLabel(rich=True), message_label(), message_label()
        self.question = QWidget()
        self.keep_button, self.discard_button = QPushButton("Keep"), QPushButton("Discard")
        self.keep_button.setToolTip("Adds the model to your list of models all the same.")
        self.discard_button.setToolTip("Leaves it out of your list of models. Its files stay where they are.")
        row = QHBoxLayout()
        row.addWidget(QLabel("<b>Keep it anyway?</b>"), 1)
        row.addWidget(self.keep_button)
        row.addWidget(self.discard_button)
        self.hint = message_label()
        self.hint.setText(UNANSWERED)
        asked = QVBoxLayout(self.question)
        asked.setContentsMargins(0, 4, 0, 0)
        asked.addLayout(row)
        asked.addWidget(self.hint)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 4, 6)
        layout.setSpacing(6)
        for part in (self.headline, self.why, self.advice, self.question):
            layout.addWidget(part)
        self.keep_button.clicked.connect(lambda: self._answer(self.kept))
        self.discard_button.clicked.connect(lambda: self._answer(self.discarded))
        self.hide()

    def show_verdict(self, verdict: Verdict, path: Path | None = None) -> None:
        """Show a verdict; with the model's file, ask whether to keep it."""
        tone = TONES[verdict.level]
        self.path = path
        self.headline.say(f"<b>{html.escape(verdict.headline)}</b>", tone)
        for label, sentences in ((self.why, verdict.reasons), (self.advice, verdict.advice)):
            label.say(" ".join(sentences), tone if label is self.why else "")
        edge = colours()[tone or QUIET]
        self.setStyleSheet(f"QFrame#verdict {{ border: none; border-left: 3px solid {edge}; }}")
        self.question.setVisible(path is not None)
        self.enable_answers(True)
        self.show()

    def enable_answers(self, enabled: bool) -> None:
        """Let the question be answered, or not while the answer is carried out."""
        for button in (self.keep_button, self.discard_button):
            button.setEnabled(enabled)

    def close_question(self) -> None:
        """Ask no more: it has been answered."""
        self.path = None
        self.question.hide()

    def clear(self) -> None:
        """Show nothing: another run begins. A question that was not answered stays open in the list of runs."""
        self.path = None
        self.hide()

    def _answer(self, signal: Signal) -> None:
        if self.path is not None:
            self.enable_answers(False)
            signal.emit(self.path)
