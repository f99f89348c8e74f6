"""Test images and the cover of a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.intensity import Intensity

#: pixels of one half of the cover, about
COVER = 480


def drawn_example(side: int, intensity: Intensity) -> npt.NDArray[np.float32]:
    """Return an image (side, side) with edges, threads, grains and a shade, the same at each call.

    Values are what a camera of 8 bits gives, or within the range of a fixed or a logarithmic transform.
    """
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:side, :side] / side
    share = 0.35 + 0.15 * x  # from 0 to 1
    for _ in range(14):  # cells with a rim
        (cy, cx), radius = rng.uniform(0, 1, 2), rng.uniform(0.04, 0.14)
        distance = np.hypot(y - cy, (x - cx) * rng.uniform(0.7, 1.4)) / radius
        share = np.where(distance < 1, 0.55 + 0.2 * rng.uniform(), share)
        share = share - 0.4 * np.exp(-((distance - 1) ** 2) * 60)
    for _ in range(3):  # threads
        wave = 0.08 * np.sin(2 * np.pi * (x * rng.uniform(1, 3) + rng.uniform()))
        share = share + 0.3 * np.exp(-(((y - rng.uniform(0.1, 0.9) - wave) / 0.012) ** 2))
    share = np.clip(share + rng.normal(0, 0.01, share.shape), 0, 1)
    if intensity.kind in ("log", "fixed"):
        image = intensity.low + share * (intensity.high - intensity.low)
        image = 10**image - intensity.offset if intensity.kind == "log" else image
    else:
        image = share if intensity.kind == "identity" else np.round(255 * share)
    return np.asarray(image, np.float32)


def write_cover(path: Path, lr: npt.NDArray[Any], sr: npt.NDArray[Any], *, scale: int, logarithmic: bool) -> None:
    """Write a picture of twice its height: on the left what goes in, on the right what comes out.

    Parameters
    ----------
    path
        A PNG file.
    lr, sr
        (Y, X) and (Y * scale, X * scale).
    scale
        Upscaling factor.
    logarithmic
        True for densities: their logarithm is drawn.
    """
    from PIL import Image

    side = min(lr.shape)
    halves = [lr[:side, :side].repeat(scale, 0).repeat(scale, 1), sr[: side * scale, : side * scale]]
    drawn = [np.log10(np.maximum(h, 1e-2)) if logarithmic else h for h in halves]
    low, high = np.percentile(drawn[0], (0.5, 99.5))
    grey = [np.clip((h - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8) for h in drawn]
    both = np.concatenate(grey, axis=1)
    larger = max(1, COVER // (side * scale))
    Image.fromarray(both.repeat(larger, 0).repeat(larger, 1)).save(path, optimize=True)
