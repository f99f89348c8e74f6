"""How fast a model is here: measured on a small part of the image before anybody waits for the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_sr.widgets.base.latest import Latest

if TYPE_CHECKING:
    from napari_sr.widgets.super_resolve.request import UpscaleRequest

#: side of the part, LR pixels
SIDE = 96


class RateWatch:
    """Measures one model at a time in the background, each once.

    Parameters
    ----------
    owner
        The widget.
    changed
        Called when something was measured.
    """

    def __init__(self, owner: QObject, changed: Callable[[], None]) -> None:
        self._latest = Latest(owner, self._take, lambda reason: None)
        self._rates: dict[tuple[str, str, str], float] = {}
        self._changed = changed

    def rate(self, model: str, settings: dict[str, object]) -> float | None:
        """Return output megapixels a second; None if it was not measured."""
        return self._rates.get(_key(model, settings))

    def saw(self, model: str, settings: dict[str, object], megapixels: float, seconds: float) -> None:
        """Take the rate of something that was run."""
        self._rates[_key(model, settings)] = megapixels / max(seconds, 1e-6)

    def ask(self, model: str, request: UpscaleRequest) -> None:
        """Measure a model on the middle of an image, unless it was measured."""
        key = _key(model, request.settings)
        if key in self._rates:
            return

        def measure() -> tuple[tuple[str, str, str], float]:
            from napari_sr.images.axes import Layout
            from napari_sr.images.selection import Selection
            from napari_sr.inference import Upscaler
            from napari_sr.inference.parts import Part

            upscaler = Upscaler(request.load(), device=key[1], precision=key[2])
            layout = Layout(request.axes, tuple(request.source.data.shape))
            rows, columns = (slice(max(0, n // 2 - SIDE // 2), n // 2 + SIDE // 2) for n in layout.plane_shape)
            first = {a: (0,) for a in request.axes if a not in "YXS"}
            middle = Part(request.source.data, layout, Selection(rows, columns, first))
            planes = [np.asarray(middle.plane(index)) for index in middle.layout.planes()]
            # an image of its own: of a large one, the whole plane would be read for its intensities
            crop, axes = (np.stack(planes, -1), "YXS") if "S" in request.axes else (planes[0], "YX")
            seconds, megapixels = 1.0, 0.0
            for _ in range(2):  # the first builds kernels
                report = upscaler.window(
                    crop, axes=axes, index=(), rows=slice(None), columns=slice(None),
                    conditions=dict.fromkeys((c.name for c in upscaler.model.network.conditions), 0.0),
                ).report  # fmt: skip
                seconds, megapixels = report.seconds, report.megapixels
            return key, megapixels / max(seconds, 1e-6)

        self._latest.ask(measure)

    def forget(self) -> None:
        """Measure nothing any more."""
        self._latest.forget()

    def _take(self, found: tuple[tuple[str, str, str], float]) -> None:
        self._rates[found[0]] = found[1]
        self._changed()


def _key(model: str, settings: dict[str, object]) -> tuple[str, str, str]:
    return model, str(settings["device"]), str(settings["precision"])
