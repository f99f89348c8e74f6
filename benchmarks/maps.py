"""How long one SSIM map and one error map take.

python benchmarks/maps.py [--side 2048]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_sr.metrics.maps import error_map
from napari_sr.metrics.structural import ssim_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    side = parser.parse_args().side
    rng = np.random.default_rng(0)
    target = np.clip(128 + 300 * gaussian_filter(rng.normal(size=(side, side)), 2), 0, 255).astype(np.uint8)
    pred = np.clip(target + rng.normal(0, 5, target.shape), 0, 255).astype(np.float32)
    start = time.perf_counter()
    ssim_map(pred, target, data_range=255)
    middle = time.perf_counter()
    error_map(pred, target)
    end = time.perf_counter()
    print(f"{side} x {side}: SSIM map {middle - start:.2f} s, error map {end - middle:.2f} s")


if __name__ == "__main__":
    main()
