"""Blur and noise of an image, estimated from that image alone.

What a super-resolution network is told about the image that it gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.estimation.blur import Blur, estimate_blur, judge
from napari_sr.estimation.noise import Noise, estimate_noise
from napari_sr.estimation.spectrum import sharp_spectrum

__all__ = ["Blur", "Estimate", "Noise", "estimate", "estimate_blur", "estimate_noise", "sharp_spectrum"]


@dataclass(frozen=True)
class Estimate:
    """Blur and noise of one image."""

    blur: Blur
    noise: Noise


def estimate(image: npt.NDArray[Any], *, reference: npt.NDArray[np.float64] | None = None) -> Estimate:
    """Return blur and noise of a 2-D image, each judged with the other.

    The noise is that of :func:`estimate_noise` or less: the shape of the power spectrum tells part of the structure
    that was taken for noise. Parameters and errors are those of :func:`napari_sr.estimation.blur.judge`.
    """
    return Estimate(*judge(image, reference=reference))
