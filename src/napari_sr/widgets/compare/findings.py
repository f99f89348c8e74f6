"""Sentences with a traffic light, and the one on whether the model fits the image at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.evaluation.evidence import Line
from napari_sr.widgets.base.colours import LIGHTS, mark
from napari_sr.widgets.base.messages import MessageLabel
from napari_sr.widgets.layers.snapshot import NANOMETRES, Snapshot

#: side in pixels below which nothing is known of an image
SMALLEST = 16
#: added to the name of a map where the model does not fit
MISFIT = " (the model does not fit)"


class Findings(QWidget):
    """Sentences with dots in their colours, one below the other."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)
        self._lines: tuple[Line, ...] = ()

    def lines(self) -> tuple[Line, ...]:
        """What is shown."""
        return self._lines

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these instead of what was shown."""
        self._lines = tuple(lines)
        while (item := self._rows.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for line in lines:
            label = MessageLabel(rich=True)
            label.say(f"<span style='color:{mark(LIGHTS[line.light])}'>●</span> {escape(line.text)}")
            self._rows.addWidget(label)


def misfit_line(card: Mapping[str, Any], source: Snapshot, axes: str) -> Line | None:
    """Return a red line if the model on a card does not fit an image; None if nothing is known against it."""
    from napari_sr.inference.recommend import seen
    from napari_sr.models.fit import fit
    from napari_sr.models.model import ModelCard

    if min(source.data.shape[axes.index(a)] for a in "YX") < SMALLEST:
        return None
    factor = NANOMETRES.get(source.unit)
    pixel_nm = None if factor is None else source.pixel_size * factor
    found = fit(ModelCard(**card), seen(source.data, axes, kind=source.kind, pixel_nm=pixel_nm))
    if found.verdict != "red":
        return None
    return Line("red", f"{card['name']} does not fit this image: {'; '.join(found.reasons)}.")
