"""The second-order degradation of Real-ESRGAN (Wang et al. 2021, arXiv:2107.10833), for grey images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import FloatImage
from napari_sr.degradations.blur import KernelBlur, gaussian_kernel, plateau_kernel, sinc_kernel
from napari_sr.degradations.compression import jpeg

#: largest side of a blur kernel
KERNEL = 21


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
#: (kind, whether it is round) and their chances
KINDS = {
    ("gaussian", True): 0.45, ("gaussian", False): 0.25, ("generalised", True): 0.12, ("generalised", False): 0.03,
    ("plateau", True): 0.12, ("plateau", False): 0.03,
}  # fmt: skip
#: from this side on, a sinc kernel may cut off at pi / 5 instead of pi / 3
WIDE = 13
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
        x = self._round((image - low) / span, FIRST, rng, of=image.shape)
        x = jpeg(x, int(rng.integers(*QUALITY, endpoint=True)))
        x = self._round(x, SECOND, rng, of=size)
        quality = int(rng.integers(*QUALITY, endpoint=True))
        if rng.random() < 0.5:  # what comes last differs from programme to programme
            x = jpeg(_final_sinc(resized(x, size, rng), rng), quality)
        else:
            x = _final_sinc(jpeg(resized(x, size, rng), quality), rng)
        return np.asarray(x * span + low, dtype=np.float32)

    def _round(self, x: FloatImage, order: Order, rng: np.random.Generator, of: tuple[int, ...]) -> FloatImage:
        """Blur, resize and disturb. Sizes are relative to ``of``, as in the published code: first HR, then LR."""
        if rng.random() < order.blur:
            x = KernelBlur(random_kernel(order, rng))(x, rng)
        kind, factor = rng.random(), 1.0
        if kind < order.up + order.down:
            factor = rng.uniform(*((1.0, order.factor[1]) if kind < order.up else (order.factor[0], 1.0)))
        x = resized(x, (max(1, int(of[0] * factor)), max(1, int(of[1] * factor))), rng)
        if rng.random() < 0.5:
            return np.asarray(np.clip(x + rng.normal(0, rng.uniform(*order.gaussian) / 255, x.shape), 0, 1))
        strength = rng.uniform(*order.poisson)
        expected = np.clip(x, 0, 1)
        levels = 2 ** np.ceil(np.log2(len(np.unique(np.rint(expected * 255)))))  # of photons at white, as published
        return np.asarray(np.clip(expected + strength * (rng.poisson(expected * levels) / levels - expected), 0, 1))


def random_kernel(order: Order, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a kernel of random kind, size, widths and direction, with the chances of the published code."""
    size = _kernel_size(rng)
    if rng.random() < SINC:
        return sinc_kernel(size, rng.uniform(np.pi / (3 if size < WIDE else 5), np.pi))
    kind, is_round = list(KINDS)[int(rng.choice(len(KINDS), p=list(KINDS.values())))]
    first = rng.uniform(*order.sigma)
    second = first if is_round else rng.uniform(*order.sigma)
    angle = 0.0 if is_round else rng.uniform(-np.pi, np.pi)
    beta = 1.0
    if kind in BETAS:
        low, high = BETAS[kind]
        beta = rng.uniform(low, 1.0) if rng.random() < 0.5 else rng.uniform(1.0, high)
    made = plateau_kernel if kind == "plateau" else gaussian_kernel
    return made(size, (first, second), angle=angle, beta=beta)


def _kernel_size(rng: np.random.Generator) -> int:
    """Return one of 7, 9, …, 21."""
    return 2 * int(rng.integers(3, KERNEL // 2, endpoint=True)) + 1


def resized(x: FloatImage, size: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """Resize by area mean, bilinear or bicubic interpolation, whichever is drawn; pixel areas stay aligned."""
    from skimage.transform import resize, resize_local_mean

    kind = int(rng.integers(3))
    if size == x.shape:
        return x
    if kind == 0:
        return np.asarray(resize_local_mean(x, size))
    return np.asarray(resize(x, size, order=1 if kind == 1 else 3, mode="symmetric", anti_aliasing=False))


def _final_sinc(x: FloatImage, rng: np.random.Generator) -> FloatImage:
    if rng.random() >= FINAL_SINC:
        return x
    return KernelBlur(sinc_kernel(_kernel_size(rng), rng.uniform(np.pi / 3, np.pi)))(x, rng)
