"""Arrays of any dimension that are read plane by plane, and only where they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.axes import Layout
from napari_sr.images.guarded import Guarded

#: pixels that are read at a time where only some of them are kept
BAND = 4_000_000
#: what is left of one axis: a place, or places
Selected = int | range


class PlaneArray:
    """An array-like of planes. Indexing gives a window of it, which is read by ``np.asarray`` and not before.

    Parameters
    ----------
    layout
        Axes and shape.
    dtype
        Of the values.
    """

    def __init__(self, layout: Layout, dtype: np.dtype[Any]) -> None:
        self.layout, self.dtype = layout, dtype
        self.shape, self.ndim = layout.shape, len(layout.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))

    def read(self, index: tuple[int, ...], rows: range, columns: range) -> npt.NDArray[Any]:
        """Return pixels of one plane, rows first; neither range is empty, and both rise."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        return Window(self, [range(n) for n in self.shape])[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)


class Window:
    """A part of a :class:`PlaneArray`; integers, slices and an ellipsis give a part of it, as in numpy."""

    def __init__(self, array: PlaneArray, selected: Sequence[Selected]) -> None:
        self.array, self.selected, self.dtype = array, tuple(selected), array.dtype
        self.shape = tuple(len(s) for s in self.selected if isinstance(s, range))
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(k, int | np.integer | slice) or k is Ellipsis for k in keys):
            return np.asarray(self)[key]
        if (missing := self.ndim - sum(k is not Ellipsis for k in keys)) < 0:
            raise IndexError(f"{self.ndim} dimensions cannot be indexed by {len(keys)}")
        at = next((n for n, k in enumerate(keys) if k is Ellipsis), len(keys))
        rest = iter((*keys[:at], *(slice(None),) * missing, *keys[at + 1 :]))
        found = Window(self.array, [s if isinstance(s, int) else s[next(rest)] for s in self.selected])
        return found if found.ndim else np.asarray(found)[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        out = np.empty([1 if isinstance(s, int) else len(s) for s in self.selected], self.dtype)
        if out.size:
            self._read(out)
        return out.reshape(self.shape).astype(dtype or self.dtype, copy=False)

    def _read(self, out: npt.NDArray[Any]) -> None:
        layout = self.array.layout
        ranges = [range(s, s + 1) if isinstance(s, int) else s for s in self.selected]
        others = [r for r, a in zip(ranges, layout.axes, strict=True) if a not in "YX"]
        sides = [ranges[layout.y], ranges[layout.x]]
        rising = [s if s.step > 0 else s[::-1] for s in sides]
        turn = tuple(slice(None, None, 1 if s.step > 0 else -1) for s in sides)
        part = Layout(layout.axes, out.shape)
        for place, index in zip(part.planes(), product(*others), strict=True):
            part.put(out, place, self.array.read(index, *rising)[turn])


class Every(PlaneArray):
    """Every ``step``-th row and column of an image that knows nothing of steps, or reads too much at once.

    Parameters
    ----------
    image
        Array-like with ``shape``, ``dtype`` and slicing.
    axes
        Of the image.
    step
        Whole; pixels from the middle of each ``step`` x ``step`` are taken.
    """

    def __init__(self, image: Any, axes: str, step: int) -> None:
        whole = Layout(axes, tuple(int(n) for n in image.shape))
        shape = tuple(max(1, n // step) if a in "YX" else n for n, a in zip(whole.shape, axes, strict=True))
        super().__init__(Layout(axes, shape), np.dtype(image.dtype))
        self.image, self.step, self._whole = Guarded(image), step, whole

    def read(self, index: tuple[int, ...], rows: range, columns: range) -> npt.NDArray[Any]:
        """Return pixels of one plane, band by band."""
        down, across = (
            self._in_image(span, n) for span, n in zip((rows, columns), self._whole.plane_shape, strict=True)
        )
        wanted = slice(across[0], across[-1] + 1)
        lines = max(1, BAND // (wanted.stop - wanted.start) // down.step)
        bands = [down[start : start + lines] for start in range(0, len(down), lines)]
        return np.concatenate([
            self._whole.take(self.image, index, slice(band[0], band[-1] + 1), wanted)[:: band.step, :: across.step]
            for band in bands
        ])  # fmt: skip

    def _in_image(self, span: range, length: int) -> range:
        first = min(self.step // 2, length - 1)
        return range(first + span[0] * self.step, first + span[-1] * self.step + 1, span.step * self.step)


def smaller_levels(levels: Sequence[Any], axes: str, *, below: int) -> list[Any]:
    """Return an image at falling resolutions, without copying it.

    Parameters
    ----------
    levels
        The image itself, and what there is of it in lower resolution.
    axes
        Of the image.
    below
        Where there is no lower resolution, pixels are left out until both sides are shorter than this.
    """
    found = [x if _slices_lazily(x) else Every(x, axes, 1) for x in levels]
    if len(levels) > 1:
        return found
    (image,), step = levels, 2
    whole = Layout(axes, tuple(int(n) for n in image.shape))
    while max(whole.plane_shape) // (step // 2) >= below and min(whole.plane_shape) // step > 0:
        if _slices_lazily(image):
            cut = slice(step // 2, None, step)
            index = tuple(slice(None) if a not in "YX" else cut for a in axes)
            shape = Every(image, axes, step).shape
            found.append(image[index][tuple(slice(n) for n in shape)])
        else:
            found.append(Every(image, axes, step))
        step *= 2
    return found


def _slices_lazily(image: Any) -> bool:
    """Return True for arrays of which a part with steps costs nothing until it is read."""
    return isinstance(image, np.ndarray) or hasattr(image, "dask") or isinstance(image, PlaneArray)
