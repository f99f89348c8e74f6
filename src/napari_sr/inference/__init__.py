"""Inference: one model over an image of any size, kind and number of dimensions."""

from __future__ import annotations

from napari_sr.inference.engine import Finished, Progress, Report, iter_upscale, upscale, upscale_window

__all__ = ["Finished", "Progress", "Report", "iter_upscale", "upscale", "upscale_window"]
