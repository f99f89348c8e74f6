"""2-D images that stay in their file until a part of them is asked for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.images.readers import chosen, read_image
from napari_sr.images.stack import Stack

#: files that are kept open at a time: systems allow some hundred
OPEN_FILES = 32


class DiskPlane:
    """One plane of an image file, or a rectangle of it; ``np.asarray`` reads it.

    Slices of it are such planes too, so that a folder of any size is cut into patches in little memory, whatever
    the files' format.

    Parameters
    ----------
    path, index
        The file, and the plane's place on the axes beside rows and columns.
    shape, dtype
        Of the plane.
    version
        Of the file, from :func:`version`: planes of a file that was written anew are not those of the old one.
    corner
        First row and column, in the file's plane.
    """

    ndim = 2

    def __init__(
        self,
        *,
        path: Path,
        index: tuple[int, ...],
        shape: tuple[int, int],
        dtype: Any,
        version: tuple[int, int],
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        self.path, self.index, self.version, self.corner = path, index, version, corner
        self.shape, self.dtype = shape, np.dtype(dtype)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: tuple[slice, slice]) -> Any:
        (top, bottom, down), (left, right, across) = (s.indices(n) for s, n in zip(key, self.shape, strict=True))
        if (down, across) != (1, 1):
            return np.asarray(self)[key]
        return DiskPlane(
            path=self.path, index=self.index, dtype=self.dtype, version=self.version,
            shape=(max(0, bottom - top), max(0, right - left)),
            corner=(self.corner[0] + top, self.corner[1] + left),
        )  # fmt: skip

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        (y, x), (height, width) = self.corner, self.shape
        opened = opened_file(self.path, self.version)
        part = opened.window(self.index, slice(y, y + height), slice(x, x + width))
        return np.array(part, dtype=dtype or self.dtype)  # a copy: the file may be read-only


@lru_cache(maxsize=OPEN_FILES)
def opened_file(path: Path, expected: tuple[int, int]) -> Stack:
    """Return the image of a file, opened once; raises :class:`ImageError` if it is not of the ``expected`` version."""
    if version(path) != expected:
        raise ImageError(f"{path.name} was written anew meanwhile. Start again, with what it holds now.")
    return read_image(path, lazy=True)


def version(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written: its time and its size."""
    found = chosen(path)[0].stat()
    return found.st_mtime_ns, found.st_size


def open_planes(file: Path) -> list[DiskPlane]:
    """Return every 2-D plane of an image file.

    Raises
    ------
    ImageError
        If it cannot be read, or is a colour image.
    """
    image, written = read_image(file, lazy=True), version(file)
    if image.rgb:
        raise ImageError(f"{file.name} is a colour image; training needs single-channel images.")
    shape = image.layout.plane_shape
    return [
        DiskPlane(path=file, index=index, shape=shape, dtype=image.data.dtype, version=written)
        for index in np.ndindex(*image.stacked)
    ]
