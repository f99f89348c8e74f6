"""Memory for a 20 000 x 20 000 uint16 memory-mapped image: in memory, and written with -o.

    python benchmarks/large_image.py [--side 20000]

Each case runs in a process of its own and reports by how much its resident memory grew at most, above what it held
after the imports and a small image (Linux only: /proc).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def make(path: Path, side: int) -> None:
    """Write a memory-mapped image with structure, row by row."""
    image = np.lib.format.open_memmap(path, "w+", np.uint16, (side, side))
    wave = (np.sin(np.arange(side) / 9) * 8000 + 20000).astype(np.uint16)
    for row in range(0, side, 500):
        image[row : row + 500] = wave + np.arange(row, min(side, row + 500), dtype=np.uint16)[:, None]
    image.flush()


def memory(what: str) -> float:
    """Return this process's resident memory in GiB: now (VmRSS), or its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024**2


def case(name: str, source: Path, output: Path) -> None:
    """Run one case and print its figures."""
    from napari_sr import load_model, upscale
    from napari_sr.inference import Finished, Upscaler
    from napari_sr.inference.files import iter_upscale_file

    small = np.zeros((64, 64), np.uint16)
    wgan = load_model("em-wgan-pixel-x4")
    bicubic = load_model("bicubic-x2")
    upscale(small, bicubic)
    upscale(small, wgan)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here, not from the imports
    before, start = memory("VmRSS"), time.perf_counter()
    image = np.load(source, mmap_mode="r")
    if name == "bicubic in memory":
        result = upscale(image, bicubic)
    elif name == "model on a crop, in memory":
        result = upscale(image[len(image) // 4 :, len(image) // 4 :][:1000, :1000], wgan)
    else:
        for event in iter_upscale_file(source, output, Upscaler(bicubic)):
            if isinstance(event, Finished):
                result = event.image
    size = np.prod(result.shape) * np.dtype(result.dtype).itemsize / 1024**3
    growth = memory("VmHWM") - before
    print(
        f"{name}: output {result.shape}, {size:.2f} GiB; peak memory grew by {growth:.2f} GiB "
        f"({growth / size:.2f} x the output); {time.perf_counter() - start:.0f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--case", nargs=3, metavar=("NAME", "SOURCE", "OUTPUT"))
    arguments = parser.parse_args()
    if arguments.case:
        case(arguments.case[0], Path(arguments.case[1]), Path(arguments.case[2]))
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        source = Path(folder) / "large.npy"
        make(source, arguments.side)
        for name in ("bicubic written with -o", "model on a crop, in memory", "bicubic in memory"):
            output = Path(folder) / "sr.tif"
            subprocess.run([sys.executable, __file__, "--case", name, str(source), str(output)], check=True)


if __name__ == "__main__":
    main()
