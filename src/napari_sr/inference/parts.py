"""Planes of an image: how they are read, and the intensity transform of each."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.axes import Layout
from napari_sr.intensity import FittedIntensity, regular_sample
from napari_sr.models.model import Model

#: planes of up to this many bytes are read at once, larger ones tile by tile
PLANE_BYTES = 64 * 1024**2


def read_plane(image: Any, layout: Layout, index: tuple[int, ...]) -> Any:
    """Return a function-like view of one plane: read at once if small, window by window if not."""
    rows, columns = layout.plane_shape
    if rows * columns * np.dtype(image.dtype).itemsize <= PLANE_BYTES:
        return layout.take(image, index)
    return _Windows(image, layout, index)


@dataclass(frozen=True)
class _Windows:
    """A plane too large to be read at once."""

    image: Any
    layout: Layout
    index: tuple[int, ...]

    def __getitem__(self, window: tuple[slice, slice]) -> npt.NDArray[Any]:
        copied = np.array(self.image[self.layout.select(self.index, *window)])
        _release_pages(self.image)
        return self.layout.oriented(copied)


def _release_pages(image: Any) -> None:
    """Give back the pages of a mapped file that were read, which would otherwise count as our memory.

    Not for copy-on-write maps, whose changes live in those pages alone.
    """
    if isinstance(image, np.memmap) and image.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        image._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


class Part:
    """Rows and columns of an image, plane by plane."""

    def __init__(self, image: Any, layout: Layout, rows: slice = slice(None), columns: slice = slice(None)) -> None:
        height, width = layout.plane_shape
        self.rows, self.columns = slice(*rows.indices(height)), slice(*columns.indices(width))
        size = {"Y": self.rows.stop - self.rows.start, "X": self.columns.stop - self.columns.start}
        self._image, self._whole = image, layout
        #: of the part
        self.layout = Layout(layout.axes, tuple(size.get(a, n) for a, n in zip(layout.axes, layout.shape, strict=True)))

    def plane(self, index: tuple[int, ...]) -> Any:
        """Return one plane of the part."""
        if self.layout == self._whole:
            return read_plane(self._image, self._whole, index)
        return self._whole.take(self._image, index, self.rows, self.columns)


class PlaneFits:
    """Intensity transforms, fitted to each whole plane; the colours of one pixel share theirs."""

    def __init__(self, image: Any, layout: Layout, model: Model) -> None:
        self.image, self.layout, self.intensity = image, layout, model.intensity
        self.cache: dict[tuple[int, ...], tuple[FittedIntensity, float]] = {}

    def __call__(self, index: tuple[int, ...]) -> tuple[FittedIntensity, float]:
        """Return the transform and the value that stands in for pixels that are not finite."""
        others = [a for a in self.layout.axes if a not in "YX"]
        colour = others.index("S") if "S" in others else None
        key = tuple(n for i, n in enumerate(index) if i != colour)
        if key not in self.cache:
            channels = [index] if colour is None else [(*index[:colour], c, *index[colour + 1 :]) for c in range(3)]
            sample = np.concatenate([self._sample(c).ravel() for c in channels]).astype(np.float64)
            finite = sample[np.isfinite(sample)]
            stand_in = float(np.median(finite)) if finite.size else 0.0
            self.cache = {key: (self.intensity.fit(sample), stand_in)}  # planes come in order
        return self.cache[key]

    def _sample(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        plane = read_plane(self.image, self.layout, index)
        if isinstance(plane, np.ndarray):
            return regular_sample(plane)
        rows, columns = self.layout.plane_shape
        step = max(1, math.isqrt(rows * columns // 1_000_000))
        # a strided read would touch every page of a memory-mapped file: read whole rows, far apart
        lines = range(0, rows, max(1, step * step))
        return np.concatenate([plane[slice(r, r + 1), slice(None)] for r in lines])
