"""Training patches: cut, degraded, turned, mirrored and scaled when asked for, never all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from napari_sr.conditions import Condition, noise_conditions, normalised
from napari_sr.degradations import Chain, Suffered, low_resolution, low_resolution_told
from napari_sr.errors import TrainingError
from napari_sr.estimation import estimate
from napari_sr.images.lazy_plane import DiskPlane
from napari_sr.intensity import FittedIntensity, Intensity, regular_sample

#: a 2-D image: in memory, mapped, or in its file
Plane = npt.NDArray[Any] | DiskPlane


#: a patch is empty if its standard deviation is below this share of its whole image's
EMPTY = 0.1
#: by how much a network is told wrong in training: LR pixels of blur, and of the noise's logarithm (both are σ)
BLUR_ERROR, NOISE_ERROR = 0.06, 0.12
#: so many empty patches are passed over before one is taken all the same
DRAWS = 8


@dataclass(frozen=True)
class Plane2D:
    """One HR image to train on.

    Attributes
    ----------
    hr
        The image.
    weight
        How often its source is drawn relative to the others.
    lr
        Its LR image, if one was measured; made by a degradation if None.
    name
        For messages.
    source, file
        The number of the source and the path of the file it comes from.
    """

    hr: Plane
    weight: float = 1.0
    lr: Plane | None = None
    name: str = ""
    source: int = 0
    file: str = ""

    def low(self, degradation: Chain | None, seed: int = 0) -> npt.NDArray[Any]:
        """Return the whole LR image, measured or made."""
        return self.low_told(degradation, seed)[0]

    def low_told(self, degradation: Chain | None, seed: int = 0) -> tuple[npt.NDArray[Any], Suffered | None]:
        """Return the whole LR image, measured or made, and its blur and noise if they are known."""
        if self.lr is not None:
            return np.asarray(self.lr), None
        if degradation is None:
            raise TrainingError(
                f"{self.name or 'An HR image'} has no LR image beside it, and no degradation makes one."
            )
        return low_resolution_told(np.asarray(self.hr), degradation, np.random.default_rng(seed))


def symmetry(image: npt.NDArray[Any], index: int) -> npt.NDArray[Any]:
    """Return one of the eight symmetries of the square: ``index % 4`` quarter turns, flipped from 4 on."""
    turned = np.rot90(image, index % 4, axes=(-2, -1))
    return turned[..., ::-1] if index >= 4 else turned


def symmetries(*, rotate: bool, flip: bool) -> tuple[int, ...]:
    """Return which of the eight symmetries quarter turns and flips (along rows, columns, or both) make."""
    if rotate:
        return tuple(range(8 if flip else 4))
    return (0, 2, 4, 6) if flip else (0,)


def described(found: Suffered, fitted: FittedIntensity) -> dict[str, float]:
    """Return what an image suffered by the names of :mod:`napari_sr.conditions`."""
    # in a logarithm, noise is no longer affine: densities that were simulated have none
    noise = (found.slope, found.intercept) if fitted.log_offset is None else (0.0, 0.0)
    return {"blur": found.blur, **noise_conditions(*noise, low=fitted.low, high=fitted.high)}


def told(
    conditions: Sequence[Condition],
    suffered: Suffered | None,
    fitted: FittedIntensity,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Return what a network with ``conditions`` is told of an image, normalised, shape (number of conditions,).

    With ``rng``, blur and noise are told a little wrong, as they will be once they are estimated.
    """
    values: dict[str, float] = {}
    if suffered is not None:
        values = described(suffered, fitted)
        if rng is not None:
            values["blur"] += rng.normal(0, BLUR_ERROR)
            values["noise"] *= float(np.exp(rng.normal(0, NOISE_ERROR)))
    return torch.tensor(normalised(conditions, values), dtype=torch.float32)


class PatchDataset(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """LR/HR patch pairs of HR images and a degradation, and what the network is told of each.

    Item ``i`` depends on ``seed`` and ``i`` alone, so a run that is resumed at item ``i`` goes on as if it
    had never stopped. The LR patch is degraded from an HR patch with a margin, so it equals the same
    region of the degraded whole image.

    Parameters
    ----------
    planes
        HR images; what is on disk stays there.
    degradation, scale
        HR -> LR, for images without a measured LR image; HR pixels to an LR pixel.
    intensity
        Fitted to each whole LR image once, applied to both sides.
    lr_patch
        Side of the LR patches.
    length
        Number of items: steps x batch.
    seed
        Of the sampling.
    rotate, flip
        Draw patches in quarter turns, and mirrored along both axes.
    rounded
        Share of the patches whose LR side, if its HR image is of integers, is rounded to integers.
    conditions
        What the network is told.

    Attributes
    ----------
    left_out
        Number of images that are smaller than a patch.
    """

    def __init__(
        self,
        *,
        planes: Sequence[Plane2D],
        degradation: Chain | None,
        scale: int,
        intensity: Intensity,
        lr_patch: int,
        length: int,
        seed: int = 0,
        rotate: bool = True,
        flip: bool = True,
        rounded: float = 1.0,
        conditions: Sequence[Condition] = (),
    ) -> None:
        self.scale, self.conditions = scale, conditions
        need = lr_patch * self.scale
        self.planes = [p for p in planes if min(p.hr.shape) >= need]
        self.left_out = len(planes) - len(self.planes)
        if not self.planes:
            sizes = sorted({p.hr.shape for p in planes})[:3]
            raise TrainingError(
                f"No image is as large as one patch of {need} HR pixels ({lr_patch} LR pixels times {self.scale}); "
                f"the images have sizes like {sizes}. Choose smaller patches."
            )
        # large images are drawn more often than small ones of the same source; sources as their weights say, whatever
        # they hold
        pixels: dict[int, int] = {}
        for p in self.planes:
            pixels[p.source] = pixels.get(p.source, 0) + p.hr.size
        weights = np.array([p.weight * p.hr.size / pixels[p.source] for p in self.planes], dtype=np.float64)
        self.cumulative = np.cumsum(weights / weights.sum())
        self.degradation, self.intensity = degradation, intensity
        self.lr_patch, self.length, self.seed = lr_patch, length, seed
        self.symmetries = symmetries(rotate=rotate, flip=flip)
        self.rounded = rounded
        self._fitted: dict[int, FittedIntensity] = {}
        self._chains: dict[int, Chain] = {}
        self._contrast: dict[int, float] = {}

    def __len__(self) -> int:
        return self.length

    def fitted(self, index: int) -> FittedIntensity:
        """Return the intensity transform of one image, fitted to its whole LR image."""
        if index not in self._fitted:
            lr = self.planes[index].low(self.degradation)
            self._fitted[index] = self.intensity.fit(lr)
            self._contrast[index] = float(np.std(regular_sample(lr)))
        return self._fitted[index]

    def chain(self, index: int) -> Chain:
        """Return the degradation as it acts on the whole of one image."""
        assert self.degradation is not None
        if index not in self._chains:
            self._chains[index] = self.degradation.bound_to(np.asarray(self.planes[index].hr))
        return self._chains[index]

    def measured_ranges(self, most: int = 8) -> dict[str, tuple[float, float]]:
        """Return the smallest and largest blur and noise of (at most ``most``) measured LR images, as estimated."""
        pairs = [p for p in self.planes if p.lr is not None]
        found = []
        for plane in pairs[:: -(-len(pairs) // most) if pairs else 1]:
            lr = np.asarray(plane.lr)
            fitted = self.intensity.fit(lr)
            density = fitted.log_offset is not None
            guess = estimate(fitted.forward(lr) if density else lr, density=density)
            suffered = Suffered(guess.blur.sigma, guess.noise.slope, guess.noise.intercept)
            found.append(described(suffered, fitted))
        names = ("blur", "noise") if found else ()
        return {name: (min(f[name] for f in found), max(f[name] for f in found)) for name in names}

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, item))
        index = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        index = min(index, len(self.planes) - 1)
        suffered: Suffered | None
        if self.degradation is not None and self.degradation.family is not None and self.planes[index].lr is None:
            lr, hr, suffered, fitted = self._member(index, rng)
        else:
            fitted = self.fitted(index)
            for _ in range(DRAWS):
                lr, hr, suffered = self._pair(index, rng)
                if float(np.std(lr)) >= EMPTY * self._contrast[index]:
                    break
        turn = self.symmetries[int(rng.integers(len(self.symmetries)))] if len(self.symmetries) > 1 else 0
        return (
            torch.from_numpy(np.ascontiguousarray(fitted.forward(symmetry(lr, turn))))[None],
            torch.from_numpy(np.ascontiguousarray(fitted.forward(symmetry(hr, turn))))[None],
            told(self.conditions, suffered, fitted, rng),
        )

    def _member(
        self, index: int, rng: np.random.Generator
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Suffered, FittedIntensity]:
        """Return a patch pair of a random member of the family, with intensities of its own."""
        family = self.chain(index).family
        assert family is not None
        hr = self.planes[index].hr
        if index not in self._contrast:
            self._contrast[index] = float(np.std(regular_sample(np.asarray(hr))))

        def cut(side: int) -> npt.NDArray[Any]:
            side = min(side, *hr.shape)
            for _ in range(DRAWS):
                y, x = (int(rng.integers(0, n - side + 1)) for n in hr.shape)
                window = np.asarray(hr[y : y + side, x : x + side])
                if float(np.std(window)) >= EMPTY * self._contrast[index]:
                    break
            return window

        margin = -(-self.chain(index).reach // self.scale)
        lr, high, suffered, limits = family.pair(cut, self.lr_patch, margin, rng)
        if limits is None:
            return lr, high, suffered, self.intensity.fit(lr)
        return lr, high, suffered, FittedIntensity(*limits, self.intensity.lower, self.intensity.upper)

    def _pair(self, index: int, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Suffered | None]:
        """Return a random LR patch and its HR patch, in image values, and what was done."""
        plane, s, n = self.planes[index], self.scale, self.lr_patch
        # the patch starts on the LR grid, so that every patch is a cut of one and the same LR image
        y, x = (int(rng.integers(0, size // s - n + 1)) for size in plane.hr.shape)
        if plane.lr is not None:
            hr = np.asarray(plane.hr[y * s : (y + n) * s, x * s : (x + n) * s])
            return np.asarray(plane.lr[y : y + n, x : x + n]), hr, None
        assert self.degradation is not None
        margin = -(-self.degradation.reach // s)
        top, left = min(margin, y), min(margin, x)
        bottom = min(margin, plane.hr.shape[0] // s - n - y)
        right = min(margin, plane.hr.shape[1] // s - n - x)
        rows = slice((y - top) * s, (y + n + bottom) * s)
        columns = slice((x - left) * s, (x + n + right) * s)
        wide = np.asarray(plane.hr[rows, columns])
        rounded = self.rounded >= 1 or bool(rng.random() < self.rounded)
        lr, suffered = low_resolution_told(wide, self.chain(index), rng, rounded=rounded)
        hr = wide[top * s : (top + n) * s, left * s : (left + n) * s]
        return lr[top : top + n, left : left + n], hr, suffered


def lr_of(hr: Plane, degradation: Chain, seed: int = 0) -> npt.NDArray[np.floating]:
    """Return the LR image of a whole HR image."""
    return low_resolution(np.asarray(hr), degradation, np.random.default_rng(seed))
