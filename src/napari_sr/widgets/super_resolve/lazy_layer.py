"""A layer over an image that is super-resolved where it is looked at."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sr.errors import SRError
from napari_sr.inference.lazy.lazy_image import LazyImage
from napari_sr.widgets.base.job import unexpected
from napari_sr.widgets.layers.snapshot import LOOKED, METADATA_KEY, resampled_arguments
from napari_sr.widgets.super_resolve.looked_at import looked_at
from napari_sr.widgets.super_resolve.model_choice import told_by
from napari_sr.widgets.super_resolve.preview_layer import camera
from napari_sr.widgets.super_resolve.tiles_text import AWAY, FAR, NOT_FLAT, tiles_text

if TYPE_CHECKING:
    from napari_sr.inference import Upscaler
    from napari_sr.models.model import ModelCard
    from napari_sr.widgets.super_resolve.request import UpscaleRequest

logger = logging.getLogger(__name__)
#: milliseconds after which it is seen where the view has gone to, and after which new tiles are drawn
LOOK, DRAW = 50, 100


class LazyLayer(QObject):
    """Adds the layer, tells the background where a person looks, and draws what comes.

    Parameters
    ----------
    viewer
        The viewer.
    request, card
        What is to be super-resolved, and the card of the model.
    cache_bytes
        That tiles may take.
    """

    #: there is something new to say
    told = Signal()
    _changed = Signal()

    def __init__(self, viewer: Any, request: UpscaleRequest, card: ModelCard, cache_bytes: int) -> None:
        super().__init__()
        self.viewer, self.request, self.card = viewer, request, card
        source, self.name = request.layer, f"{request.source.name} [{card.name}]"
        self.lazy = LazyImage(
            list(source.data) if source.multiscale else [source.data], request.axes, scale=card.scale,
            load=lambda: _load(request), conditions=told_of(request, card), changed=self._from_thread,
            cache_bytes=cache_bytes,
        )  # fmt: skip
        about = {
            "made_by": LOOKED, "source_layer": request.source.name, "source_id": str(source.unique_id),
            "kind": request.source.kind, "model_card": asdict(card), "axes": request.axes,
            "loaded_from": (request.model, request.mix),
        }  # fmt: skip
        self.layer: Image = viewer.add_image(
            self.lazy.levels, multiscale=True, name=self.name,
            metadata={METADATA_KEY: about}, **resampled_arguments(source, request.axes, card.scale),
        )  # fmt: skip
        self._drawn, self._logged, self._where = 0, False, ""
        self._look_timer, self._draw_timer = self._timer(LOOK, self.look), self._timer(DRAW, self._draw)
        self._changed.connect(self._on_change)
        self._connected = False
        self.start()

    def _timer(self, milliseconds: int, call: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(call)
        return timer

    def _emitters(self) -> list[Any]:
        """Return what tells that something else may be in view."""
        view, dims, own = camera(self.viewer).events, self.viewer.dims.events, self.layer.events
        size = [self.viewer.canvas.events.size] if hasattr(self.viewer, "canvas") else []  # since napari 0.9
        return [view.center, view.zoom, dims.point, dims.order, dims.ndisplay, own.visible, own.set_data, *size]

    def start(self) -> None:
        """Follow the view."""
        if not self._connected:
            self._connected = True
            for emitter in self._emitters():
                emitter.connect(self._on_view)
            self._on_view()

    def stop(self, *, forget: bool = False) -> None:
        """Follow the view no more, and end what goes on in the background."""
        if self._connected:
            self._connected = False
            for emitter in self._emitters():
                emitter.disconnect(self._on_view)
        self._look_timer.stop()
        self._draw_timer.stop()
        self.lazy.close()
        if forget:
            self.lazy.forget()

    def pause(self) -> None:
        """End what goes on in the background until something else is looked at."""
        self.lazy.close()

    def ask(self, request: UpscaleRequest) -> None:
        """Show what another request for the same image and model wants: other conditions, or another mixture."""
        before, told = self.request, told_of(request, self.card)
        again = before.model, before.mix, before.settings
        same = again == (request.model, request.mix, request.settings)
        if same and told == told_of(before, self.card):
            return
        self.request, self._logged = request, False
        self.layer.metadata[METADATA_KEY]["loaded_from"] = (request.model, request.mix)
        self.lazy.tell(told, load=None if same else lambda: _load(request))
        self._on_change()

    def say(self) -> tuple[str, bool]:
        """Return a sentence on the tiles in view, and whether something went wrong."""
        seen = self.lazy.seen()
        text = self._where or tiles_text(seen)
        if seen.failure is None:
            return text, False
        if isinstance(seen.failure, SRError):
            return f"{seen.failure} {text}".strip(), True
        if not self._logged:
            self._logged = True
            logger.error("A tile could not be computed", exc_info=seen.failure)
        return f"{unexpected(seen.failure)} {text}".strip(), True

    def look(self) -> None:
        """Want the tiles that are in view now."""
        looked = looked_at(self.viewer, self.layer, self.lazy.layout, self.card.scale)
        self._where = self._why_not(looked is not None)
        self.lazy.look(None if self._where else looked)
        if self._where == FAR and looked is not None:
            self.lazy.prepare(looked.index)  # so that the first tile comes at once
        self._on_change()

    def _why_not(self, in_view: bool) -> str:
        """Return why no tiles are wanted; empty if some are."""
        layout, hidden = self.lazy.layout, self.viewer.dims.ndim - self.layer.ndim
        if not self.layer.visible:
            return "The layer is hidden."
        if sorted(d - hidden for d in self.viewer.dims.displayed) != sorted((layout.y, layout.x)):
            return NOT_FLAT
        if not in_view:
            return AWAY
        return FAR if self.layer.data_level >= self.lazy.sharp else ""

    def _on_view(self, event: Any = None) -> None:
        # not started anew: while the view moves on and on, it is looked now and then
        if not self._look_timer.isActive():
            self._look_timer.start()

    def _from_thread(self) -> None:
        with suppress(RuntimeError):  # the window, and this object with it, may be gone
            self._changed.emit()

    def _on_change(self) -> None:
        if self._connected and not self._draw_timer.isActive():
            self._draw_timer.start()

    def _draw(self) -> None:
        """Show the tiles that have come, and say so."""
        seen = self.lazy.seen()
        if seen.computed != self._drawn:
            self._drawn = seen.computed
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        self.told.emit()


def told_of(request: UpscaleRequest, card: ModelCard) -> dict[str, float | str]:
    """Return what a model is told of an image: of what was set, that which it can be told."""
    known = {c.name for c in told_by(card)}
    return {name: value for name, value in request.conditions.items() if name in known}


def _load(request: UpscaleRequest) -> Upscaler:
    from napari_sr.inference import Upscaler

    return Upscaler(request.load(), **request.settings)
