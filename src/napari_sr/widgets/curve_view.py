"""The curves of a run in the window."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_sr.training.progress import TrainProgress

#: seconds between drawings: one takes some 50 ms of the window's time
DRAW_SECONDS = 2.0
WITH_A_CRITIC = (
    " With a critic, the pictures get sharper while PSNR falls a little: that is its nature, and where it may invent."
)
HOW_TO_READ = (
    "Good: both losses fall, and the model's PSNR is above bicubic's. When the validation loss rises while the "
    "training loss still falls, the model learns its images by heart: stop, or give it more images."
)
COLOUR = "#c8c8c8"


class CurveView(QWidget):
    """Losses and PSNR of a run; redrawn every two seconds at most."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history: list[TrainProgress] = []
        self.figure = Figure(facecolor="none")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.setStyleSheet("background: transparent;")
        self.canvas.setFixedHeight(190)
        self.log_box = QCheckBox("logarithmic loss")
        self.log_box.setChecked(True)
        self.log_box.toggled.connect(self.draw)
        self.figures = QLabel()
        self.figures.setWordWrap(True)
        self.hint = QLabel(HOW_TO_READ)
        self.hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        layout.addWidget(self.log_box)
        layout.addWidget(self.figures)
        layout.addWidget(self.hint)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.draw)
        self._drawn = 0.0

    def start(self, history: Sequence[TrainProgress]) -> None:
        """Begin a run, or go on with one that has a history."""
        self.history = list(history)
        self.figures.setText("")
        self.draw()

    def add(self, progress: TrainProgress) -> None:
        """Take one report."""
        self.history.append(progress)
        if progress.val_psnr is not None and progress.val_bicubic is not None:
            text = f"Validation: {progress.val_psnr:.2f} dB (bicubic {progress.val_bicubic:.2f})"
            if progress.val_ssim is not None and progress.val_bicubic_ssim is not None:
                text += f", SSIM {progress.val_ssim:.3f} ({progress.val_bicubic_ssim:.3f})"
            self.figures.setText(text)
        if not self._timer.isActive():
            self._timer.start(max(0, int(1000 * (self._drawn + DRAW_SECONDS - time.monotonic()))))

    def draw(self) -> None:
        """Draw all curves."""
        from napari_sr.training.curves import draw_curves

        draw_curves(self.figure, self.history, log=self.log_box.isChecked(), colour=COLOUR)
        rows = 2 if len(self.figure.axes) > 2 else 1
        self.hint.setText(HOW_TO_READ + (WITH_A_CRITIC if rows == 2 else ""))
        self.canvas.setFixedHeight(190 * rows)
        self.figure.subplots_adjust(
            left=0.12, right=0.98, top=1 - 0.1 / rows, bottom=0.26 / rows, wspace=0.3, hspace=0.6
        )
        self.canvas.draw()
        self._drawn = time.monotonic()
