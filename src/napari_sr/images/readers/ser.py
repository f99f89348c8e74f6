"""TIA's SER (FEI's transmission microscopes), read by ncempy: one stack of images that are alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ncempy.io import ser

from napari_sr.errors import ImageError
from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the images of a SER file.

    Raises
    ------
    ImageError
        If it holds spectra.
    """
    with ser.fileSER(path) as file:
        found = [file.getDataset(n) for n in range(int(file.head["ValidNumberElements"]))]
    if not found or found[0][0].ndim < 2:
        raise ImageError(f"{path.name} holds spectra, no images.")
    x, y = (float(c["CalibrationDelta"]) * 1e9 for c in found[0][1]["Calibration"][:2])  # metres
    geometry = Geometry.stated(X=(x, "nm"), Y=(y, "nm"))
    images = [data for data, _ in found]
    if len(images) == 1:
        return [Stack(images[0], "YX", geometry)]
    if len({image.shape for image in images}) == 1:
        return [Stack(np.stack(images), "TYX", geometry)]
    return [Stack(image, "YX", geometry) for image in images]
