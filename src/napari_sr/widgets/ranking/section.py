"""*Blind ranking*: makes one of the layers that are compared, or opens one that was begun."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_sr.errors import SRError
from napari_sr.evaluation.comparison import Region
from napari_sr.images.grid import GridImage
from napari_sr.widgets.base.messages import ERROR, message_label
from napari_sr.widgets.base.sections import form_of
from napari_sr.widgets.controls.combo import Combo

RANDOM, CHOSEN = "at random", "in the middle of each shape"
WHAT = (
    "Let people say which picture is most like the truth, without knowing whose it is. Ranked are the images that are "
    "ticked above."
)


class RankingSection(QWidget):
    """How many patches, how large and where, and two buttons.

    Parameters
    ----------
    images
        Returns the reference, the candidates, and how they are compared; raises :class:`SRError`.
    shapes
        Returns the places that were chosen with shapes, and the plane that is shown; raises :class:`SRError`.
    start_job, say
        Of the dock widget that holds this.
    """

    def __init__(
        self,
        *,
        images: Callable[[], tuple[GridImage, tuple[GridImage, ...], dict[str, bool]]],
        shapes: Callable[[], tuple[tuple[Region, ...], int]],
        start_job: Callable[..., None],
        say: Callable[..., None],
    ) -> None:
        super().__init__()
        self._images, self._shapes, self._start, self._say = images, shapes, start_job, say
        self.window_: QWidget | None = None
        self.count_box, self.side_box = QSpinBox(), QSpinBox()
        self.count_box.setRange(1, 1000)
        self.count_box.setValue(10)
        self.side_box.setRange(16, 1024)
        self.side_box.setValue(128)
        self.side_box.setSuffix(" px")
        self.where_box = Combo()
        self.where_box.addItems([RANDOM, CHOSEN])
        self.new_button, self.open_button = QPushButton("New ranking…"), QPushButton("Continue…")
        self.open_button.setToolTip("Goes on with a ranking that was begun.")
        self.where_box.setToolTip("Where the patches are taken from.")
        self.count_box.setToolTip("How many patches people put in order.")
        self.side_box.setToolTip("Side of a patch, in pixels of the reference.")
        self.new_button.setToolTip("Choose a folder; the ranking is kept in a folder of its own inside.")
        what = message_label()
        what.setText(WHAT)
        form = form_of(("Patches", self.count_box), ("Side", self.side_box), ("Where", self.where_box))
        buttons = QHBoxLayout()
        buttons.addWidget(self.new_button, 1)
        buttons.addWidget(self.open_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(what)
        layout.addLayout(form)
        layout.addLayout(buttons)
        self.where_box.currentTextChanged.connect(lambda text: self.count_box.setEnabled(text == RANDOM))
        self.new_button.clicked.connect(self._choose_new)
        self.open_button.clicked.connect(self._choose_old)

    def set_running(self, running: bool) -> None:
        """Enable what can be pressed now."""
        self.new_button.setEnabled(not running)

    def _choose_new(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where shall the ranking be kept?")
        if chosen:
            self.create_in(Path(chosen))

    def _choose_old(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "The folder of a ranking")
        if chosen:
            self.open(Path(chosen))

    def create_in(self, parent: Path) -> None:
        """Cut the patches in the background, keep them in a new folder inside ``parent``, and open the window."""
        try:
            reference, candidates, how = self._images()
            chosen, plane = self._shapes() if self.where_box.currentText() == CHOSEN else ((), 0)
        except SRError as error:
            self._say(str(error), ERROR)
            return
        folder = free_folder(parent)
        count, side = self.count_box.value(), self.side_box.value()
        self._say("Cutting patches …")

        def work() -> Generator[Any, None, None]:
            from napari_sr.evaluation.ranking.patches import iter_ranking

            yield from iter_ranking(
                folder,
                reference,
                candidates,
                count=count,
                side=side,
                chosen=chosen,
                plane=plane,
                seed=fresh_seed(),
                **how,
            )

        from napari_sr.evaluation.comparison import ComparisonProgress

        def show(event: Any) -> None:
            if isinstance(event, ComparisonProgress):
                self._say(event.text)
            else:
                self._say(f"The ranking is kept in {folder}.")
                self._open(event)

        self._start(work, show, keep=lambda event: not isinstance(event, ComparisonProgress))

    def open(self, folder: Path) -> None:
        """Go on with a ranking."""
        from napari_sr.evaluation.ranking.session import Session

        try:
            session = Session(folder)
        except SRError as error:
            self._say(str(error), ERROR)
            return
        self._say("")
        self._open(session)

    def _open(self, session: Any) -> None:
        from napari_sr.widgets.ranking.window import RankingWindow

        self.shut_down()
        self.window_ = RankingWindow(session)
        self.window_.show()

    def shut_down(self) -> None:
        """Close the window of a ranking: every answer is saved."""
        if self.window_ is not None:
            self.window_.close()
            self.window_.deleteLater()
            self.window_ = None


def free_folder(parent: Path) -> Path:
    """Return ``ranking`` in a folder, or ``ranking-2`` and so on if there is one."""
    found, number = parent / "ranking", 1
    while found.exists():
        number += 1
        found = parent / f"ranking-{number}"
    return found


def fresh_seed() -> int:
    """Return a seed that differs from session to session; it is kept in the session's file."""
    import secrets

    return secrets.randbelow(2**31)
