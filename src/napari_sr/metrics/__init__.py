"""Metrics: pure functions (pred, target, *, data_range) -> float, found by name in :data:`METRICS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.registry import Registry

__all__ = ["METRICS", "Metric", "Spec", "check_pair"]


class Metric(Protocol):
    """A figure of merit of ``pred`` against ``target``; None where it is not defined."""

    def __call__(self, pred: npt.NDArray[Any], target: npt.NDArray[Any], *, data_range: float) -> float | None: ...


@dataclass(frozen=True)
class Spec:
    """A metric and how to read it.

    ``per_pixel`` ones can leave pixels out; ``local`` ones leave out windows that hold a pixel which is not finite.
    """

    function: Metric
    higher_is_better: bool
    unit: str = ""
    digits: int = 4
    per_pixel: bool = False
    local: bool = False


METRICS: Registry[Spec] = Registry(kind="metric", package="napari_sr.metrics")


def check_pair(pred: npt.NDArray[Any], target: npt.NDArray[Any], data_range: float) -> None:
    """Refuse images that differ in shape and a data range that the target's own values exceed."""
    if pred.shape != target.shape:
        raise ImageError(f"The images differ in shape: {pred.shape} and {target.shape}.")
    if not data_range > 0:
        raise ImageError(f"data_range must be positive, not {data_range}.")
    values = target[np.isfinite(target)] if target.dtype.kind == "f" else target
    if not values.size:
        raise ImageError("The reference has no finite values: there is nothing to compare with.")
    observed = float(values.max()) - float(values.min())
    if observed > data_range * (1 + 1e-9):
        raise ImageError(
            f"data_range {data_range:g} is smaller than the range of the target, {observed:g}; "
            "PSNR and SSIM would look better than they are."
        )
