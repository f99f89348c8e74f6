"""A preview that follows: of all that is asked for, only the last is computed and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sr.errors import SRError
from napari_sr.widgets.base.latest import Latest
from napari_sr.widgets.base.messages import ERROR
from napari_sr.widgets.super_resolve.preview_layer import (
    LARGEST,
    Window,
    camera,
    show_preview,
    side_for,
    visible_window,
)
from napari_sr.widgets.super_resolve.request import UpscaleRequest

if TYPE_CHECKING:
    from napari_sr.inference import Finished, Upscaler
    from napari_sr.inference.parts import PlaneFits
    from napari_sr.widgets.super_resolve.dock import SuperResolve

#: largest side of a preview that follows a slider, LR pixels: it has to keep up
LIVE = 128


@dataclass(frozen=True)
class PreviewRequest:
    """What a preview shows: a window of a layer, a model, and what it is told."""

    request: UpscaleRequest
    window: Window
    conditions: Mapping[str, float]


@dataclass(frozen=True)
class Previewed:
    """A window, super-resolved."""

    asked: PreviewRequest
    finished: Finished
    model: str
    scale: int


class LivePreview:
    """Asks for previews, and shows them; the model that was loaded last stays in memory.

    Parameters
    ----------
    dock
        The dock widget that this serves.
    """

    def __init__(self, dock: SuperResolve) -> None:
        self.dock = dock
        self._latest = Latest(dock, self._show, lambda reason: dock.say(reason, ERROR))
        self._loaded: tuple[Any, Upscaler] | None = None
        #: of the image of the last preview: a large one is not read again for every move of a slider
        self._fits: PlaneFits | None = None

    @property
    def busy(self) -> bool:
        """True while one is computed."""
        return self._latest.busy

    def forget(self) -> None:
        """Want none any more, and read models anew the next time."""
        self._latest.forget()
        self._loaded = self._fits = None

    def follow(self) -> None:
        """Something was moved that changes what a preview shows: show the latest, if there can be one."""
        if self.dock.form.preview_button.isEnabled():
            self.ask(largest=LIVE)

    def ask(self, *, largest: int = LARGEST) -> None:
        """Super-resolve a square in the centre of the view, of at most ``largest`` LR pixels a side."""
        dock = self.dock
        try:
            request, card = dock.request(whole=True), dock.models.card()
            if request is None or card is None:
                return
            dims = dock.viewer.dims
            window = visible_window(
                request.layer, request.axes, centre=camera(dock.viewer).center, step=dims.point,
                world_units=getattr(dock.viewer.layers, "units", None), displayed=dims.displayed,
                side=min(largest, side_for(dock.rates.rate(card.name, request.settings, view=True), card.scale)),
            )  # fmt: skip
        except (SRError, ValueError) as error:
            dock.say(str(error), ERROR)
            return
        if not self.busy:
            dock.say_meanwhile("Preview …")
        asked = PreviewRequest(request, window, request.conditions)
        self._latest.ask(lambda: self._compute(asked))

    def _compute(self, asked: PreviewRequest) -> Previewed:
        from napari_sr.images.axes import Layout
        from napari_sr.inference import Upscaler
        from napari_sr.inference.parts import fits_of

        request, window = asked.request, asked.window
        device, precision = str(request.settings["device"]), str(request.settings["precision"])
        key, loaded = (request.model, request.mix, device, precision), self._loaded
        if loaded is not None and loaded[0] == key:
            upscaler = loaded[1]
        else:
            upscaler = Upscaler(request.load(), device=device, precision=precision)
        self._loaded = (key, upscaler)
        model = upscaler.model
        data = request.source.data
        layout = Layout(request.axes, tuple(int(n) for n in data.shape))
        fits = self._fits = fits_of(data, layout, model, self._fits)
        told = {c.name: asked.conditions[c.name] for c in model.network.conditions if c.name in asked.conditions}
        finished = upscaler.window(
            data, axes=request.axes, index=window.index, rows=window.rows, columns=window.columns, conditions=told,
            fits=fits,
        )  # fmt: skip
        return Previewed(asked, finished, model.card.name, model.scale)

    def _show(self, preview: Previewed) -> None:
        asked, report = preview.asked, preview.finished.report
        request, window = asked.request, asked.window
        self.dock.rates.saw(preview.model, request.settings, report.megapixels, report.seconds, view=True)
        if request.layer in self.dock.viewer.layers:
            image = preview.finished.image
            show_preview(self.dock.viewer, request.layer, request.axes, window, image, preview.scale)
        side = window.rows.stop - window.rows.start, window.columns.stop - window.columns.start
        self.dock.say(f"Preview of {side[0]} × {side[1]} pixels in {report.seconds:.2g} s.", tip=report.sentence())
        self.dock.refresh()
