"""Invertible intensity transforms between an image's own values and what a network sees.

A transform is fitted once to the whole image, never to a tile, and inverted exactly: nothing is
clipped, so values beyond the fitted range stay beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_sr.arguments import check_arguments
from napari_sr.densities import density_unit
from napari_sr.errors import ConfigError

Kind = Literal["identity", "range", "percentile", "fixed", "log", "standard"]

LARGEST = float(np.finfo(np.float64).max)
#: pixels that the statistics of a large image are taken from
SAMPLE_PIXELS = 1_000_000


@dataclass(frozen=True)
class FittedIntensity:
    """``forward(x) = (f(x) - low) / (high - low)`` mapped to [lower, upper], f = log10(x + offset) or x."""

    low: float
    high: float
    lower: float = 0.0
    upper: float = 1.0
    log_offset: float | None = None

    @property
    def span(self) -> float | None:
        """Width of the fitted range in image values; None if it is one of logarithms."""
        return None if self.log_offset is not None else self.high - self.low

    @property
    def gain(self) -> float:
        """Network values to one unit of the image (of its logarithm)."""
        return (self.upper - self.lower) / (self.high - self.low)

    def unit(self, intensity: Intensity) -> float:
        """Return the unit in which densities are taken by the transform that this was fitted from; 1 for others."""
        return 1.0 if self.log_offset is None else self.log_offset / intensity.offset

    def forward(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return network values, float32."""
        wide = np.float64 if image.dtype.itemsize > 2 else np.float32
        values: npt.NDArray[np.floating] = np.asarray(image, dtype=wide)
        if self.log_offset is not None:
            values = np.log10(np.maximum(values, 0) + self.log_offset)
        return np.asarray((values - self.low) * self.gain + self.lower, dtype=np.float32)

    def inverse(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return image values, float64."""
        gain = (self.high - self.low) / (self.upper - self.lower)
        image = (values.astype(np.float64) - self.lower) * gain + self.low
        if self.log_offset is not None:
            # one decade above the fitted range is as far as a network may extrapolate a density
            image = 10.0 ** np.minimum(image, self.high + 1) - self.log_offset
        return np.asarray(image)


@dataclass(frozen=True)
class Intensity:
    """How a model wants its input scaled; kept on the model card.

    Parameters
    ----------
    kind
        ``percentile``: low and high are percentiles of the image; ``range``: its minimum and maximum;
        ``fixed``: low and high are image values; ``log``: they are values of log10(image + offset);
        ``standard``: low is its mean, high one standard deviation more; ``identity``: nothing is done.
    low, high
        As above.
    lower, upper
        Where low and high are mapped to. A tanh or sigmoid head needs room above and below, since it
        cannot reach its limits.
    offset
        Added before the logarithm, to densities in units of their mean.
    unit
        Of the densities whose logarithm is taken; None for what napari_sr.densities says of the image.
    """

    kind: Kind = "percentile"
    low: float = 0.5
    high: float = 99.5
    lower: float = 0.0
    upper: float = 1.0
    offset: float = field(default=2e-2)
    unit: float | None = None

    @property
    def depends_on_image(self) -> bool:
        """True if each image is scaled by its own values."""
        return self.kind in ("percentile", "range", "standard")

    def __post_init__(self) -> None:
        if self.kind not in ("identity", "range", "percentile", "fixed", "log", "standard"):
            raise ConfigError(f"intensity.kind: {self.kind!r} is not known")
        if self.kind != "range" and not self.low < self.high:
            raise ConfigError(f"intensity.low ({self.low}) must be below intensity.high ({self.high})")
        if self.kind == "percentile" and not (self.low >= 0 and self.high <= 100):
            raise ConfigError(f"intensity.low and high are percentiles, from 0 to 100, not {self.low} and {self.high}")
        if not self.lower < self.upper:
            raise ConfigError("intensity.lower must be below intensity.upper")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Intensity:
        """Build from a model card's entry; raises :class:`ConfigError` for unknown fields and wrong values."""
        return cls(**check_arguments("intensity", cls, values))

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`from_dict` takes."""
        return {name: value for name, value in asdict(self).items() if name != "unit" or value is not None}

    def fit(self, sample: npt.NDArray[Any]) -> FittedIntensity:
        """Fit to finite pixel values of the whole image (or a regular sample of it)."""
        limits = {"lower": self.lower, "upper": self.upper}
        if self.kind == "identity":
            return FittedIntensity(0.0, 1.0)
        if self.kind == "log":
            unit = density_unit(sample) if self.unit is None else self.unit
            shift = float(np.log10(unit))
            return FittedIntensity(self.low + shift, self.high + shift, log_offset=self.offset * unit, **limits)
        if self.kind == "fixed":
            return FittedIntensity(self.low, self.high, **limits)
        values = np.asarray(sample, dtype=np.float64)
        values = values[np.isfinite(values)]
        if not values.size:
            return FittedIntensity(0.0, 1.0, **limits)
        if float(np.abs(values).max()) > LARGEST / 4:  # the width of such a range would not be a number
            values = values / 4
        if self.kind == "standard":
            low = float(values.mean())
            return FittedIntensity(low, low + (float(values.std()) or 1.0), **limits)
        percentiles = (0, 100) if self.kind == "range" else (self.low, self.high)
        low, high = (float(v) for v in np.percentile(values, percentiles))
        if high <= low:  # nearly constant: the full range, and if that is empty too, any width will do
            low, high = float(values.min()), float(values.max())
        if high <= low:
            high = low + 1.0
        if not high > low:  # 1 is nothing beside large numbers
            low, high = low - 2**-20 * abs(low), low + 2**-20 * abs(low)
        return FittedIntensity(low, high, **limits)


def regular_sample(image: npt.NDArray[Any], pixels: int = SAMPLE_PIXELS) -> npt.NDArray[Any]:
    """Return every k-th pixel along the last two axes so that about ``pixels`` remain, without a full read."""
    step = regular_step((image.shape[-2], image.shape[-1]), pixels)
    return np.asarray(image[..., ::step, ::step])


def regular_step(shape: tuple[int, int], pixels: int = SAMPLE_PIXELS) -> int:
    """Return which pixel along rows and columns is taken, so that about ``pixels`` remain."""
    return max(1, int(np.ceil(np.sqrt(shape[0] * shape[1] / pixels))))
