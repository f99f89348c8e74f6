"""Sliders for what a model is told of an image: *How blurred*, *How noisy*."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from qtpy.QtCore import QPoint, QRect, Qt, Signal
from qtpy.QtGui import QMouseEvent, QPainter, QPaintEvent, QPolygon
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSlider, QStyle, QStyleOptionSlider, QWidget

from napari_sr.conditions import Condition, within

STEPS = 200
#: half the width of the mark, pixels
MARK = 4


class MarkedSlider(QSlider):
    """A horizontal slider with a mark at one value; a double click goes back there."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, STEPS)
        self.mark: int | None = None

    def set_mark(self, step: int | None) -> None:
        """Put the mark at a step; None for no mark."""
        self.mark = step
        self.update()

    def mark_position(self) -> int | None:
        """Return where the mark is painted, pixels from the left."""
        if self.mark is None:
            return None
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        part = QStyle.SubControl.SC_SliderHandle
        handle: QRect = style.subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self)
        free = self.width() - handle.width()
        along = QStyle.sliderPositionFromValue(self.minimum(), self.maximum(), self.mark, free)
        return int(handle.width() // 2 + along)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        x = self.mark_position()
        if x is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().windowText())
        low = self.height() - 1
        painter.drawPolygon(QPolygon([QPoint(x - MARK, low), QPoint(x + MARK, low), QPoint(x, low - MARK - 1)]))
        painter.end()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        if self.mark is not None:
            self.setValue(self.mark)


class ConditionSlider(QWidget):
    """One condition: a slider, its value in words, and a mark at what was estimated.

    ``moved`` is emitted whenever a person moves it, not when it is set.
    """

    moved = Signal()

    def __init__(self, condition: Condition) -> None:
        super().__init__()
        self.condition = condition
        self.estimate: float | None = None
        self._value = condition.default
        self._by_hand = False
        self.slider = MarkedSlider()
        self.slider.setToolTip(
            f"{condition.explanation} The triangle marks what was estimated from the image; a double click goes there."
        )
        self.slider.setAccessibleName(condition.title)
        self.label = QLabel()
        self.label.setMinimumWidth(64)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        self.slider.valueChanged.connect(self._on_slider)
        self._show()

    @property
    def by_hand(self) -> bool:
        """True once a person has chosen the value."""
        return self._by_hand

    def value(self) -> float:
        """The value that the model is told."""
        return self._value

    def set_estimate(self, value: float | None) -> None:
        """Mark what was estimated and go there; None for not known."""
        self.estimate = value
        self._by_hand = False
        self._value = self.condition.default if value is None else self.condition.clipped(value)
        self._show()

    def _show(self) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(to_step(self.condition, self._value))
        self.slider.blockSignals(False)
        self.slider.set_mark(None if self.estimate is None else to_step(self.condition, self.estimate))
        self._show_text()

    def _show_text(self) -> None:
        unit = {"LR pixels": " px", "% of the range": " %"}.get(self.condition.unit, f" {self.condition.unit}")
        self.label.setText(f"{self._value:.{self.condition.decimals}f}{unit}".rstrip())

    def _on_slider(self, step: int) -> None:
        at_mark = self.estimate is not None and step == self.slider.mark
        self._value = self.estimate if at_mark and self.estimate is not None else from_step(self.condition, step)
        self._by_hand = not at_mark
        self._show_text()
        self.moved.emit()


class ConditionRow(QWidget):
    """The sliders of a model's conditions that have a unit; hidden where it has none.

    What has none (where the noise comes from) is estimated alone, and goes along.
    """

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._conditions: tuple[Condition, ...] = ()
        self._estimate: dict[str, float] = {}
        self._trained: dict[str, tuple[float, float]] = {}
        self.sliders: dict[str, ConditionSlider] = {}
        self.hide()

    def set_conditions(
        self, conditions: Sequence[Condition], trained: Mapping[str, tuple[float, float]] | None = None
    ) -> None:
        """Show sliders for these; values stay where a condition stays.

        What was estimated is taken for the nearest value within the ranges that the model was ``trained`` on.
        """
        if (tuple(conditions), dict(trained or {})) == (self._conditions, self._trained):
            return
        self._conditions, self._trained = tuple(conditions), dict(trained or {})
        while self._form.rowCount():
            self._form.removeRow(0)
        self.sliders = {}
        for condition in conditions:
            if not condition.unit:
                continue
            slider = ConditionSlider(condition)
            slider.set_estimate(self._estimated(condition.name))
            slider.moved.connect(self.moved)
            self._form.addRow(condition.title, slider)
            self.sliders[condition.name] = slider
        self.setVisible(bool(self.sliders))

    def set_estimate(self, values: Mapping[str, float]) -> None:
        """Take what was estimated from another image."""
        self._estimate = dict(values)
        for name, slider in self.sliders.items():
            slider.set_estimate(self._estimated(name))

    def _estimated(self, name: str) -> float | None:
        value = self._estimate.get(name)
        return None if value is None else within(self._trained.get(name), value)

    def values(self) -> dict[str, float]:
        """Return what the model is told: numbers for what is known or was set; the rest is left to be estimated."""
        estimated = {c.name: self._estimated(c.name) for c in self._conditions}
        known = {name: value for name, value in estimated.items() if value is not None}
        set_by_hand = {name: s.value() for name, s in self.sliders.items() if s.by_hand or s.estimate is not None}
        return known | set_by_hand


def to_step(condition: Condition, value: float) -> int:
    """Return the slider's step for a value."""
    return round((condition.normalised(value) + 1) / 2 * STEPS)


def from_step(condition: Condition, step: int) -> float:
    """Return the value of a slider's step."""
    share = step / STEPS
    if condition.logarithmic:
        return math.exp(math.log(condition.low) * (1 - share) + math.log(condition.high) * share)
    return condition.low * (1 - share) + condition.high * share
