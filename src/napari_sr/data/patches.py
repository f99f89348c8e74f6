"""Training patches: cut, degraded, augmented and scaled when asked for, never all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from napari_sr.degradations import Chain, low_resolution
from napari_sr.errors import TrainingError
from napari_sr.intensity import FittedIntensity, Intensity

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Plane2D:
    """One HR image to train on and how often it is drawn relative to the others."""

    hr: Plane
    weight: float = 1.0


def symmetry(image: Plane, index: int) -> Plane:
    """Return one of the eight symmetries of the square: ``index % 4`` quarter turns, flipped from 4 on."""
    turned = np.rot90(image, index % 4, axes=(-2, -1))
    return turned[..., ::-1] if index >= 4 else turned


class PatchDataset(Dataset[tuple[Tensor, Tensor]]):
    """LR/HR patch pairs of HR images and a degradation.

    Item ``i`` depends on ``seed`` and ``i`` alone, so a run that is resumed at item ``i`` goes on as if it
    had never stopped. The LR patch is degraded from an HR patch with a margin, so it equals the same
    region of the degraded whole image.

    Parameters
    ----------
    planes
        HR images; memory-mapped arrays stay on disk.
    degradation
        HR -> LR.
    intensity
        Fitted to each whole LR image once, applied to both sides.
    lr_patch
        Side of the LR patches.
    length
        Number of items: steps x batch.
    seed, augment
        Of the sampling; 8-fold symmetry.
    """

    def __init__(
        self,
        *,
        planes: Sequence[Plane2D],
        degradation: Chain,
        intensity: Intensity,
        lr_patch: int,
        length: int,
        seed: int = 0,
        augment: bool = True,
    ) -> None:
        self.scale = degradation.scale
        need = lr_patch * self.scale
        self.planes = [p for p in planes if min(p.hr.shape) >= need]
        if not self.planes:
            sizes = sorted({p.hr.shape for p in planes})[:3]
            raise TrainingError(
                f"No image is as large as one patch of {need} HR pixels ({lr_patch} LR pixels times {self.scale}); "
                f"the images have sizes like {sizes}. Choose smaller patches."
            )
        # large images are drawn more often than small ones
        weights = np.array([p.weight * p.hr.size for p in self.planes], dtype=np.float64)
        self.cumulative = np.cumsum(weights / weights.sum())
        self.degradation, self.intensity = degradation, intensity
        self.lr_patch, self.length, self.seed, self.augment = lr_patch, length, seed, augment
        self._fitted: dict[int, FittedIntensity] = {}
        self._chains: dict[int, Chain] = {}

    def __len__(self) -> int:
        return self.length

    def fitted(self, index: int) -> FittedIntensity:
        """Return the intensity transform of one image, fitted to its whole LR image."""
        if index not in self._fitted:
            lr = lr_of(self.planes[index].hr, self.degradation)
            self._fitted[index] = self.intensity.fit(lr)
        return self._fitted[index]

    def chain(self, index: int) -> Chain:
        """Return the degradation as it acts on the whole of one image."""
        if index not in self._chains:
            self._chains[index] = self.degradation.bound_to(self.planes[index].hr)
        return self._chains[index]

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, item))
        index = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        index = min(index, len(self.planes) - 1)
        hr_image = self.planes[index].hr
        s = self.scale
        # the patch starts on the LR grid, so that every patch is a cut of one and the same LR image
        y, x = (int(rng.integers(0, n // s - self.lr_patch + 1)) for n in hr_image.shape)
        margin = -(-self.degradation.reach // s)
        top, left = min(margin, y), min(margin, x)
        bottom = min(margin, hr_image.shape[0] // s - self.lr_patch - y)
        right = min(margin, hr_image.shape[1] // s - self.lr_patch - x)
        rows = slice((y - top) * s, (y + self.lr_patch + bottom) * s)
        columns = slice((x - left) * s, (x + self.lr_patch + right) * s)
        wide = np.asarray(hr_image[rows, columns])
        n = self.lr_patch
        lr = low_resolution(wide, self.chain(index), rng)[top : top + n, left : left + n]
        hr = wide[top * s : (top + n) * s, left * s : (left + n) * s]
        turn = int(rng.integers(8)) if self.augment else 0
        fitted = self.fitted(index)
        return (
            torch.from_numpy(np.ascontiguousarray(fitted.forward(symmetry(lr, turn))))[None],
            torch.from_numpy(np.ascontiguousarray(fitted.forward(symmetry(hr, turn))))[None],
        )


def lr_of(hr: Plane, degradation: Chain, seed: int = 0) -> npt.NDArray[np.floating]:
    """Return the LR image of a whole HR image."""
    return low_resolution(hr, degradation, np.random.default_rng(seed))
