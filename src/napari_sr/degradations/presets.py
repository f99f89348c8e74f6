"""Named degradations for kinds of microscopes and simulations."""

from __future__ import annotations

import math
from dataclasses import replace

from napari_sr.degradations import PRESETS, Chain
from napari_sr.degradations.blur import TRUNCATED, GaussianBlur
from napari_sr.degradations.density import AnyDensity, reach
from napari_sr.degradations.microscope import WIDEST, AnyMicroscope
from napari_sr.degradations.noise import ShotAndReadNoise
from napari_sr.degradations.resample import BilinearDown, BlockMean, InLogDensity
from napari_sr.degradations.second_order import KERNEL, SecondOrder


@PRESETS.register(
    "em",
    title="Electron microscopy (blur σ = 3 px, bilinear)",
    reference="thesis of 2021 on WGAN-GP super-resolution of EM images",
)
def em(scale: int) -> Chain:
    """Gaussian blur with sigma 3 HR pixels, then bilinear reduction: the thesis's EM degradation."""
    return Chain("em", scale, (GaussianBlur(3.0), BilinearDown(scale)), random=False, reach=12)


@PRESETS.register(
    "nbody",
    title="N-body density (block mean of the logarithm)",
    reference="thesis of 2021 on WGAN-GP super-resolution of N-body images",
)
def nbody(scale: int) -> Chain:
    """Block mean of log10(density + 0.02), returned as density."""
    return Chain("nbody", scale, (InLogDensity(BlockMean(scale)),), random=False, reach=0)


@PRESETS.register("area", title="Area average (larger pixels)")
def area(scale: int) -> Chain:
    """Mean over each LR pixel's area: a detector with larger pixels."""
    return Chain("area", scale, (BlockMean(scale),), random=False, reach=0)


@PRESETS.register("point-scanning", title="Point scanning (fewer points, noise)")
def point_scanning(scale: int) -> Chain:
    """Fewer scan points of the same spot, at the centres of the LR pixels, with the noise of a short dwell."""
    steps = (BilinearDown(scale), ShotAndReadNoise(photons=60, read=1))
    return Chain("point-scanning", scale, steps, random=True, reach=0)


@PRESETS.register("fluorescence", title="Fluorescence (optical blur, shot and camera noise)")
def fluorescence(scale: int) -> Chain:
    """Wider point-spread function, larger pixels, few photons."""
    steps = (GaussianBlur(0.6 * scale), BlockMean(scale), ShotAndReadNoise(photons=100, read=2))
    return Chain("fluorescence", scale, steps, random=True, reach=round(2.4 * scale) + 1)


@PRESETS.register(
    "second-order",
    title="Unknown (Real-ESRGAN: random blur, noise, compression, twice)",
    reference="Wang et al. 2021, arXiv:2107.10833",
)
def second_order(scale: int) -> Chain:
    """Blur, resizing, noise and JPEG of random strength, twice: for images of which nothing is known.

    Measured pairs, or the degradation that an instrument really has, train better models.
    """
    return Chain("second-order", scale, (SecondOrder(scale),), random=True, reach=KERNEL * (2 + scale))


@PRESETS.register(
    "microscope",
    title="Any electron microscope (random blur, pixels, noise; the network is told)",
    reference="napari_sr.degradations.microscope",
)
def microscope(scale: int) -> Chain:
    """A random member of the family for every patch: for a model that helps with any image of its kind."""
    reach = math.ceil(TRUNCATED * WIDEST * scale)
    return Chain("microscope", scale, (AnyMicroscope(scale),), random=True, reach=reach)


@PRESETS.register(
    "light-microscope",
    title="Any light microscope (random blur, pixels, noise; the network is told)",
    reference="napari_sr.degradations.microscope",
)
def light_microscope(scale: int) -> Chain:
    """As ``microscope``, for images in which bright is never dark: fluorescence."""
    chain = microscope(scale)
    return replace(chain, name="light-microscope", steps=(AnyMicroscope(scale, inverts=False),))


@PRESETS.register(
    "any-density",
    title="Any N-body density (random smoothing, larger pixels; the network is told)",
    reference="napari_sr.degradations.density",
)
def any_density(scale: int) -> Chain:
    """A random member of the family of :mod:`napari_sr.degradations.density` for every patch."""
    return Chain("any-density", scale, (AnyDensity(scale),), random=True, reach=reach(scale))
