"""Planes of an image: how they are read, and the intensity transform of each."""

from __future__ import annotations

import math
import mmap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.axes import Layout
from napari_sr.images.guarded import Guarded
from napari_sr.images.selection import Selection
from napari_sr.images.view import View
from napari_sr.intensity import FittedIntensity, Intensity, regular_step
from napari_sr.models.model import Model

#: windows a side, and their side, that the statistics of a larger plane are taken from
WINDOWS, WINDOW = 32, 32
#: how many of them are read at a time, at most, and the bytes of chunks that may be in work then
READERS, READ_BYTES = 8, 256 * 1024**2
#: planes of up to this many bytes are read at once, larger ones tile by tile
PLANE_BYTES = 64 * 1024**2


def read_plane(image: Any, layout: Layout, index: tuple[int, ...]) -> Any:
    """Return a function-like view of one plane: read at once if small, window by window if not."""
    if not is_large(layout.plane_shape, np.dtype(image.dtype)):
        return layout.take(image, index)
    return Windows(image, layout, index)


@dataclass(frozen=True)
class Windows:
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
    """Rows and columns of some planes of an image, plane by plane."""

    def __init__(self, image: Any, layout: Layout, selection: Selection) -> None:
        self._selection = selection.checked(layout)
        self._image, self._whole = image, layout
        #: of the part
        self.layout = self._selection.layout(layout)

    def whole_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Return where a plane of the part is in the image."""
        return self._selection.whole_index(self._whole.axes, index)

    def plane(self, index: tuple[int, ...]) -> Any:
        """Return one plane of the part."""
        at = self.whole_index(index)
        if self.layout.plane_shape == self._whole.plane_shape:
            return read_plane(self._image, self._whole, at)
        return self._whole.take(self._image, at, self._selection.rows, self._selection.columns)


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
            samples = [part for c in channels for part in self._samples(c)]
            self.cache = {key: fitted(self.intensity, samples)}  # planes come in order
        return self.cache[key]

    def _samples(self, index: tuple[int, ...]) -> list[npt.NDArray[Any]]:
        plane = read_plane(self.image, self.layout, index)
        windows = sample_windows(self.layout.plane_shape, np.dtype(self.image.dtype))
        if len(windows) == 1:
            return [plane[windows[0]]]
        # each from a chunk of its own, maybe over a network
        with ThreadPoolExecutor(min(readers_of(self.image), len(windows))) as readers:
            return list(readers.map(plane.__getitem__, windows))


def readers_of(image: Any) -> int:
    """Return how many parts of an image may be read at a time: one of a kind that is not known to allow for more.

    Large chunks, each of which is in memory as a whole while a part of it is read, allow for few.
    """
    while isinstance(image, View | Guarded):
        image = image.data
    if isinstance(image, np.ndarray):
        return READERS
    # of dask, then of zarr and h5py
    chunk = getattr(image, "chunksize", None) or getattr(image, "chunks", None)
    if not isinstance(chunk, tuple) or not all(isinstance(n, int) for n in chunk):
        return 1
    return max(1, min(READERS, READ_BYTES // (math.prod(chunk) * int(np.dtype(image.dtype).itemsize))))


def fits_of(image: Any, layout: Layout, model: Model, before: PlaneFits | None = None) -> PlaneFits:
    """Return the fits of an image: those that were found ``before``, if they are of the same one, too large for a read.

    What is read at once may have been painted in since; it is fitted again, which takes no time.
    """
    large = is_large(layout.plane_shape, np.dtype(image.dtype))
    if before is None or not large or before.image is not image:
        return PlaneFits(image, layout, model)
    same = (before.layout, before.intensity) == (layout, model.intensity)
    return before if same else PlaneFits(image, layout, model)


def fitted(intensity: Intensity, samples: list[npt.NDArray[Any]]) -> tuple[FittedIntensity, float]:
    """Return an intensity transform, and the value that stands in for pixels that are not finite.

    Parameters
    ----------
    intensity
        As the model wants it.
    samples
        What is in :func:`sample_windows` of a plane, or of every colour of it.
    """
    sample = np.concatenate([part.ravel() for part in samples]).astype(np.float64)
    finite = sample[np.isfinite(sample)]
    return intensity.fit(sample), float(np.median(finite)) if finite.size else 0.0


def sample_windows(shape: tuple[int, int], dtype: np.dtype[Any]) -> list[tuple[slice, slice]]:
    """Return the windows of a plane that its statistics are taken from: regular, and of a large plane far apart."""
    rows, columns = shape
    if not is_large(shape, dtype):
        every = slice(None, None, regular_step(shape))
        return [(every, every)]
    # a strided read would touch every page and every chunk of a file
    return [(r, c) for r in _spread(rows) for c in _spread(columns)]


def is_large(shape: tuple[int, int], dtype: np.dtype[Any]) -> bool:
    """Return True for planes that are not read at once."""
    return shape[0] * shape[1] * dtype.itemsize > PLANE_BYTES


def _spread(length: int) -> list[slice]:
    """Return windows spread evenly along a side; of a short one, all of it."""
    if length <= WINDOWS * WINDOW:
        return [slice(0, length)]
    starts = np.linspace(0, length - WINDOW, WINDOWS).round().astype(int)
    return [slice(int(n), int(n) + WINDOW) for n in starts]
