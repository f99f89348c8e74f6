"""Measure what a blank frame about an image does to what em-x4 makes of it; prints the table of docs/results.md.

    python scripts/measure_margins.py [--without]

Of the LR images of test sections, alone and in frames of 30 pixels: the mean gain over bicubic interpolation inside,
blur and noise estimated. A border of 24 HR pixels is left out, data range 255. With ``--without``, as if margins were
not known.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from measure_cells import test_sets

import napari_sr.estimation.sampling
from napari_sr import load_model, upscale
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.metrics.pixel import psnr

SETS = ("FlyEM, independent", "AxonDeepSeg SEM, test")
CELLS = {
    "blur 3, larger pixels": "gaussian(sigma=3) + area",
    "larger pixels": "area",
    "blur 3, larger pixels, 100 photons": "gaussian(sigma=3) + area + shot(photons=100)",
}
FRAME, BORDER, IMAGES, SCALE = 30, 24, 4, 4
FRAMES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "alone": lambda image: image,
    "black frame": lambda image: np.pad(image, FRAME),
    "white frame": lambda image: np.pad(image, FRAME, constant_values=255),
}


def inside(sr: np.ndarray, hr: np.ndarray) -> float:
    """Return the PSNR of the middle of a picture, without its border."""
    starts = [(n - m) // 2 for n, m in zip(sr.shape, hr.shape, strict=True)]
    middle = sr[tuple(slice(start, start + n) for start, n in zip(starts, hr.shape, strict=True))]
    inner = (slice(BORDER, -BORDER),) * 2
    return float(psnr(middle[inner].astype(np.float64), hr[inner].astype(np.float64), data_range=255))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without", action="store_true", help="as if margins were not known")
    if parser.parse_args().without:
        napari_sr.estimation.sampling.margins = lambda image: None  # type: ignore[attr-defined]
    models = load_model("bicubic-x4"), load_model("em-x4")
    print(f"| images | LR images | {' | '.join(FRAMES)} |\n|{'---|' * (len(FRAMES) + 2)}")
    for test in test_sets():
        if not test.title.startswith(SETS):
            continue
        for title, cell in CELLS.items():
            gains = []
            for number, hr in enumerate(test.images[:IMAGES]):
                chain = make_degradation(cell, SCALE)
                lr = low_resolution_told(hr, chain, np.random.default_rng(number))[0].astype(hr.dtype)
                row = []
                for framed in FRAMES.values():
                    made = [upscale(framed(lr), m, dtype=np.float32, precision="fp32") for m in models]
                    row.append(inside(made[1], hr) - inside(made[0], hr))
                gains.append(row)
            mean = np.mean(gains, axis=0)
            print(f"| {test.title.split(',')[0]} | {title} | {' | '.join(f'{g:+.2f}' for g in mean)} |", flush=True)


if __name__ == "__main__":
    main()
