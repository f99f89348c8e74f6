"""How large a tile, and with how much context: from the card, the device, and a measurement."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from napari_sr.errors import ConfigError
from napari_sr.inference import timings
from napari_sr.inference.device import Target, is_out_of_memory, kernels, trained_patch
from napari_sr.inference.tiles import smallest_tile
from napari_sr.models.model import Model
from napari_sr.networks import SRNetwork
from napari_sr.networks.channel_attention import cell_of

T = TypeVar("T")
#: below this a tile is not halved any further when memory runs out
SMALLEST_TILE = 32
#: largest tile that is not worth a search
DEFAULT_TILE = {"cpu": 192, "cuda": 512, "mps": 256}
#: the same on a processor in bfloat16, which is so fast that larger tiles still come one after the other: 512 pixels
#: then are two of 272 (em-rcan-x4 on an AMX Xeon: 16 % less time than three of 192, em-x4 7 %, em-dfcan-x4 3 % more)
FAST_TILE = 256
#: a tile is so many times its context, if it then is not larger than that: of 512 pixels with 20 of context, two tiles
#: along each side read 14 % less than three (em-rcan-x4 on an AMX Xeon: 20 % less time)
ROOMY, ROOMY_TILE = 13, 260
#: kernels for bfloat16 divide rows of the image: on an Xeon with AMX, a convolution of 269 columns takes three times as
#: long as one of 272 (benchmarks/widths.py)
WIDTHS = 8
#: LR pixels that a device gets at a time, if tiles are smaller: a GPU is not filled by one tile of 64 pixels
AT_ONCE = {"cpu": 0, "cuda": 512**2, "mps": 256**2}
CANDIDATES = {"cpu": (64, 96, 128, 192, 256, 384, 512), "cuda": (256, 512, 1024), "mps": (128, 256, 512)}
#: LR pixels of a job from which a search is worth its time
SEARCH_FROM = {"cpu": 1024**2, "cuda": 4096**2, "mps": 2048**2}
#: largest tile there of networks that cannot be looked into
LARGEST_UNSEEN = 256
#: a tile on a processor whose largest layer makes more bytes than that is not tried: a system that runs out of memory
#: ends the program instead of saying so
LARGEST_LAYER = 300e6
#: seconds a tile that are long enough, and not exceeded twice: progress comes tile by tile
LONGEST_TILE = 2.0


@dataclass(frozen=True)
class Tiling:
    """Tile side, thrown-away context and blended overlap, all in LR pixels; how many tiles go at a time; their grid."""

    tile: int
    halo: int
    blend: int
    batch: int = 1
    grid: int = 1

    def halved(self, *, longest: int) -> Tiling | None:
        """Return what needs half of the memory: fewer tiles at a time, then smaller ones; None if they are smallest.

        ``longest`` is the longer side that tiles really have, in LR pixels: no more than the image's.
        """
        if self.batch > 1:
            return replace(self, batch=self.batch // 2)
        tile = min(self.tile, longest) // 2
        floor = max(SMALLEST_TILE, smallest_tile(halo=self.halo, blend=self.blend, grid=self.grid))
        return replace(self, tile=tile) if tile >= floor else None


def any_tile(network: SRNetwork) -> bool:
    """Return True if a tile may have any size, whatever a network was trained with."""
    return network.localises or not network.pools_tile


def may_fit(network: SRNetwork) -> bool:
    """Return True if a tile may be a little larger than was meant, so that fewer of them are needed."""
    return any_tile(network) or network.patches_a_tile > 1


def multiple_of(target: Target) -> int:
    """Return of how many pixels the width of a tile should be a multiple."""
    return WIDTHS if target.device == "cpu" and target.precision == "bf16" else 1


def grid_of(model: Model) -> int:
    """Return the multiple of LR pixels at which the tiles of a model begin, as it is run."""
    return cell_of(trained_patch(model)) if model.network.localises else model.network.grid


def context(model: Model, target: Target, overlap: int | None) -> tuple[int, int]:
    """Return (halo, blend) for a model.

    A network with a finite receptive field needs a halo and no blending; one that pools over the tile is
    never seamless, so its tiles are blended too. One that pools over windows of a training patch needs half of one, and
    a cell of its means: that brings tiles within 7e-4 of the range of the whole image (em-rcan-x4).
    """
    precision = "fp32" if target.precision == "fp32" else "low"
    if overlap is not None and overlap < 0:
        raise ConfigError(f"overlap must not be negative, and is {overlap}")
    if model.network.localises:
        patch = trained_patch(model)
        return (patch // 2 + cell_of(patch) if overlap is None else overlap), 0
    if model.network.pools_tile:
        overlap = trained_patch(model) // 8 if overlap is None else overlap
        # measured on em-dfcan-x4: below 8 of 64 pixels the tile's border shows, wider blending gains nothing
        return overlap, overlap // 2
    halo = model.card.halo.get(precision, model.network.halo) if overlap is None else overlap
    return halo, 0


def fixed_tile(model: Model, target: Target, *, halo: int, blend: int, tile: int | None, longest: int) -> int:
    """Return the tile that was asked for, or that follows from what a network was trained with; 0 if any will do.

    Some may have tiles of several patches: of those, the largest that gives signs of life often enough.

    Raises
    ------
    ConfigError
        If a tile that was asked for leaves nothing beside its context, in a plane whose longer side is ``longest``.
    """
    smallest = smallest_tile(halo=halo, blend=blend, grid=grid_of(model))
    if tile is not None and tile < smallest and tile < longest:
        raise ConfigError(
            f"tile: {tile} LR pixels leave nothing beside the context of {model.card.name} ({halo} on each side); "
            f"use at least {smallest}, or a smaller overlap"
        )
    if tile is not None:
        return tile
    if any_tile(model.network):
        return 0
    patch = trained_patch(model)
    several = min(model.network.patches_a_tile * patch, DEFAULT_TILE[target.device.split(":")[0]])
    return max(patch, several, smallest)


def choose_tiling(*arguments: Any, **settings: Any) -> Tiling:
    """Return what :func:`iter_tiling` ends with."""
    return end_of(iter_tiling(*arguments, **settings))


def end_of(search: Generator[str, None, T]) -> T:
    """Return what a search ends with; nobody hears what it says meanwhile."""
    while True:
        try:
            next(search)
        except StopIteration as end:
            found: T = end.value
            return found


def iter_tiling(
    model: Model,
    network: SRNetwork,
    target: Target,
    *,
    shape: tuple[int, int],
    planes: int,
    tile: int | None,
    overlap: int | None,
) -> Generator[str, None, Tiling]:
    """Find the tiling for planes of ``shape``; yields a sentence before each measurement, returns the tiling.

    A network that pools over the tile runs at the patch size it was trained at, or a few times that where this was
    measured to be as good, unless it can pool over windows of that size instead. Otherwise a large job is preceded by a
    search, once on a computer (:mod:`timings`): candidates are timed, the smallest first, until one takes longer than a
    user should wait for a sign of life; the one that keeps the most pixels a second is taken.

    Raises
    ------
    ConfigError
        If a tile that was asked for leaves nothing beside its context.
    """
    search = _iter_tile(model, network, target, shape=shape, planes=planes, tile=tile, overlap=overlap)
    found = yield from search
    at_once = AT_ONCE[target.device.split(":")[0]]
    return replace(found, batch=max(1, at_once // found.tile**2), grid=grid_of(model))


def _iter_tile(
    model: Model, network: SRNetwork, target: Target, *, shape: tuple[int, int], planes: int, tile: int | None,
    overlap: int | None,
) -> Generator[str, None, Tiling]:  # fmt: skip
    """Find the side of tiles and their context."""
    halo, blend = context(model, target, overlap)
    if fixed := fixed_tile(model, target, halo=halo, blend=blend, tile=tile, longest=max(shape)):
        return Tiling(fixed, halo, blend)
    kind = target.device.split(":")[0]
    fast = kind == "cpu" and target.precision == "bf16"
    default = max(FAST_TILE if fast else DEFAULT_TILE[kind], min(ROOMY * halo, ROOMY_TILE), 4 * halo + 1)
    if max(shape) <= default:
        return Tiling(max(shape), halo, blend)
    if not network.trainable:  # interpolations are bound by memory, not by arithmetic
        return Tiling(512, halo, blend)
    known = timings.remembered(model, target)
    if known.tile > 4 * halo:
        return Tiling(known.tile, halo, blend)
    if planes * shape[0] * shape[1] < SEARCH_FROM[kind]:
        return Tiling(default, halo, blend)
    usable = [t for t in CANDIDATES[kind] if t > 4 * halo]
    if kind == "cpu" and model.network.foreign:  # how much memory its layers take cannot be seen
        usable = [t for t in usable if t <= LARGEST_UNSEEN]
    if not usable:
        return Tiling(default, halo, blend)
    fastest, rate = yield from _fastest(network, target, usable, halo)
    if rate:
        timings.remember(model, target, tile=fastest, rate=rate)
    return Tiling(fastest, halo, blend)


def _fastest(
    network: SRNetwork, target: Target, tiles: list[int], halo: int
) -> Generator[str, None, tuple[int, float]]:
    """Return the tile that keeps the most LR pixels a second, and how many; none are known if memory runs out."""
    rates: dict[int, float] = {}
    processor = target.device == "cpu"
    seconds, made, before = 0.0, 0.0, tiles[0]
    for number, tile in enumerate(tiles, start=1):
        larger = (tile / before) ** 2
        if rates and (seconds * larger > 2 * LONGEST_TILE or (processor and made * larger > LARGEST_LAYER)):
            break
        yield f"Looking for the fastest tile size ({number} of {len(tiles)})"
        lr = torch.rand(1, network.in_channels, tile, tile, device=target.device)
        lr = lr.to(memory_format=torch.channels_last)
        try:
            with torch.inference_mode(), kernels(target), largest_layer(network) as sizes:
                if number == 1 or not processor:
                    network(lr)  # builds kernels
                start = time.perf_counter()
                network(lr).sum().item()  # .item() waits for the device
                seconds = time.perf_counter() - start
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break  # larger ones will not fit either
        made, before = float(max(sizes, default=0)), tile
        rates[tile] = (tile - 2 * halo) ** 2 / seconds
    if not rates:
        return tiles[0], 0.0  # the engine's own fallback halves it and says so
    return max(rates.items(), key=lambda item: item[1])


@contextmanager
def largest_layer(network: SRNetwork) -> Iterator[list[int]]:
    """Gather how many bytes each layer of a network makes."""
    sizes: list[int] = []

    def note(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.numel() * output.element_size())

    handles = [module.register_forward_hook(note) for module in network.modules()]
    try:
        yield sizes
    finally:
        for handle in handles:
            handle.remove()
