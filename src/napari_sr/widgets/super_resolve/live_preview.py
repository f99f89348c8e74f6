"""A preview that follows: of all that is asked for, only the last is computed and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_sr.widgets.base.latest import Latest
from napari_sr.widgets.super_resolve.preview import Window
from napari_sr.widgets.super_resolve.request import Request

if TYPE_CHECKING:
    from napari_sr.inference import Finished, Upscaler


@dataclass(frozen=True)
class PreviewRequest:
    """What a preview shows: a window of a layer, a model, and what it is told."""

    request: Request
    window: Window
    conditions: Mapping[str, float]


@dataclass(frozen=True)
class Previewed:
    """A window, super-resolved."""

    asked: PreviewRequest
    finished: Finished
    model: str
    scale: int


class LivePreview(QObject):
    """Computes previews in the background; the model that was loaded last stays in memory."""

    done = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._latest = Latest(self, self.done.emit, self.failed.emit)
        self._loaded: tuple[Any, Upscaler] | None = None

    @property
    def busy(self) -> bool:
        """True while a preview is computed."""
        return self._latest.busy

    def ask(self, asked: PreviewRequest) -> None:
        """Ask for a preview; one that was asked for before and has not begun is dropped."""
        self._latest.ask(lambda: self._compute(asked))

    def forget(self) -> None:
        """Want no preview any more, and read models anew the next time."""
        self._latest.forget()
        self._loaded = None

    def _compute(self, asked: PreviewRequest) -> Previewed:
        from napari_sr.inference import Upscaler

        request, window = asked.request, asked.window
        device, precision = str(request.settings["device"]), str(request.settings["precision"])
        key, loaded = (request.model, request.mix, device, precision), self._loaded
        if loaded is not None and loaded[0] == key:
            upscaler = loaded[1]
        else:
            upscaler = Upscaler(request.load(), device=device, precision=precision)
        self._loaded = (key, upscaler)
        model = upscaler.model
        told = {c.name: asked.conditions[c.name] for c in model.network.conditions if c.name in asked.conditions}
        finished = upscaler.window(
            request.source.data, axes=request.axes, index=window.index, rows=window.rows, columns=window.columns,
            conditions=told,
        )  # fmt: skip
        return Previewed(asked, finished, model.card.name, model.scale)
