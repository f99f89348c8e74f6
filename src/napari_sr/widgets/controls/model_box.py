"""The list of models, the ones to recommend first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QWidget

from napari_sr.widgets.controls.combo import Combo

if TYPE_CHECKING:
    from napari_sr.models.model import ModelCard

RECOMMENDED, OWN, THESES, INTERPOLATION = "Recommended", "Your own", "Of the theses", "Interpolation"
#: networks that the theses compare
OF_THESES = ("dfcan", "rcan", "wgan", "wiener")
#: headings of the kinds of image, in their order; others come behind
KINDS = {"EM": "Electron microscopy", "fluorescence": "Fluorescence", "N-body": "Cosmology (N-body)"}


def grouped(cards: Sequence[ModelCard], recommended: Sequence[str] = ()) -> list[tuple[str, list[ModelCard]]]:
    """Return headings and the models under them, each model once.

    First those that are recommended, in that order; then those that suit any image of a kind, or have a network that
    the theses do not; the specialists of the theses; the user's own, which are all that did not come with napari-sr;
    interpolation.
    """
    from napari_sr.models.fit import interpolates, is_told
    from napari_sr.models.store import shipped_names

    shipped = shipped_names()
    by_name = {card.name: card for card in cards}
    first = [by_name[name] for name in recommended if name in by_name]
    rest = [card for card in cards if card not in first]

    def heading(card: ModelCard) -> str:
        if interpolates(card):
            return INTERPOLATION
        if card.kind == "own" or card.name not in shipped:
            return OWN
        if card.network in OF_THESES and not is_told(card):
            return THESES
        return KINDS.get(card.kind, card.kind.capitalize())

    kinds = [*KINDS.values(), *sorted({heading(c) for c in rest} - {*KINDS.values(), OWN, THESES, INTERPOLATION})]
    groups = [(RECOMMENDED, first)]
    groups += [(title, [c for c in rest if heading(c) == title]) for title in (*kinds, THESES, OWN, INTERPOLATION)]
    return [(title, members) for title, members in groups if members]


def distinct_titles(cards: Sequence[ModelCard]) -> list[str]:
    """Return the titles of models; several of one title say their names, too."""
    titles = [card.title or card.name for card in cards]
    count = Counter(titles)
    return [f"{t} ({card.name})" if count[t] > 1 else t for t, card in zip(titles, cards, strict=True)]


class ModelBox(Combo):
    """A combo box of model cards under headings; titles in words, names in the tooltip.

    ``model_changed`` is emitted for every change, ``chosen`` only when a person chose.
    """

    model_changed = Signal()
    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recommended: tuple[str, ...] = ()
        self.currentIndexChanged.connect(self._on_index)
        self.activated.connect(lambda index: self.chosen.emit())

    def _on_index(self, index: int) -> None:
        card = self.card()
        self.setToolTip("" if card is None else tooltip(card))
        self.model_changed.emit()

    def set_cards(self, cards: Sequence[ModelCard], recommended: Sequence[str] | None = None) -> None:
        """Show ``cards``; keeps the current one if it is still there, else takes the first.

        ``recommended`` are the names to show first; those from before if None.
        """
        if recommended is not None:
            self._recommended = tuple(recommended)
        current = self.card()
        titles = dict(zip((c.name for c in cards), distinct_titles(cards), strict=True))
        items = QStandardItemModel(self)
        for title, members in grouped(cards, self._recommended):
            heading = QStandardItem(title)
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            items.appendRow(heading)
            for card in members:
                item = QStandardItem(f"   {titles[card.name]}")
                item.setData(card, Qt.ItemDataRole.UserRole)
                item.setToolTip(tooltip(card))
                items.appendRow(item)
        self.blockSignals(True)
        self.setModel(items)
        if current is None or not self.select(current.name):
            self._select_first()
        self.blockSignals(False)
        self._on_index(self.currentIndex())  # also if the place in the list is the same: its neighbours are others

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


def tooltip(card: ModelCard) -> str:
    """Return a model's name, and what it is."""
    return f"{card.name}\n{card.description}".strip()
