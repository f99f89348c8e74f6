"""The Wiener filter of a training set, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from napari_sr.degradations import Chain, FloatImage
from napari_sr.degradations.blur import TRUNCATED, GaussianBlur
from napari_sr.degradations.resample import BilinearDown, BlockMean, PointSampling
from napari_sr.degradations.variety import fitted_limits, limits_of, reduced, vary
from napari_sr.densities import density_unit
from napari_sr.intensity import Intensity
from napari_sr.networks import create_network
from napari_sr.networks.filter_bank import FilterBank
from napari_sr.networks.wiener import WienerFilter
from napari_sr.training.data.patches import Plane2D

#: LR rows taken at a time
STRIP = 64


def fit_wiener(
    planes: Sequence[Plane2D],
    *,
    degradation: Chain | None,
    intensity: Intensity,
    scale: int | None = None,
    kernel_size: int = 13,
    ridge: float = 1e-7,
    check_stop: Callable[[], None] = lambda: None,
) -> WienerFilter:
    """Return the linear filter with the least squared error on ``planes``.

    For every LR pixel, the k x k neighbourhood a predicts the s x s HR pixels b under it:
    W = (sum a a^T + ridge tr I)^-1 sum a b^T, each image weighted as in training. ``check_stop`` is called now
    and then, and may raise.
    """
    if scale is None:
        assert degradation is not None
        scale = degradation.scale
    features = kernel_size**2
    gram = torch.zeros(features, features, dtype=torch.float64)
    cross = torch.zeros(features, scale**2, dtype=torch.float64)
    for plane in planes:
        lr = plane.low(degradation)
        fitted = intensity.fit(lr)
        height, width = lr.shape
        hr = np.asarray(plane.hr[: height * scale, : width * scale])
        x = torch.from_numpy(fitted.forward(lr)).double()[None, None]
        y = torch.from_numpy(fitted.forward(hr)).double()[None, None]
        padded = F.pad(x, (kernel_size // 2,) * 4, mode="replicate")
        targets = F.pixel_unshuffle(y, scale)  # (1, s^2, H, W)
        for row in range(0, height, STRIP):  # the neighbourhoods of a whole image would not fit into memory
            check_stop()
            rows = min(STRIP, height - row)
            columns = F.unfold(padded[:, :, row : row + rows + kernel_size - 1], kernel_size)[0]  # (k^2, rows * W)
            under = targets[0, :, row : row + rows].reshape(scale**2, -1)
            gram += plane.weight * columns @ columns.T
            cross += plane.weight * columns @ under.T
    gram += ridge * gram.trace() / features * torch.eye(features, dtype=torch.float64)
    solution = torch.linalg.solve(gram, cross).T.reshape(scale**2, 1, kernel_size, kernel_size)
    network = create_network("wiener", scale=scale, kernel_size=kernel_size)
    assert isinstance(network, WienerFilter)
    network.taps.data.copy_(solution.float())
    return network


class Cuts:
    """Random squares of random planes, with limits of 0 and 1 in each plane.

    Parameters
    ----------
    planes
        HR images, drawn by weight and size as in training.
    intensity
        A model of densities sees their logarithm.
    """

    def __init__(self, planes: Sequence[Plane2D], intensity: Intensity) -> None:
        self.planes, self.intensity = planes, intensity
        weights = np.array([p.weight * p.hr.size for p in planes], dtype=np.float64)
        self.cumulative = np.cumsum(weights / weights.sum())
        self._known: dict[int, tuple[float, float, float]] = {}  # unit of densities, limits

    def __call__(self, rng: np.random.Generator) -> Callable[[int], FloatImage]:
        index = min(int(np.searchsorted(self.cumulative, rng.random(), side="right")), len(self.planes) - 1)
        plane = self.planes[index].hr
        if index not in self._known:
            unit = density_unit(np.asarray(plane)) if self.intensity.kind == "log" else 1.0
            self._known[index] = unit, *limits_of(self._logged(np.asarray(plane), unit))
        unit, low, high = self._known[index]

        def cut(side: int) -> FloatImage:
            side = min(side, *plane.shape)
            y, x = (int(rng.integers(0, n - side + 1)) for n in plane.shape)
            window = self._logged(np.asarray(plane[y : y + side, x : x + side]), unit)
            return np.asarray((window - low) / max(high - low, 1e-6), dtype=np.float32)

        return cut

    def _logged(self, values: npt.NDArray[Any], unit: float) -> FloatImage:
        values = np.asarray(values / unit, dtype=np.float32)
        return np.log10(np.maximum(values, 0) + self.intensity.offset) if self.intensity.kind == "log" else values


#: patches that each blur of a bank of filters is fitted on, and their side in LR pixels
BANK_PATCHES, BANK_SIDE = 240, 64


def fit_bank(
    bank: FilterBank,
    cuts: Callable[[np.random.Generator], Callable[[int], FloatImage]],
    *,
    inverts: bool = True,
    varies: bool = True,
    seed: int = 0,
    ridge: float = 1e-8,
    check_stop: Callable[[], None] = lambda: None,
) -> None:
    """Fit the linear filters of every blur and noise of a bank, in place.

    For each blur, normal equations A = sum a a^T and B = sum a b^T as in :func:`fit_wiener` are gathered on patches
    without noise; white noise of variance σ² adds σ² to every a a^T on average, so that

        W(blur, σ) = (A / n + σ² I)^-1 B / n

    for all noises of the grid.

    Parameters
    ----------
    bank
        Its taps are set.
    cuts
        Returns for each patch how to cut a square with at most that many pixels a side out of a random HR image whose
        limits are 0 and 1.
    inverts, seed
        As in training.
    varies
        False if intensities are what they are (densities).
    ridge
        Smallest σ², for blurs that leave nothing of some frequencies.
    check_stop
        Called now and then, and may raise.
    """
    k, s = bank.kernel_size, bank.scale
    for row, blur in enumerate(bank.blurs):
        rng = np.random.default_rng((seed, row))
        gram = torch.zeros(k * k, k * k, dtype=torch.float64)
        cross = torch.zeros(k * k, s * s, dtype=torch.float64)
        count = 0
        for _ in range(BANK_PATCHES):
            check_stop()
            lr, hr = blurred_pair(cuts(rng), blur, scale=s, side=BANK_SIDE, inverts=inverts, varies=varies, rng=rng)
            x = torch.from_numpy(lr)[None, None]
            columns = F.unfold(x, k)[0].double()  # (k^2, inner pixels)
            inner = slice(k // 2 * s, (BANK_SIDE - k // 2) * s)
            under = F.pixel_unshuffle(torch.from_numpy(hr[inner, inner])[None, None], s).double()
            gram += columns @ columns.T
            cross += columns @ under.reshape(s * s, -1).T
            count += columns.shape[1]
        for column, noise in enumerate(bank.noises):
            damped = gram / count + max((noise / 100) ** 2, ridge) * torch.eye(k * k, dtype=torch.float64)
            taps = torch.linalg.solve(damped, cross / count).T
            bank.taps.data[row * bank.num_noises + column] = taps.float()


def blurred_pair(
    cut: Callable[[int], FloatImage],
    blur: float,
    *,
    scale: int,
    side: int,
    inverts: bool,
    varies: bool = True,
    rng: np.random.Generator,
) -> tuple[FloatImage, FloatImage]:
    """Return an LR patch without noise whose blur in all is ``blur`` LR pixels, and its HR patch, in network values."""
    wanted = (blur * scale) ** 2
    points = PointSampling(scale, (bool(rng.integers(2)), bool(rng.integers(2))))
    samplings: list[BlockMean | BilinearDown | PointSampling] = [BlockMean(scale), BilinearDown(scale), points]
    possible = [step for step in samplings if step.spread <= wanted]
    sampling = possible[0] if len(possible) == 3 and rng.random() < 0.5 else possible[int(rng.integers(len(possible)))]
    margin = math.ceil(TRUNCATED * blur) + 1
    whole = (side + 2 * margin) * scale
    hr = reduced(cut(round(whole * rng.uniform(1, 2 if varies else 1))), whole)
    if varies:
        hr, low, high, *_ = vary(hr, inverts, rng)
        low, high = fitted_limits(low, high, rng)
        hr = (hr - np.float32(low)) / np.float32(high - low)
    lr = sampling(GaussianBlur(math.sqrt(wanted - sampling.spread), truncate=TRUNCATED)(hr, rng), rng)
    inner = slice(margin * scale, (margin + side) * scale)
    return lr[margin : margin + side, margin : margin + side], hr[inner, inner]
