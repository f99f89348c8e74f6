"""OME-Zarr images (NGFF 0.5 and 0.4): folders of arrays, one a resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_sr.images.writers.info import OutputInfo
from napari_sr.images.writers.ome_zarr import VERSIONS, axis_names, described

#: side of a chunk: what a viewer reads at a time
CHUNK = 512


def create_zarr(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str, info: OutputInfo) -> Any:
    """Create an OME-Zarr image (version 0.5) of one resolution and return its array."""
    return create_levels(path, [shape], dtype, axes, info)[0]


def create_levels(
    path: Path,
    shapes: Sequence[tuple[int, ...]],
    dtype: np.dtype[Any],
    axes: str,
    info: OutputInfo,
    *,
    shard: int = 0,
    version: str = VERSIONS[0],
    provenance: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Create an OME-Zarr image and return its arrays, the full resolution first.

    Parameters
    ----------
    path
        Of the new folder.
    shapes
        Of every resolution, along ``axes``; each has half of the rows and columns of the one before.
    dtype
        Of all of them.
    axes
        As stored: see :func:`~napari_sr.images.writers.ome_zarr.stored_axes`.
    info
        What is known of the image.
    shard
        Side of the files that hold many chunks, a multiple of that of chunks; 0 for a file a chunk. Version 0.4 has
        none.
    version
        Of OME-Zarr: ``0.5`` is written in zarr's format 3, ``0.4`` in format 2.
    provenance
        What the result was made from and how; kept in the attributes as ``napari_sr``.
    """
    import zarr

    group = zarr.create_group(str(path), zarr_format=3 if version == "0.5" else 2)
    arrays = []
    for number, shape in enumerate(shapes):
        side = min(CHUNK, shard or CHUNK)
        chunks = tuple(min(n, side) if a in "YX" else 1 for n, a in zip(shape, axes, strict=True))
        settings: dict[str, Any] = {"shape": shape, "dtype": dtype, "chunks": chunks}
        if version == "0.5":
            settings["dimension_names"] = axis_names(axes)
            if shard:
                settings["shards"] = tuple(
                    _shard(n, c, shard) if a in "YX" else 1 for n, c, a in zip(shape, chunks, axes, strict=True)
                )
        else:
            # other programs read this version for longer than zstd: what they all know
            from numcodecs import Blosc

            settings["compressors"] = Blosc(cname="lz4", shuffle=Blosc.SHUFFLE)
            settings["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        arrays.append(group.create_array(str(number), **settings))
    about = described(info, axes, shapes[0], dtype, levels=len(shapes), version=version)
    group.attrs.update(about | ({"napari_sr": dict(provenance)} if provenance else {}))
    return arrays


def _shard(length: int, chunk: int, side: int) -> int:
    """Return the side of shards along an axis: no more than it has chunks for."""
    return min(side // chunk, -(-length // chunk)) * chunk
