"""Whether an exported file computes what napari-sr computes, at other sizes than the one that was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.conditions import normalised
from napari_sr.models.export.graph import ExportGraph, fixed_intensity
from napari_sr.models.model import Model

#: largest deviation from napari-sr, as a share of the range of the network's values
TOLERANCE = 1e-4
#: (N, H, W) that an export is recorded with, and those that it is tested with
RECORDED = (2, 12, 16)
TESTED = ((1, 16, 24), (2, 21, 13))

#: takes the input arrays, returns the SR image
Runner = Callable[..., npt.NDArray[np.float32]]


def deviation(
    run: Runner, model: Model, graph: ExportGraph, *, told: dict[str, float] | None, tile: int | None = None
) -> float:
    """Return the largest difference between an exported file and the model, as a share of the range.

    Parameters
    ----------
    run
        The exported file, in the runtime that others would use.
    model
        The reference: its own network, intensity transform and conditions, not those of ``graph``.
    graph
        What was exported: says which inputs the file takes.
    told
        Conditions that were fixed.
    tile
        The only side that the file takes; None for any size.
    """
    rng = np.random.default_rng(0)
    span = model.intensity.upper - model.intensity.lower
    worst = 0.0
    for count, height, width in TESTED if tile is None else ((1, tile, tile),):
        values = _random(rng, (count, model.card.in_channels, height, width), model)
        conditions = [{c.name: float(rng.uniform(c.low, c.high)) for c in graph.conditions} for _ in range(count)]
        expected = _expected(model, values, told if told is not None else conditions)
        inputs = [values]
        if graph.fitted is not None:
            inputs = [graph.fitted.inverse(values).astype(np.float32)]
        if graph.conditions:
            inputs.append(np.array([list(c.values()) for c in conditions], np.float32))
        found = run(*inputs)
        if graph.fitted is not None:
            fitted = fixed_intensity(model)  # compare what the network sees: densities span decades
            found, expected = fitted.forward(found), fitted.forward(fitted.inverse(expected))
        worst = max(worst, float(np.abs(found - expected).max()) / span)
    return worst


def _random(rng: np.random.Generator, shape: tuple[int, ...], model: Model) -> npt.NDArray[np.float32]:
    """Return network values."""
    return rng.uniform(model.intensity.lower, model.intensity.upper, shape).astype(np.float32)


def _expected(
    model: Model, values: npt.NDArray[np.float32], told: dict[str, float] | list[dict[str, float]]
) -> npt.NDArray[np.float32]:
    """Return what napari-sr makes of network values."""
    network = model.network.float()
    extra: tuple[torch.Tensor, ...] = ()
    known = network.conditions
    if known:
        each = [told] * len(values) if isinstance(told, dict) else told
        extra = (torch.tensor([normalised(known, one) for one in each]),)
    with torch.inference_mode():
        sr: Any = network(torch.from_numpy(values), *extra)
    return np.asarray(sr.numpy(), np.float32)
