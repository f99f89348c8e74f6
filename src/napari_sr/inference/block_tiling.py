"""The tiles of blocks: from the model, who computes it, and the settings, never from a measurement."""

from __future__ import annotations

from napari_sr.inference.backend import TILES, Backend
from napari_sr.inference.blocks import even_tile
from napari_sr.inference.device import Target
from napari_sr.inference.tiling import AT_ONCE, DEFAULT_TILE, Tiling, context, fixed_tile, grid_of
from napari_sr.models.model import Model

#: of interpolations, which are bound by memory and not by arithmetic
INTERPOLATED = 512


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
        fastest = TILES[0] if backend == "openvino" else DEFAULT_TILE[kind]
        longest = fastest if model.network.trainable else INTERPOLATED
        core = min(-(-side // model.scale), max(plane))
        found = max(longest, 4 * halo + 1) if blend else even_tile(core, longest, halo)
    return Tiling(found, halo, blend, batch=max(1, AT_ONCE[kind] // found**2), grid=grid_of(model))
