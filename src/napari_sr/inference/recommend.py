"""What an image of any size is like, for choosing a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_sr.images.axes import Layout
from napari_sr.images.readers import read_image
from napari_sr.images.units import conversion
from napari_sr.inference.conditions import middle_square
from napari_sr.models.fit import Seen, look


def seen(image: Any, axes: str, *, kind: str = "", pixel_nm: float | None = None) -> Seen:
    """Measure an image: the middle of its planes, and of a large plane the part with the most contrast.

    Parameters
    ----------
    image
        Array-like of 2 to 5 dimensions.
    axes
        One letter a dimension.
    kind, pixel_nm
        Where they are known.
    """
    layout = Layout(axes, tuple(int(n) for n in image.shape))
    return look(middle_square(image, layout), kind=kind, pixel_nm=pixel_nm)


def look_at(file: Path, *, kind: str = "") -> Seen:
    """Measure the image in a file; its pixel size is the file's."""
    image = read_image(file, lazy=True)
    return seen(image.data, image.axes, kind=kind, pixel_nm=pixel_nanometres(image.geometry))


def pixel_nanometres(geometry: Any) -> float | None:
    """Return the width of a pixel in nanometres, if it is known."""
    size, unit = geometry.pixel_size, geometry.unit
    factor = conversion(unit, "nm")
    return None if size is None or factor is None else float(size[-1]) * factor
