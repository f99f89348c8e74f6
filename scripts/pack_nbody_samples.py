"""Pack a few slices of the simulated boxes as the N-body samples that ship with napari-sr.

    python scripts/simulate_nbody.py --out data/nbody
    python scripts/pack_nbody_samples.py data/nbody

Densities are stored as 16-bit codes of log10(density + 0.02), exact to 0.02 % of a decade.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

OFFSET = 2e-2
OUT = Path(__file__).parents[1] / "src/napari_sr/sample_data"


def encode(density: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 16-bit codes."""
    logged = np.log10(np.maximum(density, 0) + OFFSET)
    return np.rint((logged - low) / (high - low) * 65535).clip(0, 65535).astype(np.uint16)


def pack(source: Path, target: Path, indices: list[int], *, with_lr: bool) -> None:
    """Store the chosen slices of one box."""
    with np.load(source) as arrays:
        hr, lr, info = arrays["hr"][indices], arrays["lr"][indices], str(arrays["info"])
    low, high = float(np.log10(OFFSET)), float(np.log10(max(hr.max(), lr.max()) + OFFSET))
    content = {"hr": encode(hr, low, high), "log_range": np.array([low, high]), "info": np.array(info)}
    if with_lr:
        content["lr"] = encode(lr, low, high)
    np.savez_compressed(target, **content)
    print(f"{target.name}: {hr.shape}, {target.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    folder = Path(sys.argv[1])
    # one slab from the middle of each axis of projection
    pack(folder / "test_box5.npz", OUT / "nbody_test.npz", [8, 24, 40], with_lr=True)
    # every sixth slab of a training box: far enough apart to differ
    pack(folder / "train_box1.npz", OUT / "nbody_train.npz", list(range(0, 48, 6)), with_lr=False)


if __name__ == "__main__":
    main()
