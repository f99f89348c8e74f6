"""Planting fake detail in a picture, to see which map finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter
from scipy.stats import mannwhitneyu

Plane = npt.NDArray[Any]


@dataclass(frozen=True)
class Planted:
    """A picture with fakes in it, and where they are."""

    pred: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]


def plant_copies(pred: Plane, *, count: int, side: int, rng: np.random.Generator) -> Planted:
    """Copy ``count`` squares of the picture to other places in it, fading out over their borders."""
    fade = np.outer(*(2 * [np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 0.5]))
    changed, mask = np.asarray(pred, dtype=np.float64).copy(), np.zeros(pred.shape, bool)
    for place in _places(pred.shape, count, side, rng):
        row, column = (int(rng.integers(0, n - side)) for n in pred.shape)
        copied = pred[row : row + side, column : column + side]
        changed[place] = fade * copied + (1 - fade) * changed[place]
        mask[place] = True
    return Planted(changed, mask)


def plant_stripes(
    pred: Plane, *, count: int, side: int, period: float, amplitude: float, rng: np.random.Generator
) -> Planted:
    """Add ``count`` squares of stripes so fine that a degradation with a wide blur leaves nothing of them."""
    fade = np.outer(*(2 * [np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2]))
    changed, mask = np.asarray(pred, dtype=np.float64).copy(), np.zeros(pred.shape, bool)
    for place in _places(pred.shape, count, side, rng):
        angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[:side, :side]
        wave = np.sin(2 * np.pi / period * (rows * np.cos(angle) + columns * np.sin(angle)) + phase)
        changed[place] += amplitude * fade * wave
        mask[place] = True
    return Planted(changed, mask)


def found_by(map_: Plane, mask: npt.NDArray[np.bool_], *, side: int = 1) -> float:
    """Return the area under the ROC curve of a map as a detector of the masked pixels.

    1 if every fake pixel stands out, 0.5 if the map knows nothing. The map is averaged over squares of ``side`` pixels
    first, as an eye does.
    """
    scores = uniform_filter(np.asarray(map_, dtype=np.float64), side) if side > 1 else map_
    inside, outside = scores[mask], scores[~mask]
    return float(mannwhitneyu(inside, outside).statistic / (inside.size * outside.size))


def _places(shape: tuple[int, ...], count: int, side: int, rng: np.random.Generator) -> list[tuple[slice, slice]]:
    """Return squares that do not touch each other."""
    cells = [(r, c) for r in range(shape[0] // (2 * side)) for c in range(shape[1] // (2 * side))]
    chosen = rng.choice(len(cells), min(count, len(cells)), replace=False)
    corners = [(cells[i][0] * 2 * side + side // 2, cells[i][1] * 2 * side + side // 2) for i in chosen]
    return [(slice(r, r + side), slice(c, c + side)) for r, c in corners]
