"""How long one SSIM map and one error map take, and an uncertainty map view by view beside its views in batches.

    python benchmarks/maps.py [--side 2048] [--lr 128] [--precision fp32] [--models em-dfcan-x4 em-x4]

An uncertainty map takes eight views of an image. *Map* is what it takes; *one at a time* and *in batches* are what the
network alone takes for the same tiles, each by itself, and the same tile of all views in batches of that many: the
shortest of several rounds, since a machine is never quite quiet. The share of the pixels of all tiles that the image
itself has is what their context costs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_sr.evaluation.trust import SYMMETRIES, iter_uncertainty, turned
from napari_sr.images.axes import Layout
from napari_sr.images.samples import load_sample
from napari_sr.inference import Upscaler
from napari_sr.inference.device import Prepared, choose, kernels
from napari_sr.inference.tiles import plan_tiles
from napari_sr.inference.tiling import choose_tiling
from napari_sr.metrics.maps import error_map
from napari_sr.metrics.structural import ssim_map
from napari_sr.models.model import Model
from napari_sr.models.store import load_model
from napari_sr.networks import SRNetwork

#: views that go through the network at a time
BATCHES = (1, 2, 4, 8)
#: how often all is timed
ROUNDS = 3


def with_truth(side: int) -> None:
    """Time the maps that need a truth."""
    rng = np.random.default_rng(0)
    target = np.clip(128 + 300 * gaussian_filter(rng.normal(size=(side, side)), 2), 0, 255).astype(np.uint8)
    pred = np.clip(target + rng.normal(0, 5, target.shape), 0, 255).astype(np.float32)
    start = time.perf_counter()
    ssim_map(pred, target, data_range=255)
    middle = time.perf_counter()
    error_map(pred, target)
    end = time.perf_counter()
    print(f"{side} x {side}: SSIM map {middle - start:.2f} s, error map {end - middle:.2f} s")


def view_tiles(model: Model, network: SRNetwork, lr: npt.NDArray[Any], prepared: Prepared) -> Tensor:
    """Return the tiles of all views in network values, (tile, view, 1, H, W); views are square."""
    tiling = choose_tiling(model, network, prepared.target, shape=lr.shape, planes=1, tile=None, overlap=None)
    plan = plan_tiles(
        (lr.shape[0], lr.shape[1]), scale=model.scale, tile=tiling.tile, halo=tiling.halo, blend=tiling.blend
    )
    values = model.intensity.fit(lr).forward(lr)
    views = [np.ascontiguousarray(turned(values, "YX", which)) for which in range(SYMMETRIES)]
    return torch.from_numpy(np.stack([[v[row.outer, column.outer][None] for v in views] for row, column in plan]))


def through(network: SRNetwork, tiles: Tensor, batch: int) -> tuple[float, Tensor]:
    """Return the seconds that all tiles take in batches of ``batch`` views, and what comes out."""
    found = []
    start = time.perf_counter()
    for views in tiles:
        found += [network(part).float().cpu() for part in views.split(batch)]
    return time.perf_counter() - start, torch.cat(found)


def uncertainty(name: str, side: int, device: str, precision: str) -> str:
    """Return a line on one model."""
    model, lr = load_model(name), load_sample("em-phantom").lr[:side, :side]
    settings = {"device": device, "precision": precision}
    told = Upscaler(model, **settings).told(lr, Layout("YX", lr.shape), ())
    prepared = Prepared(model, choose(device, precision))
    network = prepared.network(told)
    tiles = view_tiles(model, network, lr, prepared).to(prepared.target.device)
    with torch.inference_mode(), kernels(prepared.target):
        network(tiles[0, :1])  # builds kernels
        rounds = [[through(network, tiles, batch) for batch in BATCHES] for _ in range(ROUNDS)]
    whole = min(_map_seconds(model, lr, told, settings) for _ in range(ROUNDS))
    span = model.intensity.upper - model.intensity.lower
    apart = max(float((sr - rounds[0][0][1]).abs().max()) / span for _, sr in rounds[0])
    shortest = [min(one[batch][0] for one in rounds) for batch in range(len(BATCHES))]
    return _line(prepared.target.title, name, whole, shortest, apart, lr.size, tiles)


def _map_seconds(model: Model, lr: npt.NDArray[Any], told: dict[str, float], settings: dict[str, str]) -> float:
    start = time.perf_counter()
    for _ in iter_uncertainty(lr, [model], axes="YX", conditions=told, **settings):
        pass
    return time.perf_counter() - start


def _line(device: str, name: str, whole: float, runs: Sequence[float], apart: float, pixels: int, tiles: Tensor) -> str:
    alone, *batches = runs
    ratios = ", ".join(f"{n}: x{alone / s:.2f}" for n, s in zip(BATCHES[1:], batches, strict=True))
    share = SYMMETRIES * pixels / tiles.numel()
    work = f"{len(tiles)} tiles a view, {share:.0%} of them the image"
    network = f"network, one at a time {alone:.2f} s ({alone / whole:.0%}); in batches of {ratios}"
    return f"{name:<18} ({device}) map {whole:.2f} s; {work}; {network}; apart by {apart:.0e} of the range"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048, help="of the maps with a truth, pixels")
    parser.add_argument("--lr", type=int, default=128, help="of the uncertainty maps, LR pixels, up to 160")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--models", nargs="*", default=["em-dfcan-x4", "em-x4", "em-wgan-pixel-x4"])
    given = parser.parse_args()
    with_truth(given.side)
    for name in given.models:
        print(uncertainty(name, given.lr, given.device, given.precision), flush=True)


if __name__ == "__main__":
    main()
