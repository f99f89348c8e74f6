"""The blur and noise that an image itself has, and the degradation that they stand for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from napari_sr.densities import own_log
from napari_sr.estimation import Blur, Estimate, estimate, is_blank
from napari_sr.estimation.sampling import SMALLEST
from napari_sr.images.axes import Layout
from napari_sr.inference.conditions import telling_square


def own_degradation(blur: float, scale: int) -> str:
    """Return the degradation that blurs as much as an image is blurred.

    A Gaussian of σ² = (blur · scale)² - (scale² - 1) / 12 HR pixels, and the mean over each LR pixel's area.

    Parameters
    ----------
    blur
        Standard deviation of everything that blurs the image, its pixels' area included, in LR pixels.
    scale
        HR pixels to an LR pixel.
    """
    sigma = math.sqrt(max((blur * scale) ** 2 - (scale**2 - 1) / 12, 0.0))
    return f"gaussian(sigma={sigma:.6g}) + area" if sigma > 0 else "area"


class Estimates:
    """Blur and noise of every channel of an image, from the middle plane of each; None where it is too small.

    Parameters
    ----------
    lr, layout
        The image, and how it is taken apart.
    density
        Of log10(density + 0.02).
    blur
        In LR pixels, if it is known; estimated if None.
    """

    def __init__(self, lr: Any, layout: Layout, *, density: bool = False, blur: float | None = None) -> None:
        self.lr, self.layout, self.density, self.blur = lr, layout, density, blur
        self._known: dict[int, Estimate | None] = {}

    def __call__(self, index: tuple[int, ...]) -> Estimate | None:
        """Return the estimate for the plane at ``index``."""
        others = [a for a in self.layout.axes if a not in "YX"]
        channel = index[others.index("C")] if "C" in others else 0
        if channel not in self._known:
            self._known[channel] = self._estimated(channel)
        return self._known[channel]

    def _estimated(self, channel: int) -> Estimate | None:
        if min(self.layout.plane_shape) < SMALLEST:
            return None
        square = telling_square(self.lr, self.layout, channel)[1]
        if is_blank(square):
            return None
        found = estimate(own_log(square) if self.density else square, density=self.density)
        return found if self.blur is None else replace(found, blur=Blur(self.blur, False, "given"))
