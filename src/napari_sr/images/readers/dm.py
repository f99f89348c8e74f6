"""Gatan Digital Micrograph (DM3, DM4), read by ncempy: its images, without the thumbnail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ncempy.io import dm

from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the images of a DM file; spectra are none."""
    with dm.fileDM(path, on_memory=False) as file:  # a mapping could not be closed under its arrays
        found = [file.getDataset(n) for n in range(file.numObjects - int(bool(file.thumbnail)))]
    return [_stack(f["data"], f["pixelSize"], f["pixelUnit"]) for f in found if f["data"].ndim >= 2]


def _stack(data: Any, sizes: Any, units: Any) -> Stack:
    axes = "VZYX"[4 - data.ndim :]
    # without a unit, a size of 1 is what stands there when nothing was calibrated
    stated = {a: (float(size), unit) for a, size, unit in zip(axes, sizes, units, strict=True) if unit}
    return Stack(data, axes, Geometry.stated(**stated))
