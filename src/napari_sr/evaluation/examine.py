"""Ask the image that a picture was made of about the picture: consistency by its own blur, and fine detail."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.estimation import Estimate
from napari_sr.evaluation.evidence import Evidence
from napari_sr.evaluation.own_degradation import Estimates, own_degradation
from napari_sr.evaluation.trust import Both, Gathered, planes_of_both
from napari_sr.images.axes import Layout
from napari_sr.inference import Progress
from napari_sr.metrics.beyond import Beyond, power_beyond

FloatArray = npt.NDArray[np.float64]
#: side in LR pixels, and largest number along an axis, of the tiles that fine detail is judged in
TILE, TILES = 128, 4


def sharp_spectrum_of(training: Mapping[str, Any]) -> FloatArray | None:
    """Return the mean spectrum of a model's HR images, if its card has it among what it was trained on."""
    values = training.get("hr_spectrum")
    return None if values is None else np.asarray(values, dtype=np.float64)


def corners(shape: tuple[int, int], side: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the first row and column of at most ``TILES``² tiles of a size, spread evenly over a plane."""
    rows, columns = (
        np.linspace(0, n - s, min(TILES, -(-n // s))).astype(int).tolist() for n, s in zip(shape, side, strict=True)
    )
    return [(row, column) for row in rows for column in columns]


def fine_detail(
    sr: npt.NDArray[Any], lr: npt.NDArray[Any], state: Estimate, *, scale: int, sharp: FloatArray | None = None
) -> Beyond:
    """Return the fine detail of a plane beside what is expected, from tiles that are spread over it.

    Parameters
    ----------
    sr, lr
        2-D; ``sr`` is ``scale`` times as large, or up to a pixel of the LR image larger.
    state
        Blur and noise of ``lr``.
    scale, sharp
        As of :func:`napari_sr.metrics.beyond.power_beyond`.
    """
    height, width = min(TILE, lr.shape[0]), min(TILE, lr.shape[1])
    places = corners((lr.shape[0], lr.shape[1]), (height, width))
    below = np.stack([lr[row : row + height, column : column + width] for row, column in places])
    above = np.stack([
        sr[row * scale : (row + height) * scale, column * scale : (column + width) * scale] for row, column in places
    ])  # fmt: skip
    noise = float(state.noise.variance(below).mean())
    return power_beyond(above, below, scale=scale, noise=noise, blur=state.blur.sigma, sharp=sharp)


def iter_evidence(
    sr: Any, lr: Any, *, axes: str, scale: int, card: str = "", degradation: str = "", blur: float | None = None,
    density: bool = False, sharp: FloatArray | None = None,
) -> Generator[Progress | Evidence, None, None]:  # fmt: skip
    """Ask every plane (and colour) of an image about the picture that was made of it; ends with :class:`Evidence`.

    Parameters
    ----------
    sr, lr, axes
        The picture, the image that it was made of, and the axes of both.
    scale
        SR pixels to an LR pixel.
    card
        The degradation on the model's card; it is used where the image's own cannot be estimated, and told beside it.
    degradation
        The one that the image really has, if it is known.
    blur
        Its blur in LR pixels, the pixels' area included, if only that is known; estimated if None.
    density
        Compare log10(density + 0.02).
    sharp
        As of :func:`napari_sr.metrics.beyond.power_beyond`.
    """
    layout, upscaled = Layout(axes, tuple(lr.shape)), Layout(axes, tuple(sr.shape))
    states = Estimates(lr, layout, density=density, blur=blur)
    own, by_card, seen = Gathered(layout), Gathered(layout), _Seen()
    for both in planes_of_both(sr, lr, layout, upscaled):
        yield Progress(both.fraction, 0.0, 0.0, "Making it low-resolution again …")
        state = states(both.index)
        if state is None or degradation:
            own.add(both.index, both.consistency(scale, degradation or card, density=density))
        else:
            estimated = own_degradation(state.blur.sigma, scale)
            own.add(both.index, both.viewed(density).consistency(scale, estimated))
            if card:
                by_card.add(both.index, both.consistency(scale, card, density=density))
        if state is not None:
            seen.add(both.viewed(density), state, scale, sharp)
    consistent = own.result()
    yield Evidence(
        consistent, _how(seen.blurs, degradation, given=blur is not None, card=card),
        by_card.result() if by_card.found else None, seen.unexplained(consistent.rse), seen.detail(), sharp is not None,
    )  # fmt: skip


class _Seen:
    """Blur, noise, contrast and fine detail of the planes so far."""

    def __init__(self) -> None:
        self.blurs: list[float] = []
        self.noises: list[float] = []
        self.variances: list[float] = []
        self.details: list[float] = []

    def add(self, both: Both, state: Estimate, scale: int, sharp: FloatArray | None) -> None:
        self.blurs.append(state.blur.sigma)
        self.noises.append(float(state.noise.variance(both.lr).mean()))
        self.variances.append(float(np.var(both.lr, dtype=np.float64)))
        with suppress(ImageError):  # a constant plane has no detail
            self.details.append(fine_detail(both.sr, both.lr, state, scale=scale, sharp=sharp).ratio)

    def detail(self) -> float | None:
        """Return the geometric mean of the planes' ratios."""
        found = [d for d in self.details if d > 0]
        return float(np.exp(np.mean(np.log(found)))) if found else None

    def unexplained(self, rse: float) -> float | None:
        """Return the share of the contrast that is contradicted, noise aside."""
        if not self.noises:
            return None
        noise = float(np.mean(self.noises))
        contrast = float(np.mean(self.variances)) - noise
        return math.sqrt(max(rse**2 - noise, 0.0) / contrast) if contrast > 0 else None


def _how(blurs: list[float], degradation: str, *, given: bool, card: str) -> str:
    if degradation:
        return f", as set ({degradation})"
    if blurs:
        return f", with a blur of {np.mean(blurs):.2g} pixels ({'as set' if given else 'estimated from the image'})"
    return f", as the model's card says ({card})" if card else ""
