"""Pictures in a row that are put in order by dragging them, or with the keys."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPoint, QRect, Qt, Signal
from qtpy.QtGui import QColor, QFont, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

Grey = npt.NDArray[np.uint8]
#: between cards, and height of the line under a picture
GAP, LINE = 10, 22
#: pixels that the mouse has to move before a press becomes a drag
SLACK = 4


def places(count: int, side: int, width: int, height: int) -> tuple[list[QRect], float]:
    """Return where ``count`` square pictures go, in reading order, and how large a pixel of theirs becomes.

    A pixel becomes a whole number of pixels of the screen where there is room for that: nothing is smoothed then.
    """
    best, columns = 0.0, 1
    for tried in range(1, count + 1):
        rows = math.ceil(count / tried)
        room = min((width - GAP * (tried + 1)) / tried, (height - GAP * (rows + 1)) / rows - LINE)
        if room > best:
            best, columns = room, tried
    zoom = best / side
    zoom = float(math.floor(zoom)) if zoom >= 1 else max(zoom, 0.05)
    shown, rows = max(1, round(side * zoom)), math.ceil(count / columns)
    left = (width - columns * shown - (columns - 1) * GAP) // 2
    top = max(0, (height - rows * (shown + LINE) - (rows - 1) * GAP) // 2)
    found = []
    for n in range(count):
        row, column = divmod(n, columns)
        found.append(QRect(left + column * (shown + GAP), top + row * (shown + LINE + GAP), shown, shown))
    return found, zoom


class RankingCards(QWidget):
    """The reference, and behind it the pictures in the order that they were put into: the best first.

    ``moved`` is emitted whenever the order has changed. With the keys: the arrows choose a picture, and move it while
    Shift is held; Enter says that it is ``done``.
    """

    moved = Signal()
    done = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(420, 260)
        self.setMouseTracking(True)
        self._reference: QImage | None = None
        self._pictures: list[QImage] = []
        self.order: list[int] = []
        self.chosen = 0
        self._dragged: int | None = None  # the number of a picture
        self._pressed: QPoint | None = None
        self._at = QPoint()

    def show_pictures(self, reference: Grey, pictures: Sequence[Grey], order: Sequence[int] | None = None) -> None:
        """Show a new patch; ``order`` is that of an earlier answer."""
        self._reference = _image(reference)
        self._pictures = [_image(p) for p in pictures]
        self.order = list(range(len(pictures)) if order is None else order)
        self.chosen = 0
        self._dragged = self._pressed = None
        self.update()

    def cells(self) -> list[QRect]:
        """Return where the reference and the places 1, 2, … are."""
        side = 1 if self._reference is None else self._reference.width()
        return places(len(self._pictures) + 1, side, self.width(), self.height())[0]

    def zoom(self) -> float:
        """Return how many pixels of the screen one of the pictures' is wide."""
        side = 1 if self._reference is None else self._reference.width()
        return places(len(self._pictures) + 1, side, self.width(), self.height())[1]

    def move_to(self, old: int, new: int) -> None:
        """Take the picture at place ``old``, counted from 0, to place ``new``; the others make room."""
        if old == new or not (0 <= old < len(self.order) and 0 <= new < len(self.order)):
            return
        self.order.insert(new, self.order.pop(old))
        self.chosen = new
        self.update()
        self.moved.emit()

    # -- mouse and keys ---------------------------------------------------------------------------

    def _place(self, at: QPoint) -> int | None:
        """Return the place, from 0, that is nearest to a point; None for the reference."""
        cells = self.cells()
        distances = [(cell.center() - at).manhattanLength() for cell in cells]
        nearest = int(np.argmin(distances))
        return nearest - 1 if nearest else None

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take a picture."""
        at = event.position().toPoint()
        for place, cell in enumerate(self.cells()[1:]):
            if event.button() == Qt.MouseButton.LeftButton and cell.adjusted(0, 0, 0, LINE).contains(at):
                self.chosen, self._pressed, self._at = place, at, at
                self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let the picture follow the mouse, and the others make room."""
        at = event.position().toPoint()
        over = any(cell.contains(at) for cell in self.cells()[1:])
        self.setCursor(Qt.CursorShape.OpenHandCursor if over else Qt.CursorShape.ArrowCursor)
        if self._pressed is None:
            return
        if self._dragged is None and (at - self._pressed).manhattanLength() > SLACK:
            self._dragged = self.order[self.chosen]
        self._at = at
        place = self._place(at)
        if self._dragged is not None and place is not None:
            self.move_to(self.chosen, place)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let the picture go."""
        self._dragged = self._pressed = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Choose a picture with the arrows; with Shift, move it."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():  # a key that is held answers nothing
                self.done.emit()
            return
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self.order:
            super().keyPressEvent(event)
            return
        wanted = int(np.clip(self.chosen + step, 0, len(self.order) - 1))
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.move_to(self.chosen, wanted)
        self.chosen = wanted
        self.update()

    # -- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw every picture with its place under it."""
        if self._reference is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.zoom() < 1)
        text = self.palette().windowText().color()
        cells = self.cells()
        self._draw(painter, cells[0], self._reference, "the truth", text)
        for place, number in enumerate(self.order):
            cell = cells[place + 1]
            if number == self._dragged:
                painter.setPen(QPen(text, 1, Qt.PenStyle.DashLine))
                painter.drawRect(cell)
            else:
                self._draw(painter, cell, self._pictures[number], self._title(place), text)
            if place == self.chosen and self.hasFocus():
                painter.setPen(QPen(QColor("#3d9bff"), 3))
                painter.drawRect(cell.adjusted(-3, -3, 2, 2))
        if self._dragged is not None:
            lifted = QRect(cells[0])
            lifted.moveCenter(self._at)
            painter.setOpacity(0.9)
            painter.drawImage(lifted, self._pictures[self._dragged])
        painter.end()

    def _title(self, place: int) -> str:
        ends = {0: "1: most alike", len(self.order) - 1: f"{len(self.order)}: least alike"}
        return ends.get(place, str(place + 1))

    def _draw(self, painter: QPainter, cell: QRect, picture: QImage, title: str, text: QColor) -> None:
        painter.drawImage(cell, picture)
        painter.setPen(text)
        font = QFont(self.font())
        font.setBold(True)
        painter.setFont(font)
        below = QRect(cell.left(), cell.bottom() + 1, cell.width(), LINE)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), title)

    def focusInEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Show which picture the keys move."""
        self.update()

    def focusOutEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Hide which picture the keys move."""
        self.update()


def _image(grey: Grey) -> QImage:
    height, width = grey.shape
    data = np.ascontiguousarray(grey)
    return QImage(data.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy()


def at_one_contrast(
    reference: npt.NDArray[np.floating], pictures: Sequence[npt.NDArray[np.floating]]
) -> tuple[Grey, list[Grey]]:
    """Return pictures as grey levels, all with the contrast of the reference (its 0.1 to 99.9 % quantiles)."""
    finite = reference[np.isfinite(reference)]
    low, high = np.percentile(finite, (0.1, 99.9)) if finite.size else (0.0, 1.0)
    span = float(high - low) or 1.0

    def grey(image: npt.NDArray[np.floating]) -> Grey:
        scaled = np.nan_to_num((np.asarray(image, dtype=np.float64) - low) / span)
        return np.asarray(np.clip(scaled, 0, 1) * 255 + 0.5, dtype=np.uint8)

    return grey(reference), [grey(p) for p in pictures]
