"""How much context a tile of a trained network really needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.errors import ImageError
from napari_sr.model import Model

#: largest deviation from the whole image, as a share of the intensity span
TOLERANCES = {"fp32": 1e-5, "low": 1 / 510}
INNER = 8
PLACES = 3


def halo_errors(model: Model, lr: npt.NDArray[Any], halos: list[int]) -> dict[int, float]:
    """Return the largest deviation from the whole image for each halo, as a share of the intensity span.

    A few squares of 8 x 8 LR pixels, spread over the image, are super-resolved with that much context
    around them and compared with the same squares of the whole image.
    """
    fitted = model.intensity.fit(lr)
    whole_lr = torch.from_numpy(fitted.forward(np.asarray(lr)))[None, None]
    largest = max(halos)
    free = [n - INNER - 2 * largest for n in lr.shape]
    if min(free) < 0:
        raise ImageError(f"The image is too small to measure a halo of {largest} pixels: {lr.shape}.")
    corners = [
        (largest + free[0] * i // max(PLACES - 1, 1), largest + free[1] * j // max(PLACES - 1, 1))
        for i in range(PLACES)
        for j in range(PLACES)
    ]
    span = model.intensity.upper - model.intensity.lower
    s = model.scale
    errors = dict.fromkeys(halos, 0.0)
    with torch.inference_mode():
        whole = model.network(whole_lr)
        for y, x in corners:
            truth = whole[..., y * s : (y + INNER) * s, x * s : (x + INNER) * s]
            for halo in halos:
                part = whole_lr[..., y - halo : y + INNER + halo, x - halo : x + INNER + halo]
                inner = slice(halo * s, (halo + INNER) * s)
                error = float((model.network(part)[..., inner, inner] - truth).abs().max()) / span
                errors[halo] = max(errors[halo], error)
    return errors


def measure_halo(model: Model, lr: npt.NDArray[Any]) -> dict[str, int]:
    """Return the smallest halo for ``fp32`` and for ``low`` precision, never above the receptive field.

    Parameters
    ----------
    model
        With a finite receptive field.
    lr
        A typical LR image, at least twice the receptive field wide.
    """
    full = model.network.halo
    errors = halo_errors(model, lr, list(range(full + 1)))
    chosen = {}
    for precision, tolerance in TOLERANCES.items():
        # the smallest from which on every larger one is good too
        good = full
        while good > 0 and errors[good - 1] <= tolerance:
            good -= 1
        chosen[precision] = good
    return chosen
