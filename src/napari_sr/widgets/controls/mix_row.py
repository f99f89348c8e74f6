"""The choice of a second model to mix in: *faithful* to *realistic*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

from napari_sr.widgets.controls.combo import Combo
from napari_sr.widgets.controls.model_box import distinct_titles

if TYPE_CHECKING:
    from napari_sr.models.model import Model, ModelCard


class MixRow(QWidget):
    """Another model of the same network, and how much of it.

    Shown only where there is one. ``moved`` is emitted whenever the slider moves, or another model is chosen: who
    follows shows the latest.
    """

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.box = Combo()
        self.box.setMinimumContentsLength(6)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setToolTip(
            "Mixes the weights of the chosen model with those of another that was trained from it, or the other way "
            "round: more detail, and more of it invented, towards a model with a critic."
        )
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("Left: the chosen model alone, faithful. Right: the other one, realistic.")
        self.slider.setRange(0, 20)
        self.slider.setValue(10)
        self.label = QLabel()
        self.label.setMinimumWidth(24)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, 2)
        row.addWidget(self.slider, 2)
        row.addWidget(self.label)
        self.box.currentIndexChanged.connect(self._on_choice)
        self.slider.valueChanged.connect(self._on_value)
        self.slider.valueChanged.connect(self._on_moved)
        self.set_partners(())

    def set_partners(self, cards: Sequence[ModelCard]) -> None:
        """Offer these models; what was chosen stays if it is among them."""
        chosen = self.box.currentData()
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItem("no other model", None)
        for card, title in zip(cards, distinct_titles(cards), strict=True):
            self.box.addItem(title, card.name)
        self.box.setCurrentIndex(max(0, self.box.findData(chosen)))
        self.box.blockSignals(False)
        self.setEnabled(bool(cards))
        self._on_value()

    def mix(self) -> tuple[str, float] | None:
        """The other model and its share, 0 to 1; None if nothing is mixed in."""
        name, share = self.box.currentData(), self.slider.value() / self.slider.maximum()
        return (str(name), share) if name is not None and share > 0 else None

    def _on_choice(self) -> None:
        self._on_value()
        self.moved.emit()

    def _on_moved(self) -> None:
        if self.slider.isEnabled():
            self.moved.emit()

    def _on_value(self) -> None:
        on = self.box.currentData() is not None
        self.slider.setEnabled(on)
        self.label.setText(f"{100 * self.slider.value() // self.slider.maximum()} %" if on else "")


def load_mixed(name: str, mix: tuple[str, float] | None) -> Model:
    """Load a model, mixed with a share of another if that is wanted; both by name or path."""
    from napari_sr.models.blend import blend
    from napari_sr.models.store import load_model

    model = load_model(name)
    return model if mix is None else blend(model, load_model(mix[0]), mix[1])
