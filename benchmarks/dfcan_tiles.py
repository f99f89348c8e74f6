"""What the size of its tiles does to a network that pools over a tile, and fixed channels: PSNR, SSIM, and time.

    python benchmarks/dfcan_tiles.py scripts/models/data/sem_axondeepseg_MIT/test/*.tif [--model em-dfcan-x4]

Images are degraded as those that the model was trained on; fp32 on the processor, 8 HR pixels of border left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
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


def fixed(model: Model, lr: np.ndarray) -> FixedChannels:
    """Return what a large image's channels would be scaled by, from patches in the corners of a small one."""
    values, side = torch.from_numpy(model.intensity.fit(lr).forward(lr)), trained_patch(model)
    ends = [(slice(0, side), slice(-side, None))] * 2
    patches = torch.stack([values[rows, columns] for rows in ends[0] for columns in ends[1]])[:, None]
    return FixedChannels(channel_factors(model.network, patches)[0].mean(dim=0), model.card.halo)


def main() -> None:
    """Print a line for each size of tiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--model", default="em-dfcan-x4")
    args = parser.parse_args()
    model = load_model(args.model)
    degrade = make_degradation(model.card.degradation, model.scale)
    pairs = []
    for path in args.images:
        hr = np.asarray(read_image(path).data)
        while hr.ndim > 2:  # the first plane, or red
            hr = hr[..., 0] if hr.shape[-1] in (3, 4) else hr[0]
        hr = hr[tuple(slice(n // model.scale * model.scale) for n in hr.shape)]
        pairs.append((hr, np.asarray(degrade(hr.astype(np.float32), np.random.default_rng(0)))))
    print(f"{model.card.name}: {', '.join(f'{lr.shape[0]} x {lr.shape[1]}' for _, lr in pairs)} LR pixels")
    inside = (slice(BORDER, -BORDER),) * 2
    # windows of a training patch about each pixel leave nothing of a tile of one
    for sides in (*(SIDES[1:] if model.network.localises else SIDES), 0):
        tile = sides * trained_patch(model) or 192
        upscaler = Upscaler(model, device="cpu", precision="fp32", tile=tile, backend="torch")
        psnr, ssim, start = [], [], time.perf_counter()
        results = []
        for _, lr in pairs:
            one = upscaler if sides else upscaler.fixed(fixed(model, lr))
            results.append(np.asarray(one(lr, dtype=np.float32)))
        seconds = time.perf_counter() - start
        for (hr, _), sr in zip(pairs, results, strict=True):
            one, other = hr[inside].astype(float), sr[inside].astype(float)
            data_range = float(np.ptp(hr))
            psnr.append(peak_signal_noise_ratio(one, other, data_range=data_range))
            ssim.append(structural_similarity(one, other, data_range=data_range))
        said = f"tile {tile:4}" if sides else "fixed    "
        print(f"{said}: {np.mean(psnr):.4f} dB, SSIM {np.mean(ssim):.5f}, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
