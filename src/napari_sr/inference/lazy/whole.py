"""Opening the whole of what was only looked at, once it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_sr.images.view import View
from napari_sr.images.writers.ome_zarr import stored_axes
from napari_sr.inference.lazy.plane_array import Every


def written_levels(target: Path, axes: str) -> list[Any]:
    """Return the resolutions of a result, the finest first, as arrays that are read where they are looked at.

    Parameters
    ----------
    target
        A folder that :func:`~napari_sr.inference.to_zarr.iter_upscale_to_zarr` wrote.
    axes
        In which their dimensions are wanted: those of the image it was made from.
    """
    import zarr

    group = zarr.open_group(str(target), mode="r")
    stored = stored_axes(axes)
    order = tuple(stored.index(a) for a in axes)
    arrays = [group[name] for name in sorted(group.array_keys(), key=int)]
    return [Every(array if stored == axes else View(array, order), axes, 1) for array in arrays]
