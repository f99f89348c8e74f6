"""What tiles do to a network that pools over them: PSNR, SSIM, time, and how they differ from the whole.

    python benchmarks/pooled_tiles.py scripts/models/data/sem_axondeepseg_MIT/test/*.tif [--model em-dfcan-x4]

Images are degraded as those that the model was trained on; fp32 on the processor, 8 HR pixels of border left out.

*own means*
    each tile is weighed by the means over itself; tiles are blended where they overlap.
*local means*
    each pixel is weighed by the means over a window about it, as large as a training patch (RCAN).
*channels fixed*
    the whole image is weighed by the same means.

The difference is that of the result from one made of the whole image at once in the same way, as a share of the range
of 255 grey levels: mean, 99.9th percentile, largest.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_sr import load_model
from napari_sr.degradations import make_degradation
from napari_sr.images.readers import read_image
from napari_sr.inference import Upscaler
from napari_sr.inference.device import trained_patch
from napari_sr.inference.fixed_channels import FixedChannels
from napari_sr.models.model import Model
from napari_sr.networks.channel_attention import channel_factors

BORDER = 8
#: sides of a tile, in training patches
SIDES = (1, 2, 3, 4, 8)
INSIDE = (slice(BORDER, -BORDER),) * 2
Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """One way to run a model: its name, the side of its tiles, and what makes a run of an LR image with a side."""

    name: str
    tile: int
    run: Callable[[Image, int], Image]


def ways(model: Model) -> list[Way]:
    """Return every way to run a model; windows of a training patch leave nothing of a tile of one."""
    patch = trained_patch(model)
    found = [Way("own means", side * patch, _plain(alone(model))) for side in SIDES]
    if model.network.localises:
        found += [Way("local means", side * patch, _plain(model)) for side in SIDES[1:]]

    def run_fixed(lr: Image, tile: int) -> Image:
        upscaler = Upscaler(model, device="cpu", precision="fp32", tile=tile, backend="torch")
        return np.asarray(upscaler.fixed(fixed(model, lr))(lr, dtype=np.float32))

    return [*found, Way("channels fixed", 192, run_fixed)]


def alone(model: Model) -> Model:
    """Return a model that pools over its tiles, whatever else it could."""
    network = copy.deepcopy(model.network)
    network.localises = False
    return replace(model, network=network)


def _plain(model: Model) -> Callable[[Image, int], Image]:
    def run(lr: Image, tile: int) -> Image:
        upscaler = Upscaler(model, device="cpu", precision="fp32", tile=tile, backend="torch")
        return np.asarray(upscaler(lr, dtype=np.float32))

    return run


def fixed(model: Model, lr: Image) -> FixedChannels:
    """Return what a large image's channels would be scaled by, from patches in the corners of a small one."""
    values, side = torch.from_numpy(model.intensity.fit(lr).forward(lr)), trained_patch(model)
    ends = [(slice(0, side), slice(-side, None))] * 2
    patches = torch.stack([values[rows, columns] for rows in ends[0] for columns in ends[1]])[:, None]
    return FixedChannels(channel_factors(model.network, patches)[0].mean(dim=0), model.card.halo)


def read(path: Path, scale: int) -> Image:
    """Return the first plane of an image, or red, cut to whole LR pixels."""
    hr = np.asarray(read_image(path).data)
    while hr.ndim > 2:
        hr = hr[..., 0] if hr.shape[-1] in (3, 4) else hr[0]
    return hr[tuple(slice(n // scale * scale) for n in hr.shape)].astype(np.float32)


def main() -> None:
    """Print a line for each way and size of tiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--model", default="em-dfcan-x4")
    args = parser.parse_args()
    model = load_model(args.model)
    degrade = make_degradation(model.card.degradation, model.scale)
    hr_images = [read(path, model.scale) for path in args.images]
    lr_images = [np.asarray(degrade(hr, np.random.default_rng(0))) for hr in hr_images]
    print(f"{model.card.name}: {', '.join(f'{lr.shape[0]} x {lr.shape[1]}' for lr in lr_images)} LR pixels")
    wholes: dict[str, list[Image]] = {}
    for way in ways(model):
        if way.name not in wholes:
            wholes[way.name] = [way.run(lr, max(lr.shape)) for lr in lr_images]
        start = time.perf_counter()
        results = [way.run(lr, way.tile) for lr in lr_images]
        seconds = time.perf_counter() - start
        print(line(way, hr_images, results, wholes[way.name]), f"{seconds:.1f} s", flush=True)


def line(way: Way, hr_images: list[Image], results: list[Image], wholes: list[Image]) -> str:
    """Return what a way makes of the images, in words."""
    psnr, ssim, differences = [], [], []
    for hr, sr, whole in zip(hr_images, results, wholes, strict=True):
        truth, image, data_range = hr[INSIDE].astype(float), sr[INSIDE].astype(float), float(np.ptp(hr))
        psnr.append(peak_signal_noise_ratio(truth, image, data_range=data_range))
        ssim.append(structural_similarity(truth, image, data_range=data_range))
        differences.append(np.abs(sr - whole)[INSIDE].ravel() * 255 / data_range)
    found = np.concatenate(differences)
    return (
        f"{way.name:14} tile {way.tile:4}: {np.mean(psnr):.4f} dB, SSIM {np.mean(ssim):.5f}, from the whole "
        f"{found.mean():.3f} / {np.percentile(found, 99.9):.2f} / {found.max():.1f} grey levels,"
    )


if __name__ == "__main__":
    main()
