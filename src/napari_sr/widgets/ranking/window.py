"""The window of a blind ranking: ``python -m napari_sr.widgets.ranking.window FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from napari.qt import get_stylesheet
from qtpy.QtCore import QElapsedTimer, Qt
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_sr.errors import SRError
from napari_sr.evaluation.ranking.ranks import summary
from napari_sr.evaluation.ranking.session import REFERENCE, Answer, Session
from napari_sr.paths import reason
from napari_sr.widgets.base.colours import theme_name
from napari_sr.widgets.base.messages import ERROR, MessageLabel, message_label
from napari_sr.widgets.ranking.cards import RankingCards, at_one_contrast

HOW = (
    "Put the pictures in order: the one most like the truth first. Drag them with the mouse, or choose one with the "
    "arrow keys and move it with Shift and an arrow key. Enter goes on."
)
#: milliseconds in which a second click or key does not answer the next patch
PAUSE = 500
WELCOME = (
    "You will see a patch of the true image, and beside it what several methods made of it, in an order that chance "
    "has chosen. Names are not shown. Every answer is saved at once: close the window when you like, and go on later "
    "under the same name."
)


class RankingWindow(QWidget):
    """Asks for a name, shows patch after patch, and tells in the end what came out.

    Parameters
    ----------
    session
        The ranking, which is written to with every answer.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.rater, self.question = "", 0
        self.pause = PAUSE
        self._since = QElapsedTimer()
        self._shown: tuple[str, ...] = ()
        self.setWindowTitle("Blind ranking")
        self.name_edit = QLineEdit()
        self.name_edit.setPlaceholderText("your name, or any word you will remember")
        self.start_button = QPushButton("Start")
        self.cards = RankingCards()
        self.progress = QProgressBar()
        self.back_button, self.next_button = QPushButton("Back"), QPushButton("Next")
        self.result = MessageLabel()
        self.result.setTextFormat(Qt.TextFormat.MarkdownText)
        self.show_button = QPushButton("Show what came out")
        self.save_button = QPushButton("Save CSV…")
        self.again_button = QPushButton("Next person")
        self.status = message_label()
        self.pages = QStackedWidget()
        for page in (self._first(), self._middle(), self._last()):
            self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.status)
        self.resize(1100, 760)
        self.setStyleSheet(get_stylesheet(theme_name()))  # a window of its own does not have the viewer's
        self.start_button.clicked.connect(self.start)
        self.name_edit.returnPressed.connect(self.start)
        self.next_button.clicked.connect(self.next)
        self.back_button.clicked.connect(self.back)
        self.show_button.clicked.connect(self.show_result)
        self.save_button.clicked.connect(self._choose_file)
        self.again_button.clicked.connect(self.begin)
        self.cards.done.connect(self.next)

    def _first(self) -> QWidget:
        form = QFormLayout()
        welcome = message_label()
        welcome.setText(WELCOME)
        form.addRow("Name", self.name_edit)
        layout = QVBoxLayout()
        layout.addWidget(welcome)
        layout.addLayout(form)
        layout.addWidget(self.start_button)
        return _centred(layout)

    def _middle(self) -> QWidget:
        page, buttons = QWidget(), QHBoxLayout()
        how = message_label()
        how.setText(HOW)
        for widget, stretch in ((self.back_button, 0), (self.progress, 1), (self.next_button, 0)):
            buttons.addWidget(widget, stretch)
        layout = QVBoxLayout(page)
        layout.addWidget(how)
        layout.addWidget(self.cards, 1)
        layout.addLayout(buttons)
        return page

    def _last(self) -> QWidget:
        buttons = QHBoxLayout()
        thanks = message_label()
        thanks.setText("Thank you. All patches are ranked, and every answer is saved.")
        for button in (self.show_button, self.save_button, self.again_button):
            buttons.addWidget(button)
        layout = QVBoxLayout()
        layout.addWidget(thanks)
        layout.addLayout(buttons)
        layout.addWidget(self.result)
        return _centred(layout)

    def _say(self, text: str, *, error: bool = False) -> None:
        self.status.say(text, ERROR if error else "")

    # -- what a person does -----------------------------------------------------------------------

    def begin(self) -> None:
        """Ask who is there."""
        self.name_edit.clear()
        self.result.clear()
        self._say("")
        self.pages.setCurrentIndex(0)
        self.name_edit.setFocus()

    def start(self) -> None:
        """Show the first patch that this person has not ranked."""
        name = self.name_edit.text().strip()
        if not name:
            self._say("Type a name first: it tells your answers from those of others.", error=True)
            return
        try:
            done = self.session.of(name)
        except SRError as error:
            self._say(str(error), error=True)
            return
        self.rater = name
        self._say(f"Welcome back: {len(done)} of {len(self.session.questions)} are done." if done else "")
        self._go_to(next((n for n in range(len(self.session.questions)) if n not in done), len(self.session.questions)))

    def _go_to(self, question: int) -> None:
        count = len(self.session.questions)
        self.question = question
        if question >= count:
            self.pages.setCurrentIndex(2)
            return
        self._shown = self.session.shown(self.rater, question)
        reference = self.session.picture(question, REFERENCE)
        pictures = [self.session.picture(question, name) for name in self._shown]
        truth, greys = at_one_contrast(reference, pictures)
        before = self.session.of(self.rater).get(question)
        order = None if before is None else [self._shown.index(name) for name in before.order]
        self.cards.show_pictures(truth, greys, order)
        self.progress.setRange(0, count)
        self.progress.setValue(question)
        self.progress.setFormat(f"patch {question + 1} of {count}")
        self.back_button.setEnabled(question > 0)
        self._since.start()
        self.pages.setCurrentIndex(1)
        self.cards.setFocus()

    def next(self) -> None:
        """Save the order, and go on; not at once after a patch has appeared: nobody has looked at it then."""
        if self._since.elapsed() < self.pause:
            return
        order = tuple(self._shown[n] for n in self.cards.order)
        try:
            self.session.answer(Answer(self.rater, self.question, order))
        except SRError as error:
            self._say(str(error), error=True)
            return
        self._say("")
        self._go_to(self.question + 1)

    def back(self) -> None:
        """Show the patch before, as it was answered."""
        if self.question:
            self._go_to(self.question - 1)

    def show_result(self) -> None:
        """Tell whose pictures they were, and where they came."""
        try:
            self.result.setText(summary(self.session))
        except SRError as error:
            self._say(str(error), error=True)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the answers", "ranking.csv", "Tables (*.csv)")
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write every answer as CSV."""
        try:
            path.write_text(self.session.to_csv(), encoding="utf-8")
        except OSError as error:
            self._say(f"{path} could not be written ({reason(error)}).", error=True)
            return
        except SRError as error:
            self._say(str(error), error=True)
            return
        self._say(f"Saved {path}.")


def _centred(layout: QVBoxLayout) -> QWidget:
    """Return a page with something narrow in its middle."""
    page, column = QWidget(), QWidget()
    column.setMaximumWidth(680)
    column.setLayout(layout)
    layout.setSpacing(12)
    rows, columns = QVBoxLayout(page), QHBoxLayout()
    columns.addStretch(1)
    columns.addWidget(column, 20)
    columns.addStretch(1)
    rows.addStretch(1)
    rows.addLayout(columns)
    rows.addStretch(2)
    return page


def main() -> None:
    """Open a ranking."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    try:
        window = RankingWindow(Session(Path(sys.argv[1])))
    except SRError as error:
        sys.exit(str(error))
    window.show()
    application.exec()


if __name__ == "__main__":
    main()
