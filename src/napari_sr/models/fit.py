"""Does this model suit this image? From the blur and noise of both, before anything is run.

A model that was trained on one blur and noise undoes that blur, whatever the image. What comes of it follows from
linear theory (Wiener 1949): with H and N of the image, and the response G = S H_t / (S H_t² + N_t) that is best for
the blur H_t and noise N_t of training, the error at each frequency is S (1 - G H)² + N G², and the expected gain is the
ratio of that of bicubic interpolation to it. S is the power law of natural images (Field 1987). A network is better
than a linear filter where it fits, and fails like one where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_sr.conditions import BLUR, NOISE, noise_conditions
from napari_sr.degradations import make_degradation
from napari_sr.densities import own_log
from napari_sr.errors import ConfigError
from napari_sr.estimation import estimate, is_blank
from napari_sr.estimation.sampling import checked
from napari_sr.intensity import Intensity
from napari_sr.models.kind import guess_kind
from napari_sr.models.model import ModelCard
from napari_sr.networks import NETWORKS

Verdict = Literal["green", "yellow", "red"]

#: the power spectrum of an image falls with this power of the frequency, and its variance is this share of its range²
POWER, VARIANCE = 2.0, 0.05
#: noise of an image that is stored in 8 bit and fills about half of them, per cent of its range
ROUNDED = 0.2
#: expected gains over bicubic interpolation, dB, below which a model does harm, or does nothing
HARM, NOTHING = -0.3, 0.15
ORDER: tuple[Verdict, ...] = ("green", "yellow", "red")
ADVICE = {
    "green": "", "yellow": "Mind what it adds.", "red": "Choose another model, or train one on images like yours."
}  # fmt: skip
#: dB that the filter for the image itself may be better by: where there is little to gain, that is no fault
NEAR = 0.3
#: by how much pixels may be larger or smaller than those of training; a model that is told has seen more sizes
PIXELS = {False: 1.5, True: 5.0}
NANOMETRES = {"nm": 1.0, "µm": 1e3}
#: kinds that share no structure and no scale of brightness
DENSITY = "N-body"


@dataclass(frozen=True)
class Seen:
    """What an image is like.

    Attributes
    ----------
    blur, noise, shot
        As in :mod:`napari_sr.conditions`.
    bounded
        The blur lies at the limit of what is taken for blur: the structures themselves may be smooth.
    kind, guessed
        ``EM``, ``fluorescence``, ``N-body``; empty if unknown. Whether it was guessed from the brightness.
    pixel_nm
        Side of a pixel; None if unknown.
    blank
        There was nothing to measure: blur and noise are what is taken where nothing is known.
    """

    blur: float
    noise: float
    shot: float = 0.0
    bounded: bool = False
    kind: str = ""
    guessed: bool = False
    pixel_nm: float | None = None
    blank: bool = False


@dataclass(frozen=True)
class Fit:
    """Whether a model suits an image.

    Attributes
    ----------
    verdict
        ``green``: it can be expected to help; ``yellow``: to do little, or something is unknown or unusual; ``red``: to
        do harm.
    reasons, advice
        Sentences for a person; empty if there is nothing to say.
    gain
        Expected over bicubic interpolation, dB, from blur and noise alone; None where nothing is known of the model.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    advice: str
    gain: float | None


def look(image: npt.NDArray[Any], *, kind: str = "", pixel_nm: float | None = None) -> Seen:
    """Measure what :func:`fit` needs of a 2-D image, or of a part of it; an unknown ``kind`` is guessed."""
    image = image.astype(np.float32) if image.dtype.kind == "b" else image
    guessed = not kind
    kind = kind or guess_kind(image)
    if is_blank(checked(image)):
        return Seen(BLUR.default, NOISE.default, kind=kind, guessed=guessed, pixel_nm=pixel_nm, blank=True)
    if kind == DENSITY:  # what models of densities see
        image = own_log(image)
    found, fitted = estimate(image, density=kind == DENSITY), Intensity().fit(image)
    noise = noise_conditions(found.noise.slope, found.noise.intercept, low=fitted.low, high=fitted.high)
    # of densities, noise is seen in their logarithm, and is none of light: their models have seen none
    shot = 0.0 if kind == DENSITY else noise["shot"]
    return Seen(found.blur.sigma, noise["noise"], shot, found.blur.bounded, kind, guessed, pixel_nm)


@cache
def expected_gain(blur: float, noise: float, trained_blur: float, trained_noise: float) -> float:
    """Return the gain over bicubic interpolation, dB, of the linear filter for another blur and noise.

    Parameters
    ----------
    blur, noise
        Of the image: LR pixels, per cent of its range.
    trained_blur, trained_noise
        That the filter is best for.
    """
    f = (np.arange(1, 129) - 0.5) / 256  # cycles a pixel
    area = 2 * np.pi * f
    level = VARIANCE / np.sum(f**-POWER * area)
    signal, folded = level * f**-POWER, level * (1 - f) ** -POWER

    def through(sigma: float, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(np.exp(-2 * (np.pi * sigma * at) ** 2))

    def disturbance(sigma: float, per_cent: float) -> npt.NDArray[np.float64]:
        # white noise, and what sampling folds down from above the limit
        white = (max(per_cent, ROUNDED) / 100) ** 2 / np.sum(area)
        return np.asarray(white + folded * through(sigma, 1 - f) ** 2)

    known = through(trained_blur, f)
    best = signal * known / (signal * known**2 + disturbance(trained_blur, trained_noise))
    lost = np.sum(folded * 2 * np.pi * (1 - f))

    def error(response: npt.NDArray[np.float64]) -> float:
        kept = signal * (1 - response * through(blur, f)) ** 2 + disturbance(blur, noise) * response**2
        return float(np.sum(kept * area) + lost)

    return float(10 * np.log10(error(_bicubic(f)) / error(best)))


def _bicubic(f: npt.NDArray[np.float64], a: float = -0.75) -> npt.NDArray[np.float64]:
    """Return the frequency response of Keys' kernel (1981)."""
    x = np.linspace(-2, 2, 801)
    r = np.abs(x)
    inner, outer = (a + 2) * r**3 - (a + 3) * r**2 + 1, a * r**3 - 5 * a * r**2 + 8 * a * r - 4 * a
    kernel = np.where(r <= 1, inner, outer)
    return np.asarray(np.trapezoid(kernel * np.cos(2 * np.pi * f[:, None] * x), x, axis=1))


def trained_ranges(card: ModelCard) -> dict[str, tuple[float, float]]:
    """Return the ranges of ``blur`` and ``noise`` that a model has seen: from its card, or its degradation's."""
    if card.lr_images:
        return dict(card.lr_images)
    if not card.degradation:
        return {}
    try:
        return make_degradation(card.degradation, card.scale).ranges()
    except ConfigError:  # of a version of napari-sr that knew another one
        return {}


def fit(card: ModelCard, seen: Seen | npt.NDArray[Any]) -> Fit:
    """Judge whether a model suits an image.

    Parameters
    ----------
    card
        Of the model.
    seen
        The image, 2-D, or what :func:`look` has found out about it.
    """
    if not isinstance(seen, Seen):
        seen = look(seen)
    if interpolates(card):
        return Fit("green", (), "", 0.0)
    found: list[tuple[Verdict, str]] = []
    gain = _judge_degradation(card, seen, found)
    _judge_kind(card, seen, found)
    _judge_pixels(card, seen, found)
    verdict: Verdict = "green"
    for one, _ in found:
        verdict = max(verdict, one, key=ORDER.index)
    return Fit(verdict, tuple(text for _, text in found), ADVICE[verdict], gain)


def _judge_degradation(card: ModelCard, seen: Seen, found: list[tuple[Verdict, str]]) -> float | None:
    if seen.blank:
        found.append(("yellow", "the image is blank, so that its blur and noise are not known"))
        return None
    ranges = trained_ranges(card)
    if "blur" not in ranges or "noise" not in ranges:
        found.append(("yellow", "it is not known for which blur and noise it was trained"))
        return None
    # within its ranges, a model adapts: it is told, or sees it by itself
    blur, noise = (min(max(value, low), high) for value, (low, high) in (
        (seen.blur, ranges["blur"]), (seen.noise, ranges["noise"]))
    )  # fmt: skip
    gain = expected_gain(round(seen.blur, 3), round(seen.noise, 3), round(blur, 3), round(noise, 3))
    possible = expected_gain(*(round(value, 3) for value in (seen.blur, seen.noise, seen.blur, seen.noise)))
    if gain >= NOTHING or gain > possible - NEAR:
        return gain
    verdict: Verdict = "red" if gain < HARM else "yellow"
    # which of the two is at fault: what does harm alone, or, if only both do, what differs
    harmful = {
        "blur": expected_gain(round(seen.blur, 3), round(noise, 3), round(blur, 3), round(noise, 3)) < NOTHING,
        "noise": expected_gain(round(blur, 3), round(seen.noise, 3), round(blur, 3), round(noise, 3)) < NOTHING,
    }
    if not any(harmful.values()):
        harmful = {"blur": blur != seen.blur, "noise": noise != seen.noise}
    if harmful["blur"]:
        more = "more blurred" if seen.blur > blur else "sharper"
        found.append((verdict, f"your image is {more} than those it was trained on ({seen.blur:.2f} pixels of blur, "
                               f"not {blur:.2f})"))  # fmt: skip
    if harmful["noise"]:
        more = "noisier" if seen.noise > noise else "less noisy"
        found.append((verdict, f"your image is {more} than those it was trained on ({seen.noise:.1f} % of noise, "
                               f"not {noise:.1f} %)"))  # fmt: skip
    return gain


def _judge_kind(card: ModelCard, seen: Seen, found: list[tuple[Verdict, str]]) -> None:
    if not seen.kind or card.kind in ("any", "own", "", seen.kind):
        return
    apart = DENSITY in (seen.kind, card.kind)
    if seen.guessed and not apart:
        return  # a guess is too little to speak against a model
    text = f"it was trained on images of another kind ({card.kind}, not {seen.kind})"
    found.append(("red" if apart else "yellow", text))


def _judge_pixels(card: ModelCard, seen: Seen, found: list[tuple[Verdict, str]]) -> None:
    factor = NANOMETRES.get(card.pixel_unit)
    if factor is None or not card.pixel_size or seen.pixel_nm is None:
        return
    low, high = min(card.pixel_size) * factor, max(card.pixel_size) * factor
    if not low / PIXELS[is_told(card)] <= seen.pixel_nm <= high * PIXELS[is_told(card)]:
        found.append(("yellow", f"it was trained on pixels of {low:g}–{high:g} nm, these have {seen.pixel_nm:.3g} nm"))


def ranked(cards: Sequence[ModelCard], fits: Mapping[str, Fit], *, kind: str = "") -> list[ModelCard]:
    """Return the cards with the best first.

    Those that fit come first, of them those of this kind of image; among these, trained models before interpolation,
    faithful ones before those that may invent, measured ones, and those that are told what the image suffers from; of
    equals, the one with the larger factor.
    """

    def key(card: ModelCard) -> tuple[Any, ...]:
        found = fits[card.name]
        gain = found.gain if found.gain is not None else -99.0
        return (
            ORDER.index(found.verdict), bool(kind) and card.kind not in (kind, "own"), interpolates(card),
            invents(card), not beats_bicubic(card), not is_told(card), NETWORKS[card.network].linear, -gain,
            -card.scale,
        )  # fmt: skip

    return sorted(cards, key=key)


def recommendable(card: ModelCard, found: Fit, kind: str) -> bool:
    """Return True for a model to recommend for an image of ``kind``.

    Trained, fitting, faithful, of this kind of image or the user's own, and better than bicubic on its own card.
    """
    return (
        found.verdict == "green" and not interpolates(card) and not invents(card) and beats_bicubic(card)
        and card.kind in (kind, "own", "any")
    )  # fmt: skip


def interpolates(card: ModelCard) -> bool:
    """Return True for interpolation, which has learnt nothing."""
    return card.network in NETWORKS and not NETWORKS[card.network].trainable


def is_told(card: ModelCard) -> bool:
    """Return True for a model that is told what its image suffers from."""
    return card.network in NETWORKS and bool(NETWORKS[card.network].conditions)


def invents(card: ModelCard) -> bool:
    """Return True for a model that was trained against a critic."""
    runs = [card.training, *card.training.get("earlier", [])]
    return any(" against " in str(run.get("loss", "")) for run in runs)


def beats_bicubic(card: ModelCard) -> bool:
    """Return False for a model that was never measured, or by its own card is no better than bicubic interpolation."""
    pairs = [(m["model"].get("psnr"), m["bicubic"].get("psnr")) for m in card.metrics]
    known = [(ours, bicubic) for ours, bicubic in pairs if ours is not None and bicubic is not None]
    return bool(known) and all(ours > bicubic for ours, bicubic in known)
