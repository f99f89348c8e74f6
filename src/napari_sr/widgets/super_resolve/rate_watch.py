"""How fast a model is here: measured on a small part of the image before anybody waits for the whole.

A whole image and a part in view have rates of their own: of a large image, the channels of some networks are measured
once for all tiles (:mod:`napari_sr.inference.fixed_channels`), which makes them up to twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_sr.widgets.base.latest import Latest

if TYPE_CHECKING:
    from napari_sr.inference import Upscaler
    from napari_sr.widgets.super_resolve.request import UpscaleRequest

#: side of the part, LR pixels
SIDE = 96


@dataclass(frozen=True)
class Rates:
    """Output megapixels a second, of a whole image and of a part in view; None what is not known."""

    whole: float | None = None
    view: float | None = None


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
        self._rates: dict[tuple[str, str, str], Rates] = {}
        self._changed = changed

    def rate(self, model: str, settings: dict[str, object], *, view: bool = False) -> float | None:
        """Return output megapixels a second, of a part in ``view`` if it is asked for; None if nothing was measured."""
        found = self._rates.get(_key(model, settings), Rates())
        first, other = (found.view, found.whole) if view else (found.whole, found.view)
        return other if first is None else first

    def saw(
        self, model: str, settings: dict[str, object], megapixels: float, seconds: float, *, view: bool = False
    ) -> None:  # fmt: skip
        """Take the rate of something that was run."""
        key, rate = _key(model, settings), megapixels / max(seconds, 1e-6)
        found = self._rates.get(key, Rates())
        self._rates[key] = Rates(found.whole, rate) if view else Rates(rate, found.view)

    def ask(self, model: str, request: UpscaleRequest) -> None:
        """Measure a model on the middle of an image, unless it was measured."""
        key = _key(model, request.settings)
        if (known := self._rates.get(key)) is not None and known.whole is not None:
            return

        def measure() -> tuple[tuple[str, str, str], Rates]:
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
            view = _rate(upscaler, crop, axes)
            fixed = _with_fixed_channels(upscaler, crop, axes, request)
            return key, Rates(view if fixed is None else _rate(fixed, crop, axes), view)

        self._latest.ask(measure)

    def forget(self) -> None:
        """Measure nothing any more."""
        self._latest.forget()

    def _take(self, found: tuple[tuple[str, str, str], Rates]) -> None:
        self._rates[found[0]] = found[1]
        self._changed()


def _rate(upscaler: Upscaler, crop: np.ndarray, axes: str) -> float:
    """Return the output megapixels a second of an image that is small."""
    told = dict.fromkeys((c.name for c in upscaler.model.network.conditions), 0.0)
    everything = slice(None)
    for _ in range(2):  # the first builds kernels
        report = upscaler.window(
            crop, axes=axes, index=(), rows=everything, columns=everything, conditions=told
        ).report  # fmt: skip
    return report.megapixels / max(report.seconds, 1e-6)


def _with_fixed_channels(
    upscaler: Upscaler, crop: np.ndarray, axes: str, request: UpscaleRequest
) -> Upscaler | None:  # fmt: skip
    """Return an upscaler that is as fast as one for the whole image will be; None if that is nothing special."""
    from napari_sr.images.axes import Layout
    from napari_sr.inference.device import trained_patch
    from napari_sr.inference.fixed_channels import untested_channels, worth_fixing
    from napari_sr.inference.plane_runs import amount_of
    from napari_sr.inference.spread_patches import FEWEST, spread_patches

    model, layout = upscaler.model, Layout(request.axes, tuple(request.source.data.shape))
    chosen = request.settings.get("tile", "auto") != "auto" or request.settings.get("overlap") is not None
    if chosen or not worth_fixing(model, upscaler.prepared.target, layout, amount_of(layout).pixels):
        return None
    lr = spread_patches(model, crop, Layout(axes, crop.shape), trained_patch(model), FEWEST)
    channels = untested_channels(model, lr) if len(lr) else None
    return None if channels is None else upscaler.fixed(channels)


def _key(model: str, settings: dict[str, object]) -> tuple[str, str, str]:
    return model, str(settings["device"]), str(settings["precision"])
