"""What a network that is being trained makes of one patch: pictures of the progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.degradations import Chain, Suffered
from napari_sr.images.lazy_plane import DiskPlane
from napari_sr.intensity import FittedIntensity, Intensity
from napari_sr.networks import SRNetwork
from napari_sr.training.data.patches import Plane2D, told

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Place:
    """Where a patch lies: the plane's number, and its first row and column in LR pixels."""

    plane: int
    row: int
    column: int


@dataclass(frozen=True)
class Patches:
    """LR, SR and HR of one patch, in image values."""

    place: Place
    lr: Plane
    sr: Plane
    hr: Plane


class PatchPreview:
    """Super-resolves one patch with a network as it is.

    Parameters
    ----------
    plane
        Returns a plane by its number; called when another one is wanted.
    degradation
        Makes the LR image, unless the plane has one.
    intensity
        Fitted to the whole LR image of a plane, as in training.
    scale, side
        Of the model; of the patch in LR pixels, less if the plane is smaller.
    """

    def __init__(
        self, *, plane: Callable[[int], Plane2D], degradation: Chain | None, intensity: Intensity, scale: int, side: int
    ) -> None:
        self._read = plane
        self.degradation, self.intensity, self.scale, self.side = degradation, intensity, scale, side
        # number, LR, HR, intensity, and what was done to the LR image
        self._known: tuple[int, Plane, Plane | DiskPlane, FittedIntensity, Suffered | None] | None = None

    def __call__(self, network: SRNetwork, place: Place) -> Patches:
        if self._known is None or self._known[0] != place.plane:
            plane = self._read(place.plane)
            lr, suffered = plane.low_told(self.degradation, seed=place.plane)
            self._known = (place.plane, lr, plane.hr, self.intensity.fit(lr), suffered)
        _, lr, hr, fitted, suffered = self._known
        row, column = (
            min(max(0, start), max(0, n - self.side))
            for start, n in zip((place.row, place.column), lr.shape, strict=True)
        )
        part = lr[row : row + self.side, column : column + self.side]
        s, (height, width) = self.scale, part.shape
        device = next(network.parameters()).device
        tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(part)))[None, None].to(device)
        conditions = told(network.conditions, suffered, fitted)[None].to(device)
        with torch.no_grad():
            result = network(tensor, conditions) if network.conditions else network(tensor)
        sr = result[0, 0].float().cpu().numpy()
        target = np.asarray(hr[row * s : (row + height) * s, column * s : (column + width) * s])
        return Patches(Place(place.plane, row, column), part, fitted.inverse(sr), target)
