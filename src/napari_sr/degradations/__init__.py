"""Degradations: HR image -> LR image (the biology literature also says "crappifier").

A step is a callable ``(image, rng) -> image`` on a 2-D float array; :data:`PRESETS` are named chains of
steps, built for a scale. Randomness comes from the generator that is passed in, never from a global
state, so a degradation is as reproducible as its seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from napari_sr.conditions import noise_conditions
from napari_sr.degradations.suffered import Noisy, Spreads, Suffered, total_blur
from napari_sr.errors import ConfigError, ImageError
from napari_sr.registry import Registry

__all__ = [
    "DENSITIES", "PRESETS", "Chain", "FloatImage", "Step", "Suffered", "degrade", "low_resolution",
    "low_resolution_told", "make_degradation",
]  # fmt: skip

FloatImage = npt.NDArray[np.floating]
#: variance of rounding to whole numbers (Widrow 1956)
ROUNDING = 1 / 12
#: presets for densities, whose intensity is their logarithm
DENSITIES = ("nbody", "any-density")


class Step(Protocol):
    """One degradation step."""

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage: ...


@runtime_checkable
class Bindable(Protocol):
    """A step that takes something from the whole image, e.g. its brightest value."""

    def bound_to(self, image: FloatImage) -> Step: ...


@runtime_checkable
class Family(Protocol):
    """A step that is another one each time, and says which: see :mod:`napari_sr.degradations.microscope`."""

    def draw(self, rng: np.random.Generator) -> Step: ...

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the limits of ``blur`` and ``noise`` over the family."""

    def pair(
        self, cut: Callable[[int], FloatImage], side: int, margin: int, rng: np.random.Generator
    ) -> tuple[FloatImage, FloatImage, Suffered, tuple[float, float] | None]:
        """Return an LR and an HR patch for training, what was done, and limits of intensity, if they are not fixed."""


@runtime_checkable
class ToldStep(Protocol):
    """A step that is a whole degradation, and says what it does."""

    def suffered(self) -> Suffered: ...


@dataclass(frozen=True)
class Chain:
    """Steps applied one after another.

    Attributes
    ----------
    name
        Name of the preset, or the composition; kept on model cards.
    scale
        Factor between the grids of input and output.
    steps
        What is applied, in order.
    random
        True if two calls can differ (noise).
    reach
        HR pixels that a step looks beyond its own output area; patches are cut with this margin.
    """

    name: str
    scale: int
    steps: tuple[Step, ...]
    random: bool
    reach: int

    def bound_to(self, hr: npt.NDArray[np.generic]) -> Chain:
        """Return the chain with everything that it takes from a whole image taken from ``hr``."""
        if not any(isinstance(s, Bindable) for s in self.steps):
            return self
        step = max(1, math.isqrt(hr.size // 1_000_000))  # a regular sample is enough for percentiles
        sample = np.asarray(hr[::step, ::step]).astype(np.float32)
        steps = tuple(s.bound_to(sample) if isinstance(s, Bindable) else s for s in self.steps)
        return replace(self, steps=steps)

    @property
    def family(self) -> Family | None:
        """The step that is drawn anew each time, if the chain is nothing else."""
        return self.steps[0] if len(self.steps) == 1 and isinstance(self.steps[0], Family) else None

    def drawn(self, rng: np.random.Generator) -> Chain:
        """Return the chain with everything that is drawn by chance drawn, but for the noise itself."""
        return replace(self, steps=tuple(s.draw(rng) if isinstance(s, Family) else s for s in self.steps))

    def suffered(self) -> Suffered | None:
        """Return the blur and noise of its LR images; None if they differ from one image to the next.

        What is taken from a whole image must have been taken (:meth:`bound_to`).
        """
        spread, slope, intercept, factor = 0.0, 0.0, 0.0, 1
        for step in self.steps:
            if isinstance(step, ToldStep):
                return step.suffered()
            if getattr(step, "unpredictable", False):
                return None
            left = getattr(step, "noise_left", 1.0)  # a filter takes part of the noise that came before it
            slope, intercept = slope * left, intercept * left
            if isinstance(step, Spreads):
                spread += step.spread * factor**2
            if isinstance(step, Noisy):
                added = step.variance(np.zeros(1, np.float32))
                slope, intercept = slope + added[0], intercept + added[1]
            factor = getattr(step, "scale", factor)  # behind the step that reduces, pixels are larger
        return Suffered(total_blur(spread, self.scale), slope, intercept)

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the smallest and largest ``blur`` and ``noise`` (see :mod:`napari_sr.conditions`) of its LR images.

        Noise in per cent of the range of an image that was not stored in integers. Empty if nothing is known.
        """
        if isinstance(self.family, Family):
            return self.family.ranges()
        suffered = self.bound_to(np.linspace(0, 1, 4, dtype=np.float32).reshape(2, 2)).suffered()
        if suffered is None:
            return {}
        noise = noise_conditions(suffered.slope, suffered.intercept, low=0.0, high=1.0)["noise"]
        return {"blur": (suffered.blur, suffered.blur), "noise": (noise, noise)}

    def without_noise(self) -> Chain | None:
        """Return what the chain does on average; None if not even its blur is the same twice."""
        if any(getattr(step, "unpredictable", False) for step in self.steps):
            return None
        return replace(self, steps=tuple(s for s in self.steps if not getattr(s, "noise", False)), random=False)

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        for step in self.steps:
            image = step(image, rng)
        return image


PRESETS: Registry[Callable[[int], Chain]] = Registry(kind="degradation", package="napari_sr.degradations")


def make_degradation(name: str, scale: int) -> Chain:
    """Build a preset, or a composition as in :mod:`napari_sr.degradations.composed`, for a ``scale`` of at least 1.

    Raises :class:`ConfigError` if there is no such preset and no such composition.
    """
    if scale < 1:
        raise ConfigError(f"scale must be at least 1, not {scale}")
    if name in PRESETS:
        return PRESETS[name](scale)
    from napari_sr.degradations.composed import EXAMPLE, STEPS, compose  # it needs the steps, and they this module

    if name.replace("-", "").isalnum() and name not in STEPS:
        known = ", ".join(PRESETS)
        raise ConfigError(f"There is no degradation called {name!r}. Known: {known}; or compose one: {EXAMPLE}.")
    return compose(name, scale)


def low_resolution(
    hr: npt.NDArray[np.generic], chain: Chain, rng: np.random.Generator, *, rounded: bool = True
) -> FloatImage:
    """Return the LR image, float32, of a 2-D ``hr`` whose sides are first cropped to multiples of the scale.

    The LR image of an integer image is ``rounded`` and cut to the type's limits, as when it is stored. Without that,
    almost all of a blur could be undone, and what was learnt so turns the rounding of real images into patterns.
    """
    return low_resolution_told(hr, chain, rng, rounded=rounded)[0]


def low_resolution_told(
    hr: npt.NDArray[np.generic], chain: Chain, rng: np.random.Generator, *, rounded: bool = True
) -> tuple[FloatImage, Suffered | None]:
    """Return what :func:`low_resolution` does, and the blur and noise of it; None if they cannot be told."""
    s = chain.scale
    cut = hr[: hr.shape[0] // s * s, : hr.shape[1] // s * s]
    chain = chain.bound_to(cut).drawn(rng)
    lr = np.asarray(chain(np.asarray(cut, dtype=np.float32), rng), dtype=np.float32)
    suffered = chain.suffered()
    if not (rounded and hr.dtype.kind in "ui"):
        return lr, suffered
    limits = np.iinfo(str(hr.dtype))
    if suffered is not None:
        suffered = replace(suffered, intercept=suffered.intercept + ROUNDING)
    return np.clip(np.rint(lr), limits.min, limits.max), suffered


def degrade(hr: npt.NDArray[np.generic], name: str, scale: int, *, seed: int | None = 0) -> FloatImage:
    """Return the LR image, float32, of a 2-D ``hr``; see :func:`low_resolution`.

    Parameters
    ----------
    hr
        2-D image, any real dtype.
    name
        Preset in :data:`PRESETS`, or a composition such as ``gaussian(sigma=2) + area``.
    scale
        Upscaling factor that the LR image will need.
    seed
        Seed of the noise, where there is any.
    """
    if hr.ndim != 2:
        raise ImageError(f"A degradation works on 2-D images; this one has shape {hr.shape}.")
    if min(hr.shape) < scale:
        raise ImageError(f"An image of shape {hr.shape} is too small to be reduced {scale} times.")
    return low_resolution(hr, make_degradation(name, scale), np.random.default_rng(seed))
