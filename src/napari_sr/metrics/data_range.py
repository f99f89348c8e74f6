"""The one rule for the data range of PSNR and SSIM."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError

Plane = npt.NDArray[Any]


def data_range_of(targets: Iterable[Plane], view: Callable[[Plane], Plane] | None = None) -> float:
    """Return the data range of images that are measured together.

    255 for 8 bit; otherwise the range of the targets' finite values, all together; 1 if they are constant, which have
    no range of their own.

    Parameters
    ----------
    targets
        The images that others are compared with, read one after another.
    view
        What they are compared as, such as their logarithm: 8 bit is nothing special then.

    Raises
    ------
    ImageError
        If there is no pixel, or no value is finite.
    """
    low, high, only_bytes, pixels = np.inf, -np.inf, view is None, 0
    for target in targets:
        only_bytes = only_bytes and target.dtype == np.uint8
        seen = np.asarray(target if view is None else view(target))
        pixels += seen.size
        values = seen if seen.dtype.kind != "f" else seen[np.isfinite(seen)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not pixels:
        raise ImageError("Nothing is left of the reference without its border: it is too small to be compared with.")
    if not np.isfinite(high - low):
        raise ImageError("The reference has no finite values: there is nothing to compare with.")
    return 255.0 if only_bytes else high - low or 1.0
