"""How much the width of a tile matters: the rate of one 3x3 convolution in bfloat16, width by width.

    python benchmarks/widths.py [--channels 48] [--from 256 --to 288]

Kernels for matrices of bfloat16 (AMX) cut rows of an image into equal parts; a width that has none is slow. The height
stays the same. Tiles are as wide as napari_sr.inference.tiling.WIDTHS says for that reason.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from napari_sr.inference.tiling import WIDTHS
from napari_sr.inference.timings import processor

HEIGHT, RUNS = 272, 15


def rate(channels: int, width: int) -> float:
    """Return GFLOP/s, from the median of some runs."""
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1).to(torch.bfloat16).to(memory_format=torch.channels_last)
    x = torch.rand(1, channels, HEIGHT, width).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    seconds = []
    with torch.inference_mode():
        for _ in range(RUNS):
            start = time.perf_counter()
            conv(x)
            seconds.append(time.perf_counter() - start)
    return 18 * channels**2 * HEIGHT * width / statistics.median(seconds) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=48)
    parser.add_argument("--from", type=int, default=256, dest="first")
    parser.add_argument("--to", type=int, default=288, dest="last")
    arguments = parser.parse_args()
    print(f"{processor()}, torch {torch.__version__}, {torch.get_num_threads()} threads, {arguments.channels} channels")
    found = {width: rate(arguments.channels, width) for width in range(arguments.first, arguments.last + 1)}
    for width, value in found.items():
        print(f"{width:4d} {value:6.0f} GFLOP/s {'*' if width % WIDTHS == 0 else ''}")
    even = [value for width, value in found.items() if width % WIDTHS == 0]
    odd = [value for width, value in found.items() if width % WIDTHS]
    print(f"multiples of {WIDTHS}: at least {min(even):.0f}; others: {min(odd):.0f} to {max(odd):.0f} GFLOP/s, "
          f"mean {statistics.mean(odd):.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
