"""Draw the EM phantom: a simulated, ssTEM-like section for machines without network.

Cells with membranes, synaptic vesicles, mitochondria with cristae and microtubules, blurred by the
beam and counted with shot noise. It looks like tissue; it is a drawing, and says so wherever it is
shown.

    python scripts/draw_em_phantom.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from scipy.spatial import cKDTree

PIXEL_NM = 4.0
CYTOSOL, MEMBRANE, MATRIX, NOISE_ELECTRONS = 0.72, 0.16, 0.50, 180


def smooth_noise(rng: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    """Return Gaussian noise blurred to ``sigma`` pixels, with unit standard deviation."""
    noise = ndimage.gaussian_filter(rng.normal(size=(size, size)), sigma, mode="wrap")
    return noise / noise.std()


def cells(rng: np.random.Generator, size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cell labels and the distance to the nearest cell boundary, in pixels."""
    seeds = rng.uniform(-0.1 * size, 1.1 * size, (count, 2))
    rows, columns = np.mgrid[:size, :size].astype(float)
    # bent coordinates make straight Voronoi edges look like membranes
    rows = rows + 22 * smooth_noise(rng, size, 28) + 5 * smooth_noise(rng, size, 9)
    columns = columns + 22 * smooth_noise(rng, size, 28) + 5 * smooth_noise(rng, size, 9)
    radii = rng.uniform(0, 40, count)  # unequal cells
    distance, index = cKDTree(seeds).query(np.stack([rows, columns], -1).reshape(-1, 2), k=6)
    power = distance - radii[index]
    labels = np.take_along_axis(index, power.argmin(1)[:, None], 1).reshape(size, size)
    edges = ndimage.grey_dilation(labels, 3) != ndimage.grey_erosion(labels, 3)
    return labels, ndimage.distance_transform_edt(~edges)


def ring(image: np.ndarray, y: float, x: float, radius: float, width: float, dark: float, inside: float) -> None:
    """Draw a filled circle with a dark rim."""
    reach = int(radius + 3 * width)
    top, left = max(0, int(y) - reach), max(0, int(x) - reach)
    window = image[top : int(y) + reach + 1, left : int(x) + reach + 1]
    rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
    distance = np.hypot(rows - y, columns - x)
    fill = 1 / (1 + np.exp((distance - radius) / 0.5))
    rim = np.exp(-(((distance - radius) / width) ** 2))
    window[:] = window * (1 - fill) + inside * fill
    window[:] = window * (1 - rim) + dark * rim


def mitochondrion(rng: np.random.Generator, image: np.ndarray, y: float, x: float) -> None:
    """Draw an ellipse with a double membrane and cristae."""
    long, short, angle = rng.uniform(38, 60), rng.uniform(20, 28), rng.uniform(0, np.pi)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    u = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    v = -(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)
    v = v + 4 * np.sin(u / 18 + rng.uniform(0, 6))
    depth = (1 - np.hypot(u / long, v / short)) * short  # pixels below the surface, roughly
    inside = 1 / (1 + np.exp(np.clip(-depth / 0.7, -50, 50)))
    image[:] = image * (1 - inside) + MATRIX * inside
    wave = np.sin(u / 2.6 + 1.2 * np.sin(v / 7 + rng.uniform(0, 6)))
    cristae = np.clip((wave - 0.45) / 0.3, 0, 1) * np.clip((depth - 4) / 2, 0, 1)
    cristae *= np.clip(np.sin(v / short * 2.2 + rng.uniform(-1, 1)) + 0.8, 0, 1)
    image[:] = image * (1 - 0.6 * cristae) + 0.22 * 0.6 * cristae
    for level in (0.5, 4.0):
        membrane = np.exp(-(((depth - level) / 1.1) ** 2))
        image[:] = image * (1 - 0.85 * membrane) + MEMBRANE * 0.85 * membrane


def draw(size: int, seed: int) -> np.ndarray:
    """Return the section as uint8."""
    rng = np.random.default_rng(seed)
    pad = 64
    full = size + 2 * pad
    labels, distance = cells(rng, full, count=(full // 88) ** 2)
    shade = rng.normal(0, 0.035, labels.max() + 1)
    image = CYTOSOL + shade[labels] + 0.025 * smooth_noise(rng, full, 2.2) + 0.02 * smooth_noise(rng, full, 14)
    free = distance.copy()
    for label in rng.permutation(labels.max() + 1)[: (labels.max() + 1) // 2]:
        room = np.where(labels == label, free, 0)
        y, x = np.unravel_index(room.argmax(), room.shape)
        if room[y, x] > 24:
            mitochondrion(rng, image, float(y), float(x))
            free[max(0, y - 62) : y + 62, max(0, x - 62) : x + 62] = 0
    for label in rng.permutation(labels.max() + 1)[: (labels.max() + 1) // 3]:
        ys, xs = np.nonzero((labels == label) & (free > 9))
        if len(ys) < 200:
            continue
        centre = rng.integers(len(ys))
        near = np.hypot(ys - ys[centre], xs - xs[centre]) < rng.uniform(30, 60)
        placed: list[tuple[float, float]] = []
        for i in rng.permutation(np.nonzero(near)[0])[:400]:
            if all(np.hypot(ys[i] - a, xs[i] - b) > 10.5 for a, b in placed):
                placed.append((ys[i], xs[i]))
                ring(image, ys[i], xs[i], rng.uniform(4.2, 5.2), 1.1, 0.34, 0.78)
    ys, xs = np.nonzero(free > 6)
    for i in rng.integers(len(ys), size=full * full // 2600):
        ring(image, ys[i], xs[i], rng.uniform(1.6, 2.2), 0.9, 0.52, 0.70)
    thickness = 2.0 + 0.5 * smooth_noise(rng, full, 12)
    membrane = np.exp(-((distance / thickness) ** 2))
    image = image * (1 - 0.9 * membrane) + MEMBRANE * 0.9 * membrane
    image = ndimage.gaussian_filter(image, 0.8)[pad:-pad, pad:-pad]
    counted = rng.poisson(np.clip(image, 0, 1) * NOISE_ELECTRONS) / NOISE_ELECTRONS
    return np.clip(counted * 235 + 8, 0, 255).round().astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parents[1] / "src/napari_sr/sample_data/em_phantom.tif"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    image = draw(args.size, args.seed)
    tifffile.imwrite(
        args.out, image, compression="zlib", predictor=True, ome=True,
        metadata={
            "axes": "YX", "PhysicalSizeX": PIXEL_NM, "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": PIXEL_NM, "PhysicalSizeYUnit": "nm",
            "Description": "Simulated EM section, drawn by scripts/draw_em_phantom.py; not a measurement",
        },
    )  # fmt: skip
    print(f"{args.out}: {image.shape}, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
