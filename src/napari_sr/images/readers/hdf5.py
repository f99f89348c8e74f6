"""HDF5, read by h5py: images of Velox (EMD), and data sets of any other program by their path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_sr.images.axes import guess_axes, guess_note
from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack
from napari_sr.images.units import METRES

#: of images; tables of more are something else
MOST_AXES = 5


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the data sets of an HDF5 file that have rows and columns; they stay in it."""
    file = h5py.File(path, "r")
    found: list[h5py.Dataset] = []
    file.visititems(lambda name, node: found.append(node) if _is_image(node) else None)
    return [_stack(file, dataset) for dataset in found]


def _is_image(node: Any) -> bool:
    return (
        isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "buif"
        and node.ndim <= MOST_AXES and 0 not in node.shape and min(sorted(node.shape)[-2:]) > 1
    )  # fmt: skip


def _stack(file: h5py.File, dataset: h5py.Dataset) -> Stack:
    name = dataset.name
    parts = name.split("/")
    if parts[1:3] == ["Data", "Image"] and dataset.ndim == 3:  # Velox: rows, columns, frames
        frames = dataset.shape[-1]
        geometry = _of_velox(dataset.parent)
        if frames == 1:
            return Stack(np.asarray(dataset[..., 0]), "YX", geometry, name=name)
        return Stack(dataset, "YXT", geometry, name=name)
    axes = guess_axes(dataset.shape, dtype=dataset.dtype)
    note = guess_note(dataset.shape, axes)
    return Stack(dataset, axes, _of_fiji(dataset, axes), name=name, notes=(note,) if note else ())


def _of_velox(group: h5py.Group) -> Geometry:
    """Return what the metadata of one frame, JSON in a column of bytes, says of the pixels."""
    if "Metadata" not in group:
        return Geometry()
    text = bytes(np.asarray(group["Metadata"][:, 0], np.uint8)).split(b"\0")[0]
    binary = json.loads(text).get("BinaryResult", {})
    size, unit = binary.get("PixelSize", {}), binary.get("PixelUnitX", "m")
    lengths = [float(size.get(a, "nan")) * METRES.get(unit, float("nan")) / METRES["nm"] for a in ("width", "height")]
    return Geometry.stated(X=(lengths[0], "nm"), Y=(lengths[1], "nm"))


def _of_fiji(dataset: h5py.Dataset, axes: str) -> Geometry:
    """Return what Fiji's and ilastik's programs write beside a data set: micrometres along z, y, x."""
    size = dataset.attrs.get("element_size_um")
    if size is None or len(size) != 3:
        return Geometry()
    stated = {axis: (float(size["ZYX".index(axis)]), "µm") for axis in axes if axis in "ZYX"}
    return Geometry.stated(**stated)
