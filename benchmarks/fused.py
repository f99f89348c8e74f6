"""What it brings to compute activations and sums in the same pass as the convolution before them, on a processor.

    python benchmarks/fused.py [--models em-x4 em-wgan-pixel-x4 …] [--sides 64 192 276]

Times one tile through the same weights, step by step and fused, in turn; the fastest pass of each counts.
"""

from __future__ import annotations

import argparse
import time

import torch
from inference import model_of

from napari_sr.inference import device
from napari_sr.inference.device import Target, choose, prepare
from napari_sr.inference.timings import processor
from napari_sr.networks import SRNetwork

ROUNDS, PASSES = 2, 4


def seconds(network: SRNetwork, lr: torch.Tensor) -> float:
    """Return the time of the fastest of several passes, one after the other as in a run."""
    network.learnt(lr)
    times = []
    for _ in range(PASSES):
        start = time.perf_counter()
        network.learnt(lr)
        times.append(time.perf_counter() - start)
    return min(times)


def step_by_step(model: str, target: Target) -> SRNetwork:
    """Return a prepared network that was not fused."""
    fuse = device.fuse
    device.fuse = lambda network: None
    try:
        return prepare(model_of(model).network, target)
    finally:
        device.fuse = fuse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["em-x4", "em-wgan-pixel-x4", "em-dfcan-x4", "rrdb:2"])
    parser.add_argument("--sides", nargs="+", type=int, default=[64, 192, 276], help="of the tile, LR pixels")
    arguments = parser.parse_args()
    print(f"{processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| model, precision, tile | step by step | fused | ratio | largest difference |\n|---|---|---|---|---|")
    fast = choose("cpu").precision
    for name in arguments.models:
        for precision in dict.fromkeys(("fp32", fast)):
            target = Target("cpu", precision)
            steps, fused = step_by_step(name, target), prepare(model_of(name).network, target)
            for side in arguments.sides:
                lr = torch.rand(1, 1, side, side)
                with torch.inference_mode():
                    difference = float((steps.learnt(lr) - fused.learnt(lr)).abs().max())
                    times = [(seconds(steps, lr), seconds(fused, lr)) for _ in range(ROUNDS)]
                slow, quick = (min(t) for t in zip(*times, strict=True))
                row = (f"{slow * 1e3:.1f} ms", f"{quick * 1e3:.1f} ms", f"{slow / quick:.2f}", f"{difference:.1g}")
                print(f"| {name}, {precision}, {side}² | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
