"""The curves of a run in the window."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QCheckBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_sr.widgets.base.colours import text_colour
from napari_sr.widgets.base.latest import Latest

if TYPE_CHECKING:
    from napari_sr.training.progress import TrainProgress

#: seconds between drawings: beside a training, one takes half a second
DRAW_SECONDS = 2.0
#: pixels of one row of curves
ROW_HEIGHT = 200


class CurveView(QWidget):
    """Losses and PSNR of a run; drawn in the background, every two seconds at most."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history: list[TrainProgress] = []
        self._critic = False
        self.picture = QLabel()
        self.picture.setFixedHeight(ROW_HEIGHT)
        # the picture follows the dock's width, never the other way round
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.latest = Latest(self, self._show, self.picture.setText)
        self.log_box = QCheckBox("logarithmic loss")
        self.log_box.setToolTip("Shows late, small changes of the loss as well as the first, large ones.")
        self.log_box.setChecked(True)
        self.log_box.toggled.connect(self.draw)
        self.figures = QLabel()
        self.figures.setWordWrap(True)
        #: what this run's curves say
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.figures, self.hint, self.picture, self.log_box):
            layout.addWidget(part)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.draw)
        self._drawn = 0.0

    def start(self, history: Sequence[TrainProgress], *, critic: bool = False) -> None:
        """Begin a run, an adversarial one if there is a critic, or go on with one that has a history."""
        self.history, self._critic = list(history), critic
        self.figures.setText("")
        self.picture.clear()
        self.show()
        self.draw()

    def add(self, progress: TrainProgress) -> None:
        """Take one report."""
        self.history.append(progress)
        if progress.val_psnr is not None and progress.val_bicubic is not None:
            figures = (progress.val_psnr, progress.val_bicubic, progress.val_ssim, progress.val_bicubic_ssim)
            from napari_sr.training.session import in_words

            self.figures.setText(f"Validation: {in_words(*figures)}")
        if not self._timer.isActive():
            self._timer.start(max(0, int(1000 * (self._drawn + DRAW_SECONDS - time.monotonic()))))

    def settle(self, figures: str) -> None:
        """Show the figures of the finished model in place of the last validation's: there is one figure, not two."""
        if figures:
            self.figures.setText(figures)

    def draw(self) -> None:
        """Draw all curves, and say what they say."""
        from napari_sr.training.runs.curve_reading import reading

        drawable = any(math.isfinite(p.train_loss) or p.losses for p in self.history)
        for part in (self.picture, self.log_box, self.hint):  # empty axes say nothing
            part.setVisible(drawable)
        if not drawable:
            return
        rows = 2 if any(p.losses for p in self.history) else 1
        self.hint.setText(reading(self.history, critic=self._critic))
        self.picture.setFixedHeight(ROW_HEIGHT * rows)
        history, log = tuple(self.history), self.log_box.isChecked()
        colour = text_colour()
        size, ratio = (max(self.width(), 200), ROW_HEIGHT * rows), self.devicePixelRatioF()
        self.latest.ask(lambda: (_drawn(history, log=log, size=size, ratio=ratio, colour=colour), ratio))
        self._drawn = time.monotonic()

    def shut_down(self) -> None:
        """Draw no more: the widget will be gone."""
        self._timer.stop()
        self.latest.forget()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Draw anew for the new width."""
        super().resizeEvent(event)
        if self.history:
            self._timer.start(50)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw anew in the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange and self.history:
            self._timer.start(50)

    def _show(self, drawn: tuple[npt.NDArray[np.uint8], float]) -> None:
        pixels, ratio = drawn
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(ratio)
        self.picture.setPixmap(pixmap)


def _drawn(
    history: Sequence[TrainProgress], *, log: bool, size: tuple[int, int], ratio: float, colour: str
) -> npt.NDArray[np.uint8]:
    """Return the curves as RGBA pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from napari_sr.training.runs.curves import draw_curves

    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100 * ratio, facecolor="none")
    canvas = FigureCanvasAgg(figure)
    draw_curves(figure, history, log=log, colour=colour)
    rows = round(size[1] / ROW_HEIGHT)
    figure.subplots_adjust(left=0.12, right=0.9, top=1 - 0.18 / rows, bottom=0.24 / rows, wspace=0.36, hspace=0.9)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()
