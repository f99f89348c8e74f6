"""Writing the whole of what was only looked at, and opening it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.images.axes import Layout
from napari_sr.images.dtypes import output_dtype
from napari_sr.images.readers import read_image
from napari_sr.images.view import View
from napari_sr.images.writers import OutputInfo, create_output
from napari_sr.inference.events import Event, Finished
from napari_sr.inference.lazy.plane_array import Every, smaller_levels

if TYPE_CHECKING:
    from napari_sr.inference.conditions import Conditions
    from napari_sr.inference.upscaler import Upscaler


def iter_whole(
    image: Any, target: Path, upscaler: Upscaler, *, info: OutputInfo, conditions: Conditions | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Generator[Event, None, None]:  # fmt: skip
    """Super-resolve a whole image into a file, which takes its name only when complete.

    Parameters
    ----------
    image
        Array-like; its axes are those of ``info``.
    target
        ``.zarr``, ``.tif`` or ``.npy``.
    upscaler
        The prepared model.
    info
        What the file says of the result.
    conditions, should_stop
        As in :func:`napari_sr.iter_upscale`.

    Yields
    ------
    Progress or Finished
        ``Finished`` comes once, last; its image is the path.
    """
    layout = Layout(info.axes, tuple(int(n) for n in image.shape))
    dtype, finished = output_dtype(np.dtype(image.dtype), None), None
    with create_output(target, shape=layout.upscaled_shape(upscaler.scale), dtype=dtype, info=info) as out:
        for event in upscaler.iter(image, axes=layout.axes, conditions=conditions, out=out, should_stop=should_stop):
            if isinstance(event, Finished):
                finished = event
            else:
                yield event
    assert finished is not None
    yield replace(finished, image=target)


def written_levels(target: Path, axes: str, scale: int, lower: Sequence[Any], *, below: int) -> list[Any]:
    """Return what was written at falling resolutions: down to that of the image, and below it the image's own.

    Parameters
    ----------
    target
        A file of :func:`iter_whole`.
    axes
        In which its dimensions are wanted.
    scale
        Of the model.
    lower
        The image, and what there is of it in lower resolution.
    below
        As in :func:`smaller_levels`.
    """
    found = read_image(target, lazy=True)
    data = found.data if found.axes == axes else View(found.data, tuple(found.axes.index(a) for a in axes))
    steps = [2**n for n in range(scale.bit_length()) if 2**n < scale]
    smaller = smaller_levels(lower, axes, below=below)
    return [Every(data, axes, step) for step in steps or [1]] + (smaller if scale > 1 else smaller[1:])
