"""Which library computes a network on the processor: torch, or OpenVINO where a large job gains by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from napari_sr.errors import ConfigError, SRError
from napari_sr.inference import openvino, timings
from napari_sr.inference.device import Prepared, Target, kernels
from napari_sr.inference.tiling import LONGEST_TILE, Tiling, any_tile
from napari_sr.inference.timings import Timing

Backend = Literal["torch", "openvino"]
BACKENDS = ("auto", "torch", "openvino")
INSTALL = 'pip install "napari-sr[openvino]"'
#: seconds that torch would take from which it is worth to find out how fast OpenVINO is
TRY_FROM = 20.0
#: so many LR pixels have to be there that measuring a tile costs nothing
TRY_FROM_PIXELS = 50 * 192**2
#: what OpenVINO has to save of the time that torch takes: both were measured on one tile
GAIN = 0.05
#: sides of the tiles it is timed with: the larger one if that still gives signs of life
TILES = (256, 512)


@dataclass(frozen=True)
class Amount:
    """How much is to be done.

    Attributes
    ----------
    pixels
        LR pixels of all planes.
    planes
        Of which each has conditions of its own.
    longest
        Longer side of a plane, LR pixels.
    """

    pixels: int
    planes: int
    longest: int


def checked_backend(backend: str, device: str) -> str:
    """Return a backend; raises :class:`ConfigError` if there is no such, or not here."""
    if backend not in BACKENDS:
        raise ConfigError(f"backend: {backend!r} is not known; use {', '.join(BACKENDS)}")
    if backend == "openvino" and not openvino.installed():
        raise ConfigError(f"backend: openvino is not installed: {INSTALL}.")
    if backend == "openvino" and device != "cpu":
        raise ConfigError(f"backend: openvino computes on the processor, not on {device}.")
    return backend


def iter_backend(
    prepared: Prepared, wanted: str, tiling: Tiling, job: Amount, *, tile_given: bool
) -> Generator[str, None, tuple[Backend, Tiling]]:
    """Choose who computes, and with what tiles; yields a sentence before what takes long.

    OpenVINO has to record and compile a network first, which takes from half a second to half a minute. How fast it
    then is, and how long that took, is measured once on a computer, when a job is long enough to be worth it.
    """
    model, target = prepared.model, prepared.target
    possible = target.device == "cpu" and openvino.installed() and openvino.can_run(model.network, target.precision)
    if wanted == "torch" or not possible:
        return "torch", tiling
    known = timings.remembered(model, target)
    if wanted == "auto":
        if not known.rate and job.pixels > TRY_FROM_PIXELS:
            yield "Finding out how fast the model is here, once …"
            known = timings.remember(model, target, rate=_rate(prepared.network({}), target, tiling))
        if not known.openvino_rate and known.rate and job.pixels / known.rate > TRY_FROM:
            yield "Finding out how fast OpenVINO is here, once …"
            known = _measured(prepared, tiling)
        if not pays(known, job, builds=job.planes if model.network.conditions else 1):
            return "torch", tiling
    tile = known.openvino_tile or TILES[0]
    if tile_given or not any_tile(model.network) or tile <= 4 * tiling.halo:
        return "openvino", tiling
    return "openvino", replace(tiling, tile=min(tile, job.longest))


def pays(known: Timing, job: Amount, *, builds: int) -> bool:
    """Return True if OpenVINO is ahead, building it included."""
    if known.openvino_rate <= 0 or known.rate <= 0:
        return False
    with_it = job.pixels / known.openvino_rate + builds * known.openvino_build
    return with_it < (1 - GAIN) * job.pixels / known.rate


def _measured(prepared: Prepared, tiling: Tiling) -> Timing:
    """Build the network with OpenVINO, time it on tiles of noise, and remember what came out."""
    model, target = prepared.model, prepared.target
    try:
        start = time.perf_counter()
        network = prepared.openvino({})
        build = time.perf_counter() - start
        if not network.fits_any_size:  # inside, at the right and lower borders, and in the corner
            start = time.perf_counter()
            network(torch.rand(1, 1, tiling.tile, tiling.tile))
            build += 4 * (time.perf_counter() - start)
    except SRError:
        return timings.remember(model, target, openvino_rate=-1.0)
    rates: dict[int, float] = {}
    for tile in TILES if any_tile(model.network) and TILES[0] > 4 * tiling.halo else (tiling.tile,):
        rates[tile] = _rate(network, target, replace(tiling, tile=tile))
        if 4 * tile**2 / rates[tile] > LONGEST_TILE:
            break
    tile, rate = max(rates.items(), key=lambda item: item[1])
    return timings.remember(model, target, openvino_tile=tile, openvino_rate=rate, openvino_build=build)


def _rate(network: Callable[[Tensor], Tensor], target: Target, tiling: Tiling) -> float:
    """Return the LR pixels a second that are kept of tiles."""
    lr = torch.rand(1, 1, tiling.tile, tiling.tile).to(memory_format=torch.channels_last)
    with torch.inference_mode(), kernels(target):
        network(lr)  # prepares memory for this size
        start = time.perf_counter()
        network(lr)
        seconds = time.perf_counter() - start
    return (tiling.tile - 2 * tiling.halo - tiling.blend) ** 2 / seconds
