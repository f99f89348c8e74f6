"""What it brings to compute activations and sums in the same pass as the convolution before them, on a processor.

    python benchmarks/fused.py [--models em-x4 em-wgan-pixel-x4 …] [--sides 64 192 276] [--openvino]

Times one tile through the same weights, step by step and fused, in turn; the fastest pass of each counts. With
OpenVINO, which fuses by itself, what is compared are dense blocks of features side by side and of sums.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

import torch
from inference import model_of
from torch import Tensor

from napari_sr.inference import device, openvino
from napari_sr.inference.device import Target, choose, prepare
from napari_sr.inference.openvino import OpenVINONetwork
from napari_sr.inference.timings import processor

ROUNDS, PASSES = 2, 4
Run = Callable[[Tensor], Tensor]


def seconds(run: Run, lr: Tensor) -> float:
    """Return the time of the fastest of several passes, one after the other as in a run."""
    run(lr)
    times = []
    for _ in range(PASSES):
        start = time.perf_counter()
        run(lr)
        times.append(time.perf_counter() - start)
    return min(times)


def both(model: str, target: Target, *, in_openvino: bool) -> tuple[Run, Run]:
    """Return what runs a model step by step, and fused."""

    def made() -> Run:
        network = model_of(model).network
        return OpenVINONetwork(network, target.precision) if in_openvino else prepare(network, target).learnt

    def untouched() -> AbstractContextManager[object]:
        return patch.object(openvino, "dense_as_sums") if in_openvino else patch.object(device, "fuse")

    with untouched():
        steps = made()
    return steps, made()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["em-x4", "em-wgan-pixel-x4", "em-dfcan-x4", "rrdb:2"])
    parser.add_argument("--sides", nargs="+", type=int, default=[64, 192, 276], help="of the tile, LR pixels")
    parser.add_argument("--openvino", action="store_true", help="instead of torch")
    arguments = parser.parse_args()
    print(f"{processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| model, precision, tile | step by step | fused | ratio | largest difference |\n|---|---|---|---|---|")
    fast = choose("cpu").precision
    for name in arguments.models:
        for precision in dict.fromkeys(("fp32", fast)):
            target = Target("cpu", precision)
            steps, fused = both(name, target, in_openvino=arguments.openvino)
            for side in arguments.sides:
                lr = torch.rand(1, 1, side, side)
                with torch.inference_mode():
                    difference = float((steps(lr) - fused(lr)).abs().max())
                    times = [(seconds(steps, lr), seconds(fused, lr)) for _ in range(ROUNDS)]
                slow, quick = (min(t) for t in zip(*times, strict=True))
                row = (f"{slow * 1e3:.1f} ms", f"{quick * 1e3:.1f} ms", f"{slow / quick:.2f}", f"{difference:.1g}")
                print(f"| {name}, {precision}, {side}² | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
