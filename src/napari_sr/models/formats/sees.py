"""How far a network sees, as far as it matters: measured on a picture of blobs, edges and noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from napari_sr.errors import SRError
from napari_sr.networks import SRNetwork

#: largest deviation from more context, as a share of the intensity span, as :mod:`napari_sr.inference.measured_halo`
TOLERANCES = {"fp32": 1e-5, "low": 1 / 510}
#: context that is looked at, and the middle that is compared, LR pixels
FARTHEST, MIDDLE = 40, 4
#: below this a network's own figure costs nothing
NEAR = 16


def picture(side: int) -> Tensor:
    """Return an image (1, 1, side, side) from 0 to 1 with structures of several sizes, always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / 10
    image = (
        np.sin(x + np.sin(y)) * np.cos(1.7 * y) + (np.sin(0.6 * (x + 2 * y)) > 0.3) + rng.normal(0, 0.1, (side, side))
    )
    image = (image - image.min()) / (image.max() - image.min())
    return torch.from_numpy(image.astype(np.float32))[None, None]


def measured(network: SRNetwork, *, lower: float, upper: float) -> dict[str, int] | None:
    """Return the context in LR pixels that a tile needs in ``fp32`` and in ``low`` precision, as a card's ``halo``.

    Parameters
    ----------
    network
        In evaluation mode.
    lower, upper
        Network values of dark and bright.

    Returns
    -------
    dict or None
        None if even the largest context is not enough, or it depends on where a tile begins.
    """
    side = MIDDLE + 2 * FARTHEST
    image = picture(side) * (upper - lower) + lower
    whole = _middle(network, image, FARTHEST)

    @cache
    def error(context: int) -> float:
        cut = FARTHEST - context
        part = _middle(network, image[..., cut : side - cut, cut : side - cut], context)
        return float((part - whole).abs().max()) / (upper - lower)

    # odd and even contexts: pixels that are gathered in squares, and windows, begin somewhere else
    if max(error(FARTHEST - step) for step in ((1, 2, 3) if network.foreign else (1,))) > TOLERANCES["fp32"]:
        return None
    return {precision: _smallest(error, tolerance) for precision, tolerance in TOLERANCES.items()}


def _smallest(error: Callable[[int], float], tolerance: float) -> int:
    """Double the context until the error falls below the tolerance, then halve the interval: small tiles are quick."""
    low, good = -1, 2
    while good < FARTHEST - 1 and error(good) > tolerance:
        low, good = good, min(2 * good, FARTHEST - 1)
    while good - low > 1:
        middle = (low + good) // 2
        if error(middle) <= tolerance:
            good = middle
        else:
            low = middle
    return good


def _middle(network: SRNetwork, image: Tensor, context: int) -> Tensor:
    inner = slice(context * network.scale, (context + MIDDLE) * network.scale)
    with torch.inference_mode():
        return network(image)[..., inner, inner].float()  # type: ignore[no-any-return]


def tried(network: SRNetwork, side: int = 32) -> str:
    """Run a network once on an image of ``side`` pixels; returns what is wrong with it, empty if nothing is."""
    try:
        with torch.inference_mode():
            sr = network(picture(side))
    except (SRError, RuntimeError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        return f"it fails on an image of {side} x {side} pixels: {error}"
    if sr.shape != (1, 1, side * network.scale, side * network.scale):
        return f"it makes {tuple(sr.shape)} of an image of {side} x {side} pixels"
    return "" if bool(torch.isfinite(sr).all()) else "it computes values that are not finite"
