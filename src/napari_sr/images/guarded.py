"""What a library raises while an image is read, said as something that its user can look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError, SRError


def computed(part: Any) -> npt.NDArray[Any]:
    """Return a part of an image as an array.

    One of dask is computed without the callbacks that are registered for all computing: napari's cache of dask is one,
    and two threads that compute at the same time, its and ours, clear each other's notes in it (a KeyError).
    """
    return np.asarray(part.compute(callbacks=()) if hasattr(part, "__dask_graph__") else part)


class Guarded:
    """An array-like that is read in parts: whatever its library raises is an :class:`ImageError` that says so."""

    def __init__(self, data: Any) -> None:
        self.data, self.shape, self.dtype = data, tuple(int(n) for n in data.shape), np.dtype(data.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, window: Any) -> npt.NDArray[Any]:
        try:
            return computed(self.data[window])
        except SRError:
            raise
        except Exception as error:
            # files of other programs: it is the image that its user has to look at, not a library's traceback
            raise ImageError(f"A part of the image cannot be read; it may be damaged ({error}).") from error
