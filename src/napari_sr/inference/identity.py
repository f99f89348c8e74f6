"""What an image is, so that it can be told whether it is still the same one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.errors import ImageError
from napari_sr.images.readers import chosen
from napari_sr.paths import reason

#: folders of a zarr image that are looked at, and files and folders in them: of an image that has more, the first
FOLDERS, ENTRIES = 10_000, 200_000
#: files that say what a zarr array is
DESCRIPTIONS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


def identity_of_file(path: Path) -> str:
    """Return what changes when an image file is written anew, or chunks of a zarr image are.

    Parameters
    ----------
    path
        As in :func:`napari_sr.images.readers.read_image`.

    Raises
    ------
    ImageError
        If it is not there.
    """
    file, which = chosen(path)
    try:
        if file.is_dir():
            return f"{file.resolve()}:{which}:{_of_folder(file)}"
        found = file.stat()
    except OSError as error:
        raise ImageError(f"{file} cannot be found any more: {reason(error)}.") from None
    return f"{file.resolve()}:{which}:{found.st_size}:{found.st_mtime_ns}"


def _of_folder(folder: Path) -> str:
    """Return a digest of what a zarr folder says of itself, and of when its folders changed.

    A chunk that is written is a new file in its folder. Files are not looked at, of which there may be millions.
    """
    digest = hashlib.sha256()
    left, seen, listed = [folder], 0, 0
    while left and seen < FOLDERS and listed < ENTRIES:
        at = left.pop()
        seen += 1
        digest.update(f"{at.relative_to(folder)}:{at.stat().st_mtime_ns}".encode())
        for name in DESCRIPTIONS:
            if (at / name).is_file():
                digest.update((at / name).read_bytes())
        with os.scandir(at) as entries:
            inside = list(entries)
        listed += len(inside)
        left += sorted((Path(e.path) for e in inside if e.is_dir()), reverse=True)
    return digest.hexdigest()


def identity_of_array(image: Any) -> str:
    """Return what differs between two images in memory, or that are computed; empty if that cannot be told.

    Parameters
    ----------
    image
        Array-like: of numpy its values count, of zarr and mapped files where they are, of dask its name.
    """
    about = f"{tuple(image.shape)}:{np.dtype(image.dtype)}"
    if is_mapped(image):
        first = image.ctypes.data - np.frombuffer(image._mmap, np.uint8).ctypes.data
        return f"{about}:{first}:{image.strides}:{identity_of_file(Path(os.fspath(image.filename)))}"
    if isinstance(image, np.ndarray):
        digest = hashlib.sha256()
        for row in image:  # not all at once: a part that does not lie in one piece is copied
            digest.update(np.ascontiguousarray(row).data)
        return f"{about}:{digest.hexdigest()}"
    root = getattr(getattr(image, "store", None), "root", None)
    if isinstance(root, Path):
        return f"{about}:{identity_of_file(root / getattr(image, 'path', ''))}"
    name = getattr(image, "name", None)
    return f"{about}:{name}" if hasattr(image, "dask") and isinstance(name, str) else ""


def is_mapped(image: Any) -> bool:
    """Return True for an array whose values are those of a file: not for one that is copied when it is written to."""
    return isinstance(image, np.memmap) and bool(image.filename) and image.mode in ("r", "r+", "w+")
