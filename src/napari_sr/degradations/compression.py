"""What lossy files do to images."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from napari_sr.degradations import FloatImage


def jpeg(x: FloatImage, quality: int) -> FloatImage:
    """Return ``x``, from 0 to 1, as it comes out of a JPEG file; what lies outside is cut off."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)).save(buffer, format="jpeg", quality=quality)
    return np.asarray(Image.open(buffer), dtype=np.float64) / 255


@dataclass(frozen=True)
class Compression:
    """JPEG of ``quality`` 1 to 100; black and white are the image's own limits if None."""

    noise: ClassVar[bool] = True  # what it adds is no part of what the instrument does on average
    quality: int
    limits: tuple[float, float] | None = None

    def bound_to(self, image: FloatImage) -> Compression:
        """Return this step with the limits of a whole image."""
        return self if self.limits else replace(self, limits=(float(image.min()), float(image.max())))

    def __call__(self, image: FloatImage, rng: np.random.Generator) -> FloatImage:
        low, high = self.bound_to(image).limits or (0.0, 1.0)
        span = max(high - low, float(np.finfo(np.float32).tiny))
        return np.asarray(jpeg((image - low) / span, self.quality) * span + low, dtype=np.float32)
