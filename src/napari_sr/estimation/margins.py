"""Blank margins of an image, as sections that were aligned, turned or stitched have."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
#: pixels that a margin has at least, along both axes; and those beside it that are left out, too
THICK, BESIDE = 6, 2
#: least share of the convex hull of an image's content that is content; of a side of the image, or of all its border,
#: that is blank
CONVEX, WHOLE_SIDE, MUCH = 0.95, 0.95, 0.4
#: side above which every second, third, … pixel is looked at
LARGE = 1024
#: smallest side of what is left
SMALLEST = 16


def margins(image: npt.NDArray[Any]) -> Mask | None:
    """Return where a 2-D image is blank around its content; None if it is not.

    An area of one value, or of values that are not finite, that reaches the border, and the pixels next to it, around
    what is convex. So the empty background of several cells is none; that of a single round one is.
    """
    step = -(-max(image.shape) // LARGE)
    thin = image[::step, ::step]
    blank = _of_one_value(thin)
    if blank is None:
        return None
    again = _of_one_value(within(thin, blank)[0])  # a ring that is not finite, and then a frame of one value
    if again is not None:
        blank[_box(blank)] |= again
    return blank.repeat(step, axis=0).repeat(step, axis=1)[: image.shape[0], : image.shape[1]]


def within(image: npt.NDArray[Any], blank: Mask) -> tuple[npt.NDArray[Any], Mask]:
    """Return the smallest part of an image that holds all of its content, and where that is blank."""
    box = _box(blank)
    return image[box], blank[box]


def _of_one_value(image: npt.NDArray[Any]) -> Mask | None:
    from scipy import ndimage

    missing = ~np.isfinite(image)
    same = _border_like(image, missing)
    if same is None:
        return None
    padded = np.pad(same, THICK, mode="edge")
    thick = ndimage.binary_opening(padded, np.ones((THICK, THICK), bool))
    areas = ndimage.label(thick)[0]
    outside = np.unique(np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]]))
    blank = np.isin(areas, outside[outside > 0])[THICK:-THICK, THICK:-THICK]
    if not _is_convex(blank):
        return None
    blank = np.asarray(ndimage.binary_dilation(blank, iterations=BESIDE))
    enough = min((~blank).any(axis=axis).sum() for axis in (0, 1)) >= SMALLEST
    return blank if enough else None


def _border_like(image: npt.NDArray[Any], missing: Mask) -> Mask | None:
    """Return where an image is as a side of it is, or much of its border in long runs; None if there is no such value.

    Not that of a bright cell or two at the border, which are saturated.
    """
    found: dict[Any, int] = {}
    places = ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1))
    total = 0
    for place in places:
        side, gone = image[place], missing[place]
        total += len(side)
        changes = np.flatnonzero((side[1:] != side[:-1]) & ~(gone[1:] & gone[:-1])) + 1
        starts, stops = np.concatenate([[0], changes]), np.concatenate([changes, [len(side)]])
        for start in np.flatnonzero(stops - starts >= THICK):
            first, length = starts[start], stops[start] - starts[start]
            value = None if gone[first] else side[first]
            # a side of one value is enough
            found[value] = found.get(value, 0) + (length if length < WHOLE_SIDE * len(side) else 4 * image.size)
    if not found or max(found.values()) < MUCH * total:
        return None
    value = max(found, key=lambda one: found[one])
    return missing if value is None else (image == value) | missing


def _is_convex(blank: Mask) -> bool:
    """Return True if what is not blank fills its convex hull."""
    from scipy.spatial import ConvexHull, QhullError

    rows = np.flatnonzero(~blank.all(axis=1))
    if len(rows) < SMALLEST or not blank.any():
        return False
    inside = blank[rows]
    ends = np.argmin(inside, axis=1), inside.shape[1] - np.argmin(inside[:, ::-1], axis=1)
    corners = np.concatenate([np.stack([rows + down, end], axis=1) for end in ends for down in (0, 1)])
    try:
        hull = ConvexHull(corners).volume  # of two dimensions: the area
    except QhullError:
        return False
    return bool((~blank).sum() >= CONVEX * hull)


def _box(blank: Mask) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero((~blank).any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
