"""One image and one model in one call."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from napari_sr.inference.events import Event, Finished
from napari_sr.inference.upscaler import Upscaler
from napari_sr.models.model import Model


def iter_upscale(
    image: Any,
    model: Model,
    *,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    overlap: int | None = None,
    backend: str = "auto",
    **settings: Any,
) -> Generator[Event, None, None]:
    """Super-resolve an image, one event a tile; closing the generator cancels and leaves nothing behind.

    For many images, an :class:`Upscaler` prepares the model once.

    Parameters
    ----------
    image
        Array-like of 2 to 5 dimensions with ``shape``, ``dtype`` and slicing: numpy (also memory-mapped or masked),
        dask, zarr, xarray; lists, pictures of Pillow, tensors. Any integer, bool or float type in any byte order.
    model
        From :func:`napari_sr.load_model`.
    axes
        One letter a dimension, e.g. ``"TYX"``; ``Y`` and ``X`` are upscaled, ``S`` holds RGB(A) samples,
        all others are looped over. Guessed if None: the last two, or the two before a colour axis.
    device, precision
        ``auto``, or e.g. ``"cpu"``, ``"cuda:0"``; ``"fp32"``, ``"bf16"``, ``"fp16"``.
    tile
        Tile side in LR pixels, or ``auto``. What is given is never changed.
    overlap
        Context in LR pixels on each side of a tile; from the model card if None.
    backend
        ``torch``, ``openvino`` (processors only), or ``auto`` for the faster one where it is worth to find out.
    conditions
        What a network is told that can be told something: numbers by name, or ``"auto"`` for what is estimated from the
        image, as what is left out is. For ``em-x4``: ``blur`` in LR pixels, ``noise`` in per cent of the image's
        range, ``shot`` from -1 to 1.
    dtype
        Of the result; the input's if None. Integers are rounded and saturate at the type's limits.
    rows, columns
        The part of every plane that is super-resolved, in LR pixels; what is fitted and estimated is that of the whole.
    take
        Positions along other axes, by their letters; all if None. What is fitted and estimated stays the same.
    out
        Array-like that receives the result, in its own type; a new array if None.
    should_stop
        Asked at every layer of the network: ends the run with :class:`Cancelled` also within a tile.

    Yields
    ------
    Progress or Finished
        ``Finished`` comes once, last, with the whole result and a report.

    Raises
    ------
    ImageError, ConfigError
        If the image or a setting cannot be used.
    MemoryLimitError
        If the device has too little memory.
    Cancelled
        If ``should_stop`` said so.
    """
    upscaler = Upscaler(model, device=device, precision=precision, tile=tile, overlap=overlap, backend=backend)
    yield from upscaler.iter(image, **settings)


def upscale(image: Any, model: Model, **settings: Any) -> Any:
    """Super-resolve an image and return the result; the settings are those of :func:`iter_upscale`.

    Examples
    --------
    >>> sr = upscale(lr, load_model("em-dfcan-x4"))  # doctest: +SKIP
    """
    for event in iter_upscale(image, model, **settings):
        if isinstance(event, Finished):
            return event.image
    raise AssertionError("iter_upscale always ends with Finished")
