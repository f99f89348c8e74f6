"""Folders and stacks as lists of 2-D images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.data.io import SUFFIXES, read_image
from napari_sr.errors import ImageError


def image_files(path: Path) -> list[Path]:
    """Return ``path`` itself, or the image files in the folder ``path``, sorted by name."""
    if path.is_file() or path.suffix.lower() == ".zarr":
        return [path]
    if not path.is_dir():
        raise ImageError(f"There is no file or folder {path}.")
    found = sorted(f for f in path.iterdir() if f.name.lower().endswith(SUFFIXES))
    if not found:
        raise ImageError(f"There are no images in {path} (looked for {', '.join(SUFFIXES)}).")
    return found


def read_planes(path: Path) -> list[npt.NDArray[Any]]:
    """Return every 2-D plane of a file or of all files in a folder; planes stay on disk where possible."""
    planes: list[npt.NDArray[Any]] = []
    for file in image_files(path):
        image = read_image(file)
        data = image.data
        if image.rgb:
            raise ImageError(f"{file.name} is a colour image; training needs single-channel images.")
        for index in np.ndindex(*data.shape[:-2]):
            plane = data[index] if index else data
            # memory-mapped planes stay on disk; zarr and compressed files are read
            planes.append(plane if isinstance(plane, np.ndarray) else np.asarray(plane[...]))
    return planes
