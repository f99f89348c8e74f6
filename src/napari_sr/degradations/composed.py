"""Degradations of one's own, written as steps one after another.

    gaussian(sigma=2) + area + shot(photons=80, read=2)

Blurs before the reduction are in HR pixels, those after it in LR pixels. Noise of light and camera belongs after it.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_sr.degradations import Chain, Step
from napari_sr.degradations.blur import GaussianBlur, KernelBlur, gaussian_kernel, sinc_kernel
from napari_sr.degradations.compression import Compression
from napari_sr.degradations.noise import GaussianNoise, ShotAndReadNoise
from napari_sr.degradations.resample import BicubicDown, BilinearDown, BlockMean
from napari_sr.errors import ConfigError
from napari_sr.registry import Registry

#: radius of the kernel of a sinc filter, in periods of its cutoff: its rings have died down by then
SINC_PERIODS = 4
EXAMPLE = "gaussian(sigma=2) + area + shot(photons=80, read=2)"


@dataclass(frozen=True)
class ComposedStep:
    """A step, how many of its own pixels it looks beyond its output area, and what else a chain must know."""

    step: Step
    reach: int = 0
    random: bool = False
    reduces: bool = False


STEPS: Registry[Callable[..., ComposedStep]] = Registry(kind="degradation step")


def _checked(name: str, value: float, low: float, high: float) -> float:
    if not (isinstance(value, int | float) and math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"degradation: {name} must lie between {low:g} and {high:g}, not {value}.")
    return float(value)


@STEPS.register("gaussian", title="Gaussian blur")
def gaussian(scale: int, sigma: float) -> ComposedStep:
    """Blur with standard deviation ``sigma`` in pixels."""
    sigma = _checked("sigma", sigma, 0, 50)
    return ComposedStep(GaussianBlur(sigma), reach=math.ceil(4 * sigma))


@STEPS.register("elliptic", title="Gaussian blur, wider along one direction")
def elliptic(scale: int, sigma: float, across: float, angle: float = 0) -> ComposedStep:
    """Blur with ``sigma`` along a direction and ``across`` at right angles to it.

    ``angle`` of the direction is in degrees from the rows' axis (down) towards the columns' (right).
    """
    widths = (_checked("sigma", sigma, 0.05, 50), _checked("across", across, 0.05, 50))
    reach = math.ceil(4 * max(widths))
    turned = math.radians(_checked("angle", angle, -360, 360))
    return ComposedStep(KernelBlur(gaussian_kernel(2 * reach + 1, widths, angle=turned)), reach=reach)


@STEPS.register("sinc", title="Sharp low-pass, which leaves rings")
def sinc(scale: int, cutoff: float) -> ComposedStep:
    """Remove everything finer than ``cutoff``, in cycles a pixel."""
    cutoff = _checked("cutoff", cutoff, 0.02, 0.5)
    reach = math.ceil(SINC_PERIODS / cutoff)
    return ComposedStep(KernelBlur(sinc_kernel(2 * reach + 1, 2 * math.pi * cutoff)), reach=reach)


@STEPS.register("area", title="mean over each larger pixel (a camera)")
def area(scale: int) -> ComposedStep:
    """Mean of the HR pixels within each LR pixel."""
    return ComposedStep(BlockMean(scale), reduces=True)


@STEPS.register("bilinear", title="bilinear, at the larger pixels' centres (a scan)")
def bilinear(scale: int) -> ComposedStep:
    """Bilinear interpolation at the centres of the LR pixels, without anti-aliasing."""
    return ComposedStep(BilinearDown(scale), reduces=True)


@STEPS.register("bicubic", title="bicubic, as image programs do")
def bicubic(scale: int) -> ComposedStep:
    """Bicubic reduction with anti-aliasing."""
    return ComposedStep(BicubicDown(scale), reach=2 * scale, reduces=True)


@STEPS.register("shot", title="Shot noise of light, read noise of a camera")
def shot(scale: int, photons: float, read: float = 0) -> ComposedStep:
    """Poisson noise of ``photons`` in the brightest pixel; Gaussian noise of ``read`` photons."""
    step = ShotAndReadNoise(photons=_checked("photons", photons, 1, 1e7), read=_checked("read", read, 0, 1e5))
    return ComposedStep(step, random=True)


@STEPS.register("noise", title="Gaussian noise")
def noise(scale: int, sigma: float) -> ComposedStep:
    """Gaussian noise whose standard deviation is ``sigma`` per cent of the image's range."""
    return ComposedStep(GaussianNoise(_checked("sigma", sigma, 0, 100) / 100), random=True)


@STEPS.register("jpeg", title="JPEG compression")
def jpeg(scale: int, quality: float) -> ComposedStep:
    """Artefacts of a JPEG file of ``quality`` 1 to 100."""
    return ComposedStep(Compression(round(_checked("quality", quality, 1, 100))))


def parse(text: str) -> list[tuple[str, dict[str, float]]]:
    """Return names and parameters of the steps of a composition.

    Raises
    ------
    ConfigError
        If it is not one; the message says what is known.
    """
    wrong = ConfigError(f"degradation: {text!r} cannot be read. Write steps one after another: {EXAMPLE}.")
    try:
        tree: ast.expr = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise wrong from None
    terms: list[ast.expr] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        terms.insert(0, tree.right)
        tree = tree.left
    return [_step(term, wrong) for term in (tree, *terms)]


def _step(term: ast.expr, wrong: ConfigError) -> tuple[str, dict[str, float]]:
    call = term if isinstance(term, ast.Call) else ast.Call(func=term, args=[], keywords=[])
    if not isinstance(call.func, ast.Name):
        raise wrong
    name = call.func.id
    signature = inspect.signature(STEPS[name])
    try:
        values = [ast.literal_eval(a) for a in call.args]
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (ValueError, TypeError):
        raise wrong from None
    try:
        bound = signature.bind(1, *values, **named)
    except TypeError:
        known = ", ".join(p for p in signature.parameters if p != "scale")
        raise ConfigError(f"degradation: {name} takes {known or 'nothing'}; for example: {EXAMPLE}.") from None
    bound.apply_defaults()
    return name, {key: value for key, value in bound.arguments.items() if key != "scale"}


def compose(text: str, scale: int) -> Chain:
    """Return the chain of a composition; raises :class:`ConfigError` if it cannot be read or does not reduce once."""
    steps = parse(text)
    parts = [STEPS[name](scale, **values) for name, values in steps]
    if sum(part.reduces for part in parts) != 1:
        raise ConfigError(
            f"degradation: {text!r} must make the pixels larger exactly once, by one of area, bilinear, bicubic."
        )
    reduced, reach = False, 0
    for part in parts:
        reach += part.reach * (scale if reduced else 1)
        reduced = reduced or part.reduces
    return Chain(canonical(text), scale, tuple(p.step for p in parts), random=any(p.random for p in parts), reach=reach)


def canonical(text: str) -> str:
    """Return a composition as it is kept on model cards, every parameter by name."""

    def one(name: str, values: dict[str, float]) -> str:
        inside = ", ".join(f"{key}={np.format_float_positional(float(v), trim='-')}" for key, v in values.items())
        return f"{name}({inside})" if inside else name

    return " + ".join(one(*step) for step in parse(text))
