"""The list of models, grouped by kind of image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_sr.model import ModelCard

GROUPS = ("own", "EM", "N-body", "fluorescence", "any")
TITLES = {
    "own": "Your own",
    "EM": "Electron microscopy",
    "N-body": "Cosmology (N-body)",
    "any": "Interpolation (any image)",
}


class ModelBox(QComboBox):
    """A combo box of model cards with a heading for each kind of image."""

    model_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(18)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.currentIndexChanged.connect(lambda index: self.model_changed.emit())

    def set_cards(self, cards: Sequence[ModelCard]) -> None:
        """Show ``cards``; keeps the current one if it is still there, else takes the first trained one."""
        current = self.card()
        kinds = [*GROUPS, *sorted({c.kind for c in cards} - set(GROUPS))]
        items = QStandardItemModel(self)
        for kind in kinds:
            group = [c for c in cards if c.kind == kind]
            if not group:
                continue
            heading = QStandardItem(TITLES.get(kind, kind.capitalize()))
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            items.appendRow(heading)
            for card in group:
                item = QStandardItem(f"   {card.name}")
                item.setData(card, Qt.ItemDataRole.UserRole)
                item.setToolTip(card.title or card.description or card.name)
                items.appendRow(item)
        self.setModel(items)
        if current is None or not self.select(current.name):
            self._select_first()
        self.model_changed.emit()  # also if the place in the list is the same: its neighbours are others

    def _select_first(self) -> None:
        for row in range(self.count()):
            if self.itemData(row) is not None:
                self.setCurrentIndex(row)
                return

    def select(self, name: str) -> bool:
        """Choose the model ``name``; returns False if it is not listed."""
        for row in range(self.count()):
            card = self.itemData(row)
            if card is not None and card.name == name:
                self.setCurrentIndex(row)
                return True
        return False

    def card(self) -> ModelCard | None:
        """The chosen card."""
        card: ModelCard | None = self.currentData()  # None for a heading
        return card

    def cards(self) -> list[ModelCard]:
        """All listed cards."""
        return [c for c in (self.itemData(row) for row in range(self.count())) if c is not None]
