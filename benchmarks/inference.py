"""Speed of tiled inference beside one 256-pixel fp32 tile after another, and the seams of DFCAN.

    python benchmarks/inference.py [--size 1024] [--models em-wgan-pixel-x4 em-dfcan-x4 em-x4]

Both ways run the same weights on the same image in the same process; the ratio is what counts.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from napari_sr import load_model
from napari_sr.data.samples import load_sample
from napari_sr.inference import Finished, iter_upscale
from napari_sr.inference.device import Target, choose, device_title
from napari_sr.model import Model


def picture(size: int) -> np.ndarray:
    """A structured uint8 image of any size: the EM phantom, repeated with flips so that it joins."""
    lr = load_sample("em-phantom").hr
    joined = np.block([[lr, lr[:, ::-1]], [lr[::-1], lr[::-1, ::-1]]])
    times = -(-size // joined.shape[0])
    return np.ascontiguousarray(np.tile(joined, (times, times))[:size, :size])


def naive(image: np.ndarray, model: Model, device: str) -> tuple[np.ndarray, float]:
    """fp32, contiguous memory, one 256-pixel tile after another, no overlap: what a plain script does."""
    network = model.network.to(device)
    fitted = model.intensity.fit(image)
    s = model.scale
    out = np.empty((image.shape[0] * s, image.shape[1] * s), np.uint8)
    start = time.perf_counter()
    with torch.inference_mode():
        for y in range(0, image.shape[0], 256):
            for x in range(0, image.shape[1], 256):
                lr = torch.from_numpy(fitted.forward(image[y : y + 256, x : x + 256]))[None, None].to(device)
                sr = fitted.inverse(network(lr)[0, 0].cpu().numpy())
                out[y * s : (y + 256) * s, x * s : (x + 256) * s] = np.clip(np.rint(sr), 0, 255)
    return out, time.perf_counter() - start


def tiled(image: np.ndarray, model: Model, **settings: object) -> Finished:
    """Run the engine and return its last event."""
    for event in iter_upscale(image, model, **settings):
        if isinstance(event, Finished):
            return event
    raise AssertionError("no result")


def seam(image: np.ndarray, model: Model) -> str:
    """Deviation of the tiled result from one tile over the whole image, at and away from tile borders."""
    part = image[:256, :256]
    whole = tiled(part, model, tile=256, precision="fp32", dtype=np.float32).image
    default = tiled(part, model, precision="fp32", dtype=np.float32)
    difference = np.abs(default.image - whole)
    blended = tiled(part, model, tile=default.report.tile, overlap=0, precision="fp32", dtype=np.float32)
    cut = np.abs(blended.image - whole)
    return (
        f"tile {default.report.tile}: mean {difference.mean():.3f}, 99.9th percentile "
        f"{np.percentile(difference, 99.9):.2f} grey levels of 255 (without context and blending: "
        f"{cut.mean():.3f}, {np.percentile(cut, 99.9):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="side of the LR image")
    parser.add_argument("--models", nargs="+", default=["em-wgan-pixel-x4", "em-dfcan-x4", "em-x4"])
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    target: Target = choose(arguments.device)
    image = picture(arguments.size)
    print(f"{device_title(target.device)}, {target.precision}, {torch.get_num_threads()} threads, LR {image.shape}")
    rates: dict[str, float] = {}
    for name in arguments.models:
        model = load_model(name)
        done = tiled(image, model, device=target.device)
        _, seconds = naive(image, load_model(name), target.device)
        report = done.report
        plain = report.megapixels / seconds
        rate = rates[name] = report.megapixels / report.seconds
        print(
            f"{name}: {rate:.2f} Mpx/s (LR tile {report.tile}, halo {report.halo}, blend {report.blend}); "
            f"fp32, 256-px tiles: {plain:.2f} Mpx/s; ratio {rate / plain:.2f}",
            flush=True,
        )
        if model.network.pools_tile:
            print(f"  seam, {seam(image, model)}", flush=True)
    if "em-x4" in rates and "em-wgan-pixel-x4" in rates:
        print(f"em-x4 has {rates['em-x4'] / rates['em-wgan-pixel-x4']:.1f} times the rate of em-wgan-pixel-x4")


if __name__ == "__main__":
    main()
