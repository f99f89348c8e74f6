"""Showing densities on a logarithmic scale without touching the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: added before the logarithm, as in the models' intensity transform
OFFSET = 2e-2
#: napari applies the gamma before the colour map; it spreads the low densities over the map's table
GAMMA = 0.2
CONTROLS = 256


def density_colormap(density: npt.NDArray[Any], name: str = "magma") -> dict[str, Any]:
    """Return ``colormap``, ``gamma`` and ``contrast_limits`` that show log10(density + 0.02).

    The layer keeps its densities. With limits [0, m] the shader computes x = (d / m)^gamma; the colour at x
    is the one that the plain map has at the logarithm's share of its range, so the colours are exactly
    logarithmic.
    """
    from napari.utils.colormaps import Colormap, ensure_colormap

    high = max(float(np.nanpercentile(density, 99.99)), 1e-3)
    x = np.linspace(0, 1, CONTROLS)
    values = high * x ** (1 / GAMMA)
    low_log, high_log = np.log10(OFFSET), np.log10(high + OFFSET)
    share = (np.log10(values + OFFSET) - low_log) / (high_log - low_log)
    colors = ensure_colormap(name).map(share)
    return {
        "colormap": Colormap(colors=colors, controls=x, name=f"{name} (log)"),
        "gamma": GAMMA,
        "contrast_limits": [0.0, high],
    }


#: pint's names of units whose short ones mean something else there
PINT = {"pt": "point", "in": "inch", "d": "day", "h": "hour", "min": "minute", "pc": "parsec", "Å": "angstrom"}


def register_units(unit: str) -> str:
    """Return a unit as napari understands it; ``pixel`` for what it does not, which must not cost the image.

    Mpc/h is made known to its unit registry.
    """
    import pint

    registry = pint.get_application_registry()
    if unit == "Mpc/h":
        if "megaparsec_per_h" not in registry:
            # comoving distances for h = 0.6766; in pint's own tongue "h" would be an hour
            registry.define("megaparsec_per_h = 1.478 * megaparsec = Mpc_h")
        return "megaparsec_per_h"
    name = PINT.get(unit, unit)
    try:
        known = registry.Unit(name)
    except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError, TypeError, AttributeError):
        return "pixel"
    placed = known.is_compatible_with("meter") or known.is_compatible_with("second")
    return name if placed and name else "pixel"
