"""The tiles of blocks: from the model, who computes it, and the settings, never from a measurement."""

from __future__ import annotations

import torch

from napari_sr.inference.backend import TILES, Backend
from napari_sr.inference.blocks import even_tile
from napari_sr.inference.device import Target
from napari_sr.inference.tiling import (
    AT_ONCE,
    DEFAULT_TILE,
    Tiling,
    context,
    fixed_tile,
    grid_of,
    largest_layer,
    multiple_of,
)
from napari_sr.models.model import Model
from napari_sr.networks import SRNetwork
from napari_sr.networks.shallow_copy import shallow_copy

#: of interpolations, which are bound by memory and not by arithmetic
INTERPOLATED = 512
#: side on a processor: the larger, the less is context that is computed twice (em-x4 in single precision, thousand LR
#: pixels kept a second: 404 with 171 pixels, 464 with 256, 411 with 512, whose features leave the cache)
SIDE = 256
#: bytes of the largest layer up to which it is taken: several of them are there at a time
LARGEST_OF_BLOCK = 160e6
#: side of the patch of which the layers are measured
PATCH = 48


def block_tiling(
    model: Model,
    target: Target,
    *,
    plane: tuple[int, int],
    side: int,
    tile: int | None,
    overlap: int | None,
    backend: Backend = "torch",
) -> Tiling:
    """Return the tiling of all blocks of a run.

    In bfloat16 on a processor, tiles may get more context than they need, for a side that its kernels divide.

    Parameters
    ----------
    model, target
        What computes, and where.
    plane
        Rows and columns of the whole LR plane.
    side
        Of a block of the result.
    tile, overlap
        As given by the user.
    backend
        The library that computes.

    Raises
    ------
    ConfigError
        If a tile that was asked for leaves nothing beside its context.
    """
    kind = target.device.split(":")[0]
    halo, blend = context(model, target, overlap)
    found = fixed_tile(model, target, halo=halo, blend=blend, tile=tile, longest=max(plane))
    if not found:
        longest = _longest(model.network, target, backend, halo) if model.network.trainable else INTERPOLATED
        core = min(-(-side // model.scale), max(plane))
        found = max(longest, 4 * halo + 1) if blend else even_tile(core, longest, halo)
        if not blend and overlap is None and model.network.trainable:
            found, halo = _widened(found, halo, multiple_of(target))
    return Tiling(found, halo, blend, batch=max(1, AT_ONCE[kind] // found**2), grid=grid_of(model))


def _longest(network: SRNetwork, target: Target, backend: Backend, halo: int) -> int:
    """Return the side that a device is best at, about."""
    kind = target.device.split(":")[0]
    fallback = TILES[0] if backend == "openvino" else DEFAULT_TILE[kind]
    if kind != "cpu" or network.foreign:  # whose layers cannot be looked at
        return fallback
    copy = shallow_copy(network).eval()  # others may use the network meanwhile
    given = torch.zeros(1, network.in_channels, PATCH, PATCH, device=next(network.parameters()).device)
    with torch.inference_mode(), largest_layer(copy) as sizes:
        copy(given)
    a_pixel = max(sizes) / PATCH**2 / (1 if target.precision == "fp32" or network.full_precision else 2)
    return SIDE if a_pixel * (SIDE + 2 * halo) ** 2 <= LARGEST_OF_BLOCK else fallback


def _widened(tile: int, halo: int, multiple: int) -> tuple[int, int]:
    """Return a tile whose side is a multiple, if more context on either side makes it so, and that context."""
    more = -tile % multiple
    return (tile + more, halo + more // 2) if more % 2 == 0 else (tile, halo)
