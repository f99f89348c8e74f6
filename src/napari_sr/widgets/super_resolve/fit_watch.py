"""Measures, in the background, what an image is like and which models suit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sr.widgets.base.latest import Latest
from napari_sr.widgets.layers.snapshot import NANOMETRES, Snapshot

if TYPE_CHECKING:
    from napari_sr.models.fit import Fit, Seen
    from napari_sr.models.model import ModelCard


#: models that are recommended at most
RECOMMENDED = 3


@dataclass(frozen=True)
class ImageFits:
    """What was found out.

    Attributes
    ----------
    layer
        Identifies the layer that was measured.
    seen
        What its image is like.
    fits
        How each model suits it, by name.
    recommended
        Names of at most three models to recommend, the best first: trained, fitting, of this kind of image, faithful,
        and better than interpolation on their own cards.
    """

    layer: int
    seen: Seen
    fits: Mapping[str, Fit]
    recommended: tuple[str, ...]


class FitWatch(QObject):
    """Emits :class:`ImageFits` for the image that was asked about last, or a sentence on why there is none."""

    fits_found = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._latest = Latest(self, self.fits_found.emit, self.failed.emit)

    @property
    def busy(self) -> bool:
        """True while something is measured."""
        return self._latest.busy

    def ask(self, layer: int, source: Snapshot, axes: str, cards: Sequence[ModelCard]) -> None:
        """Measure a layer's image and judge ``cards``."""
        chosen = tuple(cards)
        self._latest.ask(lambda: judge(layer, source, axes, chosen))

    def forget(self) -> None:
        """Want nothing any more."""
        self._latest.forget()


def judge(layer: int, source: Snapshot, axes: str, cards: Sequence[ModelCard]) -> ImageFits:
    """Measure the image of a snapshot and judge the models; takes a few tenths of a second."""
    from napari_sr.inference.recommend import seen as look
    from napari_sr.models.fit import fit, ranked, recommendable

    known = NANOMETRES.get(source.unit)
    seen = look(source.data, axes, kind=source.kind, pixel_nm=None if known is None else source.pixel_size * known)
    fits = {card.name: fit(card, seen) for card in cards}
    best = [c.name for c in ranked(cards, fits, kind=seen.kind) if recommendable(c, fits[c.name], seen.kind)]
    return ImageFits(layer, seen, fits, tuple(best[:RECOMMENDED]))


def conditions_of(seen: Any) -> dict[str, float]:
    """Return what a model is told of an image that was measured."""
    return {"blur": seen.blur, "noise": seen.noise, "shot": seen.shot}
