"""In which unit a density is, and its logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: means of densities in units of the mean density: of another part of the universe, not of another unit
USUAL_MEAN = (0.2, 5.0)
#: the same of small parts: in a void, there may be next to nothing
USUAL_OF_PARTS = (1e-3, 1e3)
#: added before the logarithm
LOG_OFFSET = 2e-2


def density_unit(density: npt.NDArray[Any], usual: tuple[float, float] = USUAL_MEAN) -> float:
    """Return what densities have to be divided by to be in units of their mean: 1 if they already are.

    Simulations also give masses a volume (kg/m³, solar masses a Mpc³) or particles a cell. log10(density + 0.02) makes
    no sense of them: at a hundredth of the unit, nbody-x4 gained 10 dB less.

    Parameters
    ----------
    density
        Of any shape; pixels that are not finite do not count, negative ones as nothing.
    usual
        Means of densities that are in units of the mean.
    """
    values = np.asarray(density, dtype=np.float64)
    values = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        mean = float(np.maximum(values, 0).mean()) if values.size else 0.0
    stays = mean <= 0 or usual[0] <= mean <= usual[1] or not np.isfinite(mean)
    return 1.0 if stays else mean


def log_density(density: npt.NDArray[Any], unit: float = 1.0) -> npt.NDArray[np.float64]:
    """Return log10(density + 0.02), the field on which N-body images are compared, of densities in a ``unit``."""
    return np.asarray(np.log10(np.maximum(np.asarray(density, np.float64) / unit, 0) + LOG_OFFSET))


def own_log(density: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the logarithm of a density in its own unit."""
    return log_density(density, density_unit(density))
