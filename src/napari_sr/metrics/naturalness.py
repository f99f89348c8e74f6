"""NIQE: how far the statistics of small patches are from those of a set of sharp images, without a reference.

Mittal et al. 2013, doi:10.1109/LSP.2012.2227726. The published model was fitted on photographs; here it is fitted on
images of the user's own kind, since the scale of the other is off on micrographs. The second scale is made by block
means rather than bicubic interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d
from scipy.special import gamma

from napari_sr.errors import ImageError

#: where the shipped models lie
FOLDER = Path(__file__).parents[1] / "sample_models"
#: side of the patches of the full image; the second scale has half of it
PATCH = 96
#: patches whose sharpness is below this share of the sharpest one's do not enter the fit
SHARP = 0.75
#: fewest patches that a covariance of 36 features can be fitted on
FEWEST = 40
#: shapes of the generalised Gaussian that are looked up
SHAPES = np.arange(0.2, 10.001, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NaturalModel:
    """Mean and covariance of the 36 features over the patches of reference images."""

    mean: Array
    covariance: Array
    patches: int

    def save(self, path: Path) -> None:
        """Write to a ``.npz`` file."""
        np.savez(path, mean=self.mean, covariance=self.covariance, patches=self.patches)

    @classmethod
    def load(cls, path: Path) -> NaturalModel:
        """Read what :meth:`save` wrote; raises :class:`ImageError` if it is something else."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(file["mean"], file["covariance"], int(file["patches"]))
        except (OSError, ValueError, KeyError) as error:
            raise ImageError(f"{path.name} is no NIQE model ({error}).") from None


def shipped_model(kind: str) -> NaturalModel:
    """Return the model that comes with the package: ``EM`` or ``N-body`` (of log10(density + 0.02)).

    Raises
    ------
    ImageError
        If there is none for this kind; fit one on sharp images of your own.
    """
    path = FOLDER / f"niqe-{kind.lower()}.npz"
    if not path.exists():
        raise ImageError(f"There is no NIQE model for images of kind {kind!r}. Fit one on sharp images of that kind.")
    return NaturalModel.load(path)


def normalised(image: npt.NDArray[Any], constant: float) -> tuple[Array, Array]:
    """Return (I - μ) / (σ + constant) and σ, with μ and σ over a Gaussian window of 7 pixels, σ_w = 7/6."""
    values = np.asarray(image, dtype=np.float64)
    offsets = np.arange(-3, 4)
    kernel = np.exp(-(offsets**2) / (2 * (7 / 6) ** 2))
    kernel /= kernel.sum()

    def blurred(field: Array) -> Array:
        return np.asarray(
            correlate1d(correlate1d(field, kernel, axis=0, mode="nearest"), kernel, axis=1, mode="nearest")
        )

    mean = blurred(values)
    deviation = np.sqrt(np.abs(blurred(values**2) - mean**2))
    return (values - mean) / (deviation + constant), deviation


def asymmetric_gaussian(values: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Return shape α and the two scales β of the asymmetric generalised Gaussian, by moment matching.

    p(x) ∝ exp(-(|x| / β)^α), with β_left for x < 0 and β_right for x > 0 (Lasmar et al. 2009).
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    left, right = (np.sqrt(np.mean(part**2)) if part.size else 0.0 for part in (x[x < 0], x[x > 0]))
    if left == 0 or right == 0:
        return 10.0, 0.0, 0.0
    ratio = left / right
    moments = np.mean(np.abs(x)) ** 2 / np.mean(x**2)
    wanted = moments * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = float(SHAPES[np.argmin((RATIOS - wanted) ** 2)])
    factor = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, float(left * factor), float(right * factor)


def _features(patch: Array) -> Array:
    """Return the 18 features of one normalised patch: its own, and those of products of neighbours."""
    shape, left, right = asymmetric_gaussian(patch)
    found = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = asymmetric_gaussian(patch * np.roll(patch, shift, axis=(0, 1)))
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape) if left or right else 0.0
        found += [shape, float(mean), left, right]
    return np.array(found)


def patch_features(image: npt.NDArray[Any], *, data_range: float, patch: int = PATCH) -> tuple[Array, Array]:
    """Return the 36 features of every patch, and its sharpness.

    Parameters
    ----------
    image
        2-D image.
    data_range
        Span of its values; they are brought to [0, 255], for which the published constant 1 holds.
    patch
        Side of the patches.

    Raises
    ------
    ImageError
        If the image is smaller than a patch.
    """
    height, width = (n // patch * patch for n in image.shape)
    if min(height, width) < patch:
        raise ImageError(f"NIQE needs at least {patch} pixels a side, not {image.shape}.")
    values = np.asarray(image, dtype=np.float64)[:height, :width] * (255 / data_range)
    half = values.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    columns: list[Array] = []
    sharpness = np.zeros(0)
    for scale, side in ((values, patch), (half, patch // 2)):
        field, deviation = normalised(scale, 1.0)
        columns.append(np.array([_features(part) for part in _patches(field, side)]))
        if side == patch:
            sharpness = np.array([part.mean() for part in _patches(deviation, side)])
    return np.hstack(columns), sharpness


def _patches(image: Array, side: int) -> list[Array]:
    rows, columns = (n // side for n in image.shape)
    return [image[r * side : (r + 1) * side, c * side : (c + 1) * side] for r in range(rows) for c in range(columns)]


def fit_naturalness(images: Sequence[npt.NDArray[Any]], *, data_range: float, patch: int = PATCH) -> NaturalModel:
    """Fit the model on sharp reference images; of each, the patches at least 0.75 times as sharp as its sharpest.

    Raises
    ------
    ImageError
        If they have fewer than 40 such patches.
    """
    chosen = []
    for image in images:
        features, sharpness = patch_features(image, data_range=data_range, patch=patch)
        chosen.append(features[sharpness >= SHARP * sharpness.max()])
    together = np.vstack(chosen)
    if len(together) < FEWEST:
        raise ImageError(
            f"These images have {len(together)} sharp patches of {patch} pixels; a NIQE model needs {FEWEST}. "
            "Add images."
        )
    return NaturalModel(together.mean(axis=0), np.cov(together, rowvar=False), len(together))


def niqe(image: npt.NDArray[Any], model: NaturalModel, *, data_range: float, patch: int = PATCH) -> float:
    """Return the distance of an image's patches from the model; 0 at best.

    D = √((m₁ - m₂)ᵀ ((C₁ + C₂) / 2)⁻¹ (m₁ - m₂)) of the means m and covariances C of the features. An image that is
    close may still be wrong: nothing is compared with the truth.
    """
    features, _ = patch_features(image, data_range=data_range, patch=patch)
    covariance = np.cov(features, rowvar=False) if len(features) > 1 else np.zeros_like(model.covariance)
    difference = features.mean(axis=0) - model.mean
    inverse = np.linalg.pinv((covariance + model.covariance) / 2)
    return float(np.sqrt(difference @ inverse @ difference))
