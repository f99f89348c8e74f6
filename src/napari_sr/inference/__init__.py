"""Inference: one model over an image of any size, kind and number of dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sr.inference.events import Finished, Progress, Report
    from napari_sr.inference.one_call import iter_upscale, upscale
    from napari_sr.inference.upscaler import Upscaler

__all__ = ["Finished", "Progress", "Report", "Upscaler", "iter_upscale", "upscale"]


def __getattr__(name: str) -> Any:
    # imported when first used: the axes of a layer are wanted on the GUI thread, where torch would take seconds
    if name in __all__:
        from napari_sr.inference import events, one_call

        return getattr(events if hasattr(events, name) else one_call, name)
    raise AttributeError(f"module 'napari_sr.inference' has no attribute {name!r}")
