"""The choice of further models that are asked about the same picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard

NONE = "no other model fits"


class AlsoBox(QListWidget):
    """Models with a box to tick; none is ticked at first."""

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setMaximumHeight(76)
        self.setToolTip("Where models that were trained differently do not agree, at least one of them is guessing.")
        self.set_cards(())

    def set_cards(self, cards: Sequence[ModelCard]) -> None:
        """List models; what was ticked stays ticked."""
        ticked = self.names()
        self.clear()
        for card in cards:
            item = QListWidgetItem(card.name)
            item.setToolTip(card.title or card.name)
            item.setCheckState(Qt.CheckState.Checked if card.name in ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        if not cards:
            nothing = QListWidgetItem(NONE)
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.addItem(nothing)

    def tick(self, name: str, on: bool = True) -> None:
        """Tick a model, or not."""
        for item in self.findItems(name, Qt.MatchFlag.MatchExactly):
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def names(self) -> list[str]:
        """The ticked models."""
        items = [item for row in range(self.count()) if (item := self.item(row)) is not None]
        return [i.text() for i in items if i.flags() and i.checkState() == Qt.CheckState.Checked]
