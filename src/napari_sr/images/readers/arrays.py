"""NumPy files: ``.npy``, and each array of an ``.npz``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.errors import ImageError
from napari_sr.images.axes import guess_axes, guess_note
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the image of an ``.npy`` file, mapped; or the arrays of an ``.npz`` that have rows and columns."""
    with path.open("rb") as file:
        single = file.read(6) == b"\x93NUMPY"
    if single:
        return [array_stack(_mapped(path))]
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: _member(arrays, name) for name in arrays.files if f"{name}.npy" in arrays.zip.namelist()}
    if not found:
        raise ImageError("It is a zip file without NumPy arrays.")
    images = {name: data for name, data in found.items() if data is not None and data.ndim >= 2}
    stacks = [array_stack(data, name=name) for name, data in images.items()]
    # pairs for N-body training: what is super-resolved, trained and measured is the fine one
    return sorted(stacks, key=lambda stack: stack.name != "hr")


def _mapped(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" not in str(error):
            raise
        raise ImageError("It holds Python objects, which are not opened. Save the array of numbers itself.") from None


def _member(arrays: Any, name: str) -> Any:
    """Return an array of an ``.npz``; None for Python objects, such as settings that were saved beside an image."""
    try:
        return arrays[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        return None


def array_stack(data: Any, *, name: str = "") -> Stack:
    """Return an array whose axes nothing tells, with those that are most plausible."""
    shape = tuple(int(n) for n in data.shape)
    if len(shape) < 2:
        raise ImageError(f"An image needs two dimensions; this one has shape {shape}.")
    axes = guess_axes(shape, dtype=np.dtype(data.dtype))
    note = guess_note(shape, axes)
    return Stack(data, axes, name=name, notes=(note,) if note else ())
