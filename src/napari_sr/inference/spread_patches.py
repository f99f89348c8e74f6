"""Patches from all over an image, which stand in for the whole of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_sr.errors import Cancelled
from napari_sr.images.axes import Layout
from napari_sr.inference.parts import PlaneFits, read_plane
from napari_sr.models.model import Model

T = TypeVar("T")
#: patches, at least and at most
FEWEST, MOST = 4, 12
#: planes of a stack that they are taken from
PLANES = 3
#: places along each side of a plane that they are chosen from
PLACES = 6
#: standard deviation below which a patch is empty, as a share of the intensity span
EMPTY = 0.01


def spread_patches(
    model: Model, image: Any, layout: Layout, side: int, count: int, should_stop: Callable[[], bool] | None = None
) -> Tensor:
    """Return patches of an image in network values, (N, 1, height, width), about ``count`` of them.

    Parameters
    ----------
    model
        Whose intensities are meant.
    image, layout
        The whole image. Patches come from all of its channels, or of its colours, and from the first, the middle and
        the last plane of a stack.
    side
        Of a patch, in pixels; less where a plane has less.
    count
        How many are wanted.
    should_stop
        Asked before each plane; :class:`Cancelled` is raised once it returns True.

    Returns
    -------
    Tensor
        Only those in which something is to be seen; none at all (N = 0) if these are fewer than FEWEST.
    """
    fits = PlaneFits(image, layout, model)
    found: list[list[npt.NDArray[np.float32]]] = []
    for index in spread_planes(layout):
        if should_stop is not None and should_stop():
            raise Cancelled("cancelled")
        plane = read_plane(image, layout, index)
        fitted, stand_in = fits(index)
        windows = [np.asarray(plane[window]) for window in _windows(layout.plane_shape, side)]
        values = [fitted.forward(np.where(np.isfinite(w), w, np.asarray(stand_in, w.dtype))) for w in windows]
        contrasts = np.array([np.std(v) for v in values])
        seen = [values[i] for i in np.argsort(contrasts) if contrasts[i] > EMPTY * (fitted.upper - fitted.lower)]
        if seen:
            found.append(seen)
    chosen = [patch for seen in found for patch in _of_all(seen, -(-count // len(found)))]
    return torch.from_numpy(np.stack(chosen))[:, None] if len(chosen) >= FEWEST else torch.empty(0, 1, side, side)


def spread_planes(layout: Layout) -> list[tuple[int, ...]]:
    """Return planes of all channels or colours, of each the first, the middle and the last; at most MOST.

    Where there are more, evenly chosen. Transparency is none of them.
    """
    others = [(a, n) for a, n in zip(layout.axes, layout.shape, strict=True) if a not in "YX"]
    lengths = [n for _, n in others]
    number = next((i for letter in "CS" for i, (a, _) in enumerate(others) if a == letter), None)
    if number is None:
        return [_at(lengths, i) for i in _evenly(range(math.prod(lengths)), PLANES)]
    rest = [n for i, n in enumerate(lengths) if i != number]
    at = [_at(rest, i) for i in _evenly(range(math.prod(rest)), PLANES)]
    every = [(*i[:number], channel, *i[number:]) for channel in range(lengths[number]) for i in at]
    usable = [index for index in every if not layout.is_alpha(index)]
    return _evenly(usable, MOST)


def _evenly(items: Sequence[T], count: int) -> list[T]:
    """Return ``count`` of them, from the first to the last; all if there are fewer."""
    return [items[int(i)] for i in dict.fromkeys(np.linspace(0, len(items) - 1, count).round())]


def _of_all(items: Sequence[T], count: int) -> list[T]:
    """Return ``count`` of them, each from the middle of as many equal parts; all if there are fewer."""
    count = min(count, len(items))
    return [items[int((i + 0.5) * len(items) / count)] for i in range(count)]


def _at(lengths: list[int], number: int) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(number, lengths)) if lengths else ()


def _windows(shape: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """Return squares all over a plane, or what there is room for."""
    sides = [min(side, n) for n in shape]
    starts = [
        dict.fromkeys(int(i) for i in np.linspace(0, n - s, PLACES).round()) for n, s in zip(shape, sides, strict=True)
    ]
    return [(slice(y, y + sides[0]), slice(x, x + sides[1])) for y in starts[0] for x in starts[1]]
