"""Images of opaque blobs that cover each other: structure of every size down to the pixel, with sharp edges.

Dead leaves of a power law of sizes have the statistics of natural images (Lee, Mumford & Huang 2001,
doi:10.1023/A:1011109015675), and networks that restore images can be trained on them (Achddou, Gousseau & Ladjal 2021,
Scale Space and Variational Methods). Some of these have membranes. Nothing in them is noise, however dense they are.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from napari_sr.degradations.variety import WHITE

#: pixels that are drawn for one, along a side
FINE = 2
#: corners of a blob, and most of them
CORNERS, MOST = 14, 60000


def dead_leaves(rng: np.random.Generator, side: int = 1200) -> np.ndarray:
    """Return a square image from 0 to 255, float32; ``rng`` decides what is in it, and how large."""
    full = side * FINE
    image = Image.new("L", (full, full), int(WHITE * rng.random()))
    draw = ImageDraw.Draw(image)
    with_membrane, share, constant = rng.choice([0, 0.5, 1.0]), rng.uniform(0.05, 0.4), rng.random() < 0.5
    thickness = _uniform_log(rng, 0.7, 5) * FINE
    levels = rng.random(3) if rng.random() < 0.5 else None
    membrane = int(WHITE * (rng.random() * 0.3 if rng.random() < 0.8 else rng.uniform(0.7, 1)))
    ragged, stretch = rng.uniform(0, 0.3), rng.uniform(1, 3)
    for radius in _radii(full, rng):
        outline = _blob(radius, ragged, stretch, rng)
        place = rng.random(2) * full
        value = rng.random() if levels is None else rng.choice(levels) + rng.normal() * 0.04
        fill = int(WHITE * min(max(value, 0.0), 1.0))
        if rng.random() < with_membrane:
            draw.polygon([tuple(p) for p in place + outline], fill=membrane)
            outline = outline * (1 - (thickness / radius if constant else share))
            if thickness >= 0.95 * radius and constant:  # nothing but membrane
                continue
        draw.polygon([tuple(p) for p in place + outline], fill=fill)
    leaves = np.asarray(image, np.float32).reshape(side, FINE, side, FINE).mean(axis=(1, 3))
    for _ in range(2):  # nothing that was alive is quite even
        texture = ndimage.gaussian_filter(rng.normal(size=(side, side)).astype(np.float32), rng.uniform(1.5, 6))
        leaves += texture / texture.std() * WHITE * _uniform_log(rng, 0.002, 0.015)
    return np.asarray(np.clip(leaves, 0, WHITE), np.float32)


def _radii(full: int, rng: np.random.Generator) -> np.ndarray:
    """Return radii of a power law, for blobs of which half an image to two and a half can be covered."""
    exponent = 1 - rng.uniform(2.2, 3.6)
    low = _uniform_log(rng, 1, 6) * FINE
    high = min(low * _uniform_log(rng, 4, 60), full / 4)
    even = rng.random(200_000)
    radii = (low**exponent + even * (high**exponent - low**exponent)) ** (1 / exponent)
    covered = np.cumsum(np.pi * radii**2) / full**2
    radii = radii[: min(int(np.searchsorted(covered, rng.uniform(0.5, 2.5))), MOST)]
    return np.sort(radii)[::-1] if rng.random() < 0.5 else radii  # small ones on top, or anywhere


def _blob(radius: float, ragged: float, stretch: float, rng: np.random.Generator) -> np.ndarray:
    """Return the corners (CORNERS, 2) of a ragged ellipse about the origin."""
    angle, turned = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False), rng.random() * np.pi
    ratio = math.sqrt(_uniform_log(rng, 1, stretch))
    reach = radius * (1 + ragged * 0.5 * rng.normal(size=CORNERS))
    x, y = reach * np.cos(angle) * ratio, reach * np.sin(angle) / ratio
    cos, sin = math.cos(turned), math.sin(turned)
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)


def _uniform_log(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
