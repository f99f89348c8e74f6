"""How much context a tile of a trained network really needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.errors import ImageError
from napari_sr.models.model import Model

#: largest deviation from the whole image, as a share of the intensity span
TOLERANCES = {"fp32": 1e-5, "low": 1 / 510}
INNER = 8
PLACES = 3


class _Probe:
    """A few squares of 8 x 8 LR pixels, spread over an image that was super-resolved as a whole."""

    def __init__(self, model: Model, lr: npt.NDArray[Any], margin: int) -> None:
        self.network, self.scale = model.network, model.scale
        self.span = model.intensity.upper - model.intensity.lower
        self.lr = torch.from_numpy(model.intensity.fit(lr).forward(np.asarray(lr)))[None, None]
        free = [n - INNER - 2 * margin for n in lr.shape]
        if min(free) < 0:
            raise ImageError(f"The image is too small to measure a halo of {margin} pixels: {lr.shape}.")
        steps = [[margin + n * i // (PLACES - 1) for i in range(PLACES)] for n in free]
        self.corners = [(y, x) for y in steps[0] for x in steps[1]]
        with torch.inference_mode():
            self.whole = self.network(self.lr)

    def error(self, halo: int) -> float:
        """Return the largest deviation of the squares with that much context, as a share of the span."""
        s, worst = self.scale, 0.0
        inner = slice(halo * s, (halo + INNER) * s)
        with torch.inference_mode():
            for y, x in self.corners:
                truth = self.whole[..., y * s : (y + INNER) * s, x * s : (x + INNER) * s]
                part = self.lr[..., y - halo : y + INNER + halo, x - halo : x + INNER + halo]
                worst = max(worst, float((self.network(part)[..., inner, inner] - truth).abs().max()) / self.span)
        return worst


def halo_errors(model: Model, lr: npt.NDArray[Any], halos: list[int]) -> dict[int, float]:
    """Return the largest deviation of a tile from the whole image for each halo, as a share of the intensity span."""
    probe = _Probe(model, lr, max(halos))
    return {halo: probe.error(halo) for halo in halos}


def measure_halo(model: Model, lr: npt.NDArray[Any], farthest: int | None = None) -> dict[str, int]:
    """Return the smallest halo for ``fp32`` and for ``low`` precision, never above the receptive field.

    Parameters
    ----------
    model
        With a finite receptive field.
    lr
        A typical LR image, at least twice the receptive field wide.
    farthest
        Largest halo that is tried, where the receptive field is larger than anything that matters.
    """
    farthest = model.network.halo if farthest is None else min(farthest, model.network.halo)
    probe = _Probe(model, lr, farthest)
    chosen = {}
    for precision, tolerance in TOLERANCES.items():
        # less context only makes it worse: halve the interval in which the error falls below the tolerance
        low, good = -1, farthest
        while good - low > 1:
            middle = (low + good) // 2
            if probe.error(middle) <= tolerance:
                good = middle
            else:
                low = middle
        chosen[precision] = good
    return chosen
