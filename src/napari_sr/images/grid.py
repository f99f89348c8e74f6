"""Bringing images of different pixel grids onto one, through their places in the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.ndimage import shift as shifted

from napari_sr.errors import ImageError

#: differences of this many pixels between grids do not count
TOLERANCE = 1e-3
#: pixels around a window that a spline in it depends on
MARGIN = 16
#: pixels of the middle that a shift is measured on
MEASURED = 1024
#: smallest side, in pixels, that a shift is measured on
SMALLEST = 32
#: least correlation of images that lie over each other
ALIKE = 0.3


@dataclass(frozen=True)
class Grid:
    """Where the rows and columns of a plane lie: world = matrix · (row, column) + offset.

    Attributes
    ----------
    matrix
        Two rows of two.
    offset
        Of the centre of the first pixel.
    """

    matrix: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    offset: tuple[float, float] = (0.0, 0.0)

    @property
    def step(self) -> float:
        """Distance of neighbouring pixels: the root of a pixel's area."""
        return float(np.sqrt(abs(np.linalg.det(np.array(self.matrix)))))

    def to(self, other: Grid) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return A and b so that (row, column) here is A · (row, column) + b in ``other``."""
        inverse = np.linalg.inv(np.array(other.matrix))
        return inverse @ np.array(self.matrix), inverse @ (np.array(self.offset) - np.array(other.offset))


@dataclass(frozen=True)
class Overlap:
    """The rows and columns of a target plane that an image covers."""

    rows: slice
    columns: slice

    def share(self, shape: tuple[int, int]) -> float:
        """Return the covered share of a plane of ``shape``."""
        height, width = (s.stop - s.start for s in (self.rows, self.columns))
        return float(height * width / (shape[0] * shape[1]))


def overlap(shape: tuple[int, int], source: Grid, target: Grid, target_shape: tuple[int, int]) -> Overlap:
    """Return the largest centred rectangle of ``target`` whose corners lie in an image of ``shape`` on ``source``.

    For grids that are not rotated against each other, this is all that they share.

    Raises
    ------
    ImageError
        If they share nothing.
    """
    matrix, offset = source.to(target)
    corners = np.array([(r, c) for r in (-0.5, shape[0] - 0.5) for c in (-0.5, shape[1] - 0.5)])
    placed = np.sort(corners @ matrix.T + offset, axis=0)
    # of the four corners, the middle two bound what is inside
    low, high = placed[1], placed[2]
    first = np.maximum(np.ceil(low - TOLERANCE), 0).astype(int)
    last = np.minimum(np.floor(high + TOLERANCE) + 1, target_shape).astype(int)
    if (last <= first).any():
        raise ImageError("they do not overlap.")
    return Overlap(slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1])))


def onto(
    image: npt.NDArray[Any], source: Grid, target: Grid, shape: tuple[int, int], *, nearest: bool = False
) -> npt.NDArray[Any]:
    """Return a 2-D ``image`` on the grid ``target`` of ``shape``; outside of it, its border goes on.

    Images on the same grid are returned as they are; on one that is a whole number of times finer, bicubic
    interpolation is that of the model ``bicubic-xN``; otherwise, cubic splines, after a blur where the target is
    coarser.

    Parameters
    ----------
    image, source
        Values and where they lie.
    target, shape
        Where they are wanted.
    nearest
        Repeat pixels instead.
    """
    matrix, offset = target.to(source)
    same = np.allclose(matrix, np.eye(2), atol=TOLERANCE / max(shape)) and np.allclose(offset, 0, atol=TOLERANCE)
    if same and image.shape == shape:
        return image
    factor = _whole_factor(matrix, offset)
    if factor and not nearest:
        import torch  # only here: it takes seconds, and the place of a layer is asked for on the GUI thread

        from napari_sr.networks.interpolation import Bicubic

        values = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
        upscaled = Bicubic(scale=factor)(values)[0, 0].numpy()
        if upscaled.shape[0] >= shape[0] and upscaled.shape[1] >= shape[1]:
            return np.asarray(upscaled[: shape[0], : shape[1]])
    image, offset = _needed(image, matrix, offset, shape)
    values64 = np.asarray(image, dtype=np.float64)
    reduced = float(np.sqrt(abs(np.linalg.det(matrix))))
    if reduced > 1.5 and not nearest:
        values64 = gaussian_filter(values64, reduced / 2)
    return np.asarray(
        affine_transform(
            values64, matrix, offset, output_shape=shape, order=0 if nearest else 3, mode="nearest", prefilter=True
        )
    )


def _needed(
    image: npt.NDArray[Any], matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64], shape: tuple[int, int]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Cut away what lies far from all pixels that are wanted: a small window of a large image costs little then."""
    corners = np.array([(r, c) for r in (0, shape[0] - 1) for c in (0, shape[1] - 1)]) @ matrix.T + offset
    margin = MARGIN * max(1.0, float(np.abs(matrix).max()))
    cuts = []
    for low, high, size in zip(corners.min(axis=0) - margin, corners.max(axis=0) + margin, image.shape, strict=True):
        first = int(np.clip(np.floor(low), 0, size - 1))
        cuts.append(slice(first, int(np.clip(np.ceil(high) + 1, first + 1, size))))
    return image[cuts[0], cuts[1]], offset - np.array([cuts[0].start, cuts[1].start])


def _whole_factor(matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> int:
    """Return how many times finer the target is, if pixels are divided exactly; 0 otherwise."""
    if matrix[0, 0] <= 0:
        return 0
    factor = round(1 / matrix[0, 0])
    if factor < 2:
        return 0
    wanted = np.full(2, (1 / factor - 1) / 2)
    exact = np.allclose(matrix, np.eye(2) / factor, atol=1e-6) and np.allclose(offset, wanted, atol=TOLERANCE)
    return factor if exact else 0


def measured_shift(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the rows and columns that ``pred`` has to be moved by to lie over ``target``, to 1/20 pixel.

    By phase correlation of the middle of both, not whitened: fine frequencies, which an LR image lacks, would drown
    those that tell.
    """
    from skimage.registration import phase_cross_correlation

    middle = tuple(slice(max(0, (n - MEASURED) // 2), max(0, (n - MEASURED) // 2) + MEASURED) for n in target.shape)
    first, second = (np.asarray(image[middle], dtype=np.float64) for image in (target, pred))
    found, _, _ = phase_cross_correlation(
        first - first.mean(), second - second.mean(), upsample_factor=20, normalization=None
    )
    return float(found[0]), float(found[1])


def reliable_shift(pred: npt.NDArray[Any], target: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Return :func:`measured_shift` where it tells something: None for images that no shift makes alike.

    The correlation of small, constant or unrelated images has a maximum too, but moving one there brings nothing.
    """
    if min(target.shape) < SMALLEST or not np.ptp(pred) or not np.ptp(target):
        return None
    rows, columns = measured_shift(pred, target)
    if any(abs(s) > n / 2 for s, n in zip((rows, columns), target.shape, strict=True)):
        return None
    moved = shifted(np.asarray(pred, dtype=np.float64), (rows, columns), order=1, mode="nearest")
    margins = [int(np.ceil(abs(s))) for s in (rows, columns)]
    part = tuple(slice(m, n - m) for m, n in zip(margins, target.shape, strict=True))
    if min(s.stop - s.start for s in part) < SMALLEST // 2:
        return None
    after, before = (_correlation(image[part], target[part]) for image in (moved, pred))
    return (rows, columns) if after > max(before, ALIKE) else None


def _correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Return Pearson's correlation; 0 if one of both is constant."""
    if not np.ptp(first) or not np.ptp(second):
        return 0.0
    return float(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1])
