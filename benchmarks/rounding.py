"""What bfloat16 costs against the truth: PSNR and SSIM of models in fp32, and how much less they have in bf16.

    python benchmarks/rounding.py scripts/models/data/sem_axondeepseg_MIT/test [--models em-x4 em-rcan-x4 …]

Images (of a file, or all of a folder; at most 480 pixels a side, of their middle) are degraded as ``--degradation``
says, by default as the models of the theses were trained; models that are told blur and noise are told. On the
processor, 8 HR pixels of border left out, data range 255 for 8 bit and that of each image otherwise. A loss of more
than 0.02 dB or 0.0005 is marked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from napari_sr import load_model, upscale
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.images.listing import read_planes
from napari_sr.inference.openvino import can_run, installed
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.pixel import psnr
from napari_sr.metrics.structural import ssim
from napari_sr.models.model import Model
from napari_sr.training.data.patches import described

MODELS = ("em-x4", "em-x4-realistic", "em-dfcan-x4", "em-rcan-x4", "em-wgan-pixel-x4", "em-wgan-x4")
BORDER, SIDE = 8, 480
#: most PSNR [dB] and SSIM that may be lost
MOST = (0.02, 0.0005)


def middle(image: np.ndarray, scale: int) -> np.ndarray:
    """Return the middle of an image, its sides multiples of the scale."""
    sizes = [min(SIDE, n) // scale * scale for n in image.shape]
    starts = [(n - size) // 2 for n, size in zip(image.shape, sizes, strict=True)]
    return image[starts[0] : starts[0] + sizes[0], starts[1] : starts[1] + sizes[1]]


def figures(model: Model, hr: np.ndarray, degradation: str, runs: list[dict[str, str]]) -> np.ndarray:
    """Return PSNR and SSIM of one image, (runs, 2)."""
    hr = middle(hr, model.scale)
    chain = make_degradation(degradation, model.scale)
    lr, suffered = low_resolution_told(hr, chain, np.random.default_rng(0))
    lr = lr.astype(hr.dtype)
    told = None
    if model.network.conditions:
        assert suffered is not None
        told = described(suffered, model.intensity.fit(lr))
    inner = (slice(BORDER, -BORDER),) * 2
    target, data_range = hr[inner].astype(np.float64), data_range_of([hr])
    found = []
    for run in runs:
        sr = upscale(lr, model, device="cpu", dtype=np.float32, conditions=told, **run)[inner].astype(np.float64)
        found.append([psnr(sr, target, data_range=data_range), ssim(sr, target, data_range=data_range)])
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--degradation", default="em")
    arguments = parser.parse_args()
    images = [np.asarray(plane) for plane in read_planes(arguments.images)]
    print(f"{len(images)} images, degradation {arguments.degradation}")
    print("| model | fp32: PSNR, SSIM | less by torch's bf16 | by OpenVINO's |\n|---|---|---|---|")
    for name in arguments.models:
        model = load_model(name)
        runs = [{"precision": precision, "backend": "torch"} for precision in ("fp32", "bf16")]
        if installed() and can_run(model.network, "bf16"):
            runs.append({"precision": "bf16", "backend": "openvino"})
        whole, *rounded = np.mean([figures(model, hr, arguments.degradation, runs) for hr in images], axis=0)
        cells = []
        for one in rounded:
            lost = whole - one
            mark = "**" if (lost > MOST).any() else ""
            cells.append(f"{mark}{lost[0]:.4f} dB, {lost[1]:.5f}{mark}")
        cells += ["–"] * (2 - len(cells))
        print(f"| `{name}` | {whole[0]:.3f} dB, {whole[1]:.5f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
