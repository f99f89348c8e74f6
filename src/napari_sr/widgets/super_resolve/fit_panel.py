"""Which model suits the image: the verdict in words, and what is known of the image, with links that set it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.errors import SRError
from napari_sr.widgets.base.messages import MessageLabel
from napari_sr.widgets.controls.pixel_row import PixelRow
from napari_sr.widgets.layers.snapshot import METADATA_KEY, check_axes, snapshot
from napari_sr.widgets.super_resolve.fit_watch import FitWatch, ImageFits
from napari_sr.widgets.super_resolve.verdict_text import KIND, PIXELS, USE, image_html, question, verdict_html

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sr.models.model import ModelCard


#: milliseconds that nothing else must be chosen for
SETTLE = 40


class FitPanel(QWidget):
    """Shows whether the chosen model suits the chosen image.

    ``judged`` tells what was found out about an image, ``wanted`` the name of a model that was clicked, ``changed``
    that the layer was given a kind or a pixel size, ``sized`` which layer has what size, ``failed`` why nothing could
    be found out.
    """

    fits_found = Signal(object)
    wanted = Signal(str)
    changed = Signal()
    failed = Signal(str)
    sized = Signal(object, str, float, str)

    def __init__(self) -> None:
        super().__init__()
        self.verdict, self.facts, self.pixel_row = MessageLabel(rich=True), MessageLabel(rich=True), PixelRow()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.verdict, self.facts, self.pixel_row):
            layout.addWidget(part)
        self.found: ImageFits | None = None
        self._layer: Image | None = None
        self._axes = ""
        self._asked: tuple[int, str] | None = None
        self._watch = FitWatch(self)
        self._cards: Sequence[ModelCard] = ()
        # many layers can come or go at once: only the one that is chosen in the end is measured
        self._settle = QTimer(self, singleShot=True, interval=SETTLE)
        self._settle.timeout.connect(self._ask)
        self._watch.fits_found.connect(self._on_fits)
        self._watch.failed.connect(self._on_failed)
        self.verdict.linkActivated.connect(self._on_link)
        self.facts.linkActivated.connect(self._on_link)
        self.pixel_row.given.connect(self._set_pixel_size)

    @property
    def busy(self) -> bool:
        """True while an image is measured."""
        return self._settle.isActive() or self._watch.busy

    def measure(self, layer: Image | None, axes: str, cards: Sequence[ModelCard]) -> None:
        """Find out in the background what the image of a layer is like, and which models suit it."""
        if layer is not self._layer:
            self.pixel_row.hide()
        self._layer, self._axes, self.found = layer, axes, None
        self._settle.stop()
        self.facts.say("")
        if layer is None or not cards:
            self.verdict.say("")
            return
        try:
            check_axes(axes, layer)
        except SRError:  # said when it is run
            self.verdict.say("")
            return
        self.verdict.say("Looking at the image …")
        self._cards = cards
        self._settle.start()

    def _ask(self) -> None:
        if self._layer is not None:
            self._watch.ask(id(self._layer), snapshot(self._layer), self._axes, self._cards)

    def show_model(self, card: ModelCard | None, cards: Sequence[ModelCard]) -> None:
        """Show the verdict on the chosen model."""
        self._asked = None
        if self.found is None or card is None or card.name not in self.found.fits:
            return
        recommended = self.found.recommended
        best = next((c for c in cards if recommended and c.name == recommended[0]), None)
        is_best = best is not None and best.name == card.name
        self.verdict.say(verdict_html(card, self.found.fits[card.name], best, is_best=is_best))
        self.facts.say(image_html(self.found.seen))

    def objection(self, card: ModelCard | None) -> str:
        """Return what is asked before the model runs on the image; empty if it suits, or was asked before."""
        if card is None or self.found is None or card.name not in self.found.fits:
            return ""
        key = (self.found.layer, card.name)
        if self.found.fits[card.name].verdict != "red" or self._asked == key:
            return ""
        self._asked = key
        return question(card)

    def shut_down(self) -> None:
        """Want nothing any more."""
        self._settle.stop()
        self._watch.forget()

    def _on_fits(self, found: ImageFits) -> None:
        if self._layer is None or id(self._layer) != found.layer:
            return
        self.found = found
        self.fits_found.emit(found)

    def _on_failed(self, reason: str) -> None:
        self.verdict.say("")
        self.failed.emit(reason)

    def _on_link(self, link: str) -> None:
        if link.startswith(USE):
            self.wanted.emit(link.removeprefix(USE))
        elif link.startswith(KIND) and self._layer is not None:
            self._layer.metadata.setdefault(METADATA_KEY, {})["kind"] = link.removeprefix(KIND)
            self.changed.emit()
        elif link.startswith(PIXELS):
            self.pixel_row.show()

    def _set_pixel_size(self, size: float, unit: str) -> None:
        if self._layer is None:
            return
        self.sized.emit(self._layer, self._axes, size, unit)
        self.pixel_row.hide()
        self.changed.emit()
