"""The second-order degradation of Real-ESRGAN (Wang et al. 2021, arXiv:2107.10833), for grey images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from skimage.transform import resize, resize_local_mean

from napari_sr.degradations import FloatImage
from napari_sr.degradations.blur import KernelBlur, gaussian_kernel, sinc_kernel
from napari_sr.degradations.compression import jpeg

#: largest side of a blur kernel
KERNEL = 21
#: levels that Poisson noise counts in
LEVELS = 256


@dataclass(frozen=True)
class Order:
    """One of the two rounds: ranges and chances as published.

    Attributes
    ----------
    sigma
        Of the blur, in pixels.
    blur
        Chance that there is one.
    up, down
        Chances that the image is enlarged or reduced in between.
    factor
        By how much.
    gaussian, poisson
        Standard deviation in 255ths of the range; strength of the Poisson noise. One of the two is drawn.
    """

    sigma: tuple[float, float]
    blur: float
    up: float
    down: float
    factor: tuple[float, float]
    gaussian: tuple[float, float]
    poisson: tuple[float, float]


FIRST = Order((0.2, 3.0), 1.0, 0.2, 0.7, (0.15, 1.5), (1.0, 30.0), (0.05, 3.0))
SECOND = Order((0.2, 1.5), 0.8, 0.3, 0.4, (0.3, 1.2), (1.0, 25.0), (0.05, 2.5))
SINC, FINAL_SINC = 0.1, 0.8
BETAS = {"generalised": (0.5, 4.0), "plateau": (1.0, 2.0)}
QUALITY = (30, 95)


@dataclass(frozen=True)
class SecondOrder:
    """Blur, resize, noise and JPEG, twice, each of random kind and strength.

    Parameters
    ----------
    scale
        Of the final grid.
    limits
        Image values of black and white, for JPEG and noise; those of the image it is applied to if None.
    """

    unpredictable: ClassVar[bool] = True
    scale: int
    limits: tuple[float, float] | None = None

    def bound_to(self, image: FloatImage) -> SecondOrder:
        """Return this step with the limits of a whole image."""
        return self if self.limits else replace(self, limits=(float(image.min()), float(image.max())))

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        low, high = self.bound_to(image).limits or (0.0, 1.0)
        span = max(high - low, float(np.finfo(np.float32).tiny))
        size = (image.shape[0] // self.scale, image.shape[1] // self.scale)
        x = self._round((image - low) / span, FIRST, rng)
        x = jpeg(x, int(rng.integers(*QUALITY, endpoint=True)))
        x = self._round(x, SECOND, rng)
        quality = int(rng.integers(*QUALITY, endpoint=True))
        if rng.random() < 0.5:  # what comes last differs from programme to programme
            x = jpeg(_final_sinc(resized(x, size, rng), rng), quality)
        else:
            x = _final_sinc(jpeg(resized(x, size, rng), quality), rng)
        return np.asarray(x * span + low, dtype=np.float32)

    def _round(self, x: FloatImage, order: Order, rng: np.random.Generator) -> FloatImage:
        if rng.random() < order.blur:
            x = KernelBlur(random_kernel(order, rng))(x, rng)
        kind = rng.random()
        if kind < order.up + order.down:
            limits = (1.0, order.factor[1]) if kind < order.up else (order.factor[0], 1.0)
            factor = rng.uniform(*limits)
            x = resized(x, (max(1, round(x.shape[0] * factor)), max(1, round(x.shape[1] * factor))), rng)
        if rng.random() < 0.5:
            return np.asarray(x + rng.normal(0, rng.uniform(*order.gaussian) / 255, x.shape))
        strength = rng.uniform(*order.poisson)
        expected = np.clip(x, 0, 1)
        return np.asarray(x + strength * (rng.poisson(expected * LEVELS) / LEVELS - expected))


def random_kernel(order: Order, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a kernel of random kind, size, widths and direction."""
    size = 2 * int(rng.integers(3, KERNEL // 2, endpoint=True)) + 1
    if rng.random() < SINC:
        return sinc_kernel(size, rng.uniform(np.pi / 3, np.pi))
    first = rng.uniform(*order.sigma)
    round_one = rng.random() < 0.6
    second = first if round_one else rng.uniform(*order.sigma)
    kind = rng.random()
    beta = 1.0
    if kind < 0.15:
        beta = rng.uniform(*BETAS["generalised"])
    elif kind < 0.3:
        beta = rng.uniform(*BETAS["plateau"])
    return gaussian_kernel(size, (first, second), angle=rng.uniform(0, np.pi), beta=beta)


def resized(x: FloatImage, size: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """Resize by area mean, bilinear or bicubic interpolation, whichever is drawn; pixel areas stay aligned."""
    kind = int(rng.integers(3))
    if size == x.shape:
        return x
    if kind == 0:
        return np.asarray(resize_local_mean(x, size))
    return np.asarray(resize(x, size, order=1 if kind == 1 else 3, mode="symmetric", anti_aliasing=False))


def _final_sinc(x: FloatImage, rng: np.random.Generator) -> FloatImage:
    if rng.random() >= FINAL_SINC:
        return x
    size = 2 * int(rng.integers(3, KERNEL // 2, endpoint=True)) + 1
    return KernelBlur(sinc_kernel(size, rng.uniform(np.pi / 3, np.pi)))(x, rng)
