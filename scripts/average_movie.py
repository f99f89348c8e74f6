"""Average neighbouring frames of a movie into images with less noise, to train and to test on.

    python scripts/average_movie.py MOVIE.tif --out scripts/models/fluo

A network that is trained on noisy frames learns to keep their noise. The mean of four neighbouring frames, brought onto
one another by whole pixels, has half the noise and shows the same structures as long as they move slowly. The last
frames are kept apart: four to validate, four to test. All show the same cell.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

WINDOW = 4  # frames a mean
BORDER = 4  # pixels left out on every side: no frame of a window drifts further


def registered_mean(frames: NDArray[np.generic]) -> NDArray[np.generic]:
    """Mean of ``(t, y, x)`` frames, each moved by whole pixels onto the first one; a ``BORDER`` is cut off."""
    smooth = [gaussian_filter(frame.astype(np.float32), 3) for frame in frames]
    total = np.zeros(frames.shape[1:], np.float64)
    for frame, blurred in zip(frames, smooth, strict=True):
        shift = np.rint(phase_cross_correlation(smooth[0], blurred, upsample_factor=10)[0]).astype(int)
        if np.abs(shift).max() > BORDER:
            raise SystemExit(f"A frame has drifted by {shift} pixels within {WINDOW} frames: more than {BORDER}.")
        total += np.roll(frame, shift, axis=(0, 1))
    inner = (slice(BORDER, -BORDER),) * 2
    return np.rint(total[inner] / len(frames)).astype(frames.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    movie = tifffile.imread(options.movie)
    options.out.mkdir(parents=True, exist_ok=True)
    held_out = 2 * WINDOW
    parts = {
        "train": [movie[i : i + WINDOW] for i in range(len(movie) - held_out - WINDOW)],  # one frame dropped as a gap
        "val": [movie[-held_out:-WINDOW]],
        "test": [movie[-WINDOW:]],
    }
    for name, windows in parts.items():
        images = np.stack([registered_mean(window) for window in windows])
        tifffile.imwrite(options.out / f"{name}.tif", images, photometric="minisblack")
        print(name, images.shape)


if __name__ == "__main__":
    main()
