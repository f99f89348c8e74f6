"""Images and the grids of their pixels: where they lie, and bringing one onto the grid of another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.stack import Stack

#: differences of this many pixels between grids do not count
TOLERANCE = 1e-3
#: pixels around a window that a spline in it depends on
MARGIN = 16


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

    @property
    def is_square(self) -> bool:
        """Whether pixels are squares, to one per cent: only then is there one frequency for every direction."""
        step = np.array(self.matrix)
        return bool(np.abs(step.T @ step / self.step**2 - np.eye(2)).max() < 0.02)

    def length(self, rows: float, columns: float) -> float:
        """Return the distance of two points that lie so many rows and columns apart."""
        return float(np.linalg.norm(np.array(self.matrix) @ (rows, columns)))

    def to(self, other: Grid) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return A and b so that (row, column) here is A · (row, column) + b in ``other``."""
        inverse = np.linalg.inv(np.array(other.matrix))
        return inverse @ np.array(self.matrix), inverse @ (np.array(self.offset) - np.array(other.offset))


def multiple(factor: int) -> Grid:
    """Return the grid of pixels that cover ``factor`` by ``factor`` others each."""
    return Grid(((float(factor), 0.0), (0.0, float(factor))), ((factor - 1) / 2, (factor - 1) / 2))


@dataclass(frozen=True)
class GridImage:
    """An image and the grid of its pixels.

    Attributes
    ----------
    name
        Of its layer or file.
    data
        Array of any dimension; its axes are ``axes``.
    axes
        One letter a dimension; ``S`` for colours, over which the mean is taken.
    grid
        Of its rows and columns.
    """

    name: str
    data: Any
    axes: str
    grid: Grid = field(default_factory=Grid)

    @property
    def stack(self) -> Stack:
        """The image without its place."""
        return Stack(self.data, self.axes)

    @property
    def layout(self) -> Layout:
        """Its axes and shape."""
        return Layout(self.axes, tuple(int(n) for n in self.data.shape))

    @property
    def stacked(self) -> tuple[int, ...]:
        """Lengths of the axes beside rows, columns and colours."""
        return self.stack.stacked

    def count(self) -> int:
        """Return the number of planes."""
        return len(self.stack)

    def plane(self, number: int) -> npt.NDArray[Any]:
        """Return one plane, rows first; of colours, the mean."""
        return self.stack.plane(number)


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
    from scipy.ndimage import affine_transform, gaussian_filter

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
    rows, columns = _window(image.shape, matrix, offset, shape)
    return image[rows, columns], offset - np.array([rows.start, columns.start])


def _window(
    size: tuple[int, ...], matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64], shape: tuple[int, int]
) -> tuple[slice, slice]:
    corners = np.array([(r, c) for r in (0, shape[0] - 1) for c in (0, shape[1] - 1)]) @ matrix.T + offset
    margin = MARGIN * max(1.0, float(np.abs(matrix).max()))
    cuts = []
    for low, high, length in zip(corners.min(axis=0) - margin, corners.max(axis=0) + margin, size, strict=True):
        first = int(np.clip(np.floor(low), 0, length - 1))
        cuts.append(slice(first, int(np.clip(np.ceil(high) + 1, first + 1, length))))
    return cuts[0], cuts[1]


def needed(size: tuple[int, int], source: Grid, target: Grid, shape: tuple[int, int]) -> tuple[slice, slice, Grid]:
    """Return which window of an image of ``size`` on ``source`` is enough for ``target``, and the window's own grid."""
    matrix, offset = target.to(source)
    rows, columns = _window(size, matrix, offset, shape)
    start = np.array(source.offset) + np.array(source.matrix) @ np.array([rows.start, columns.start])
    return rows, columns, Grid(source.matrix, (float(start[0]), float(start[1])))


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
