"""Steps that model packages ask for around a network, where they depend on no image: bioimage.io's names and formulas.

Steps that depend on the image (percentiles, mean and deviation) are the intensity transform's, which sees all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from napari_sr.errors import ConfigError


def _linear(image: Tensor, *, gain: float = 1.0, offset: float = 0.0) -> Tensor:
    return image * gain + offset


def _standardise(image: Tensor, *, mean: float, std: float, eps: float = 1e-6) -> Tensor:
    return (image - mean) / (std + eps)


def _clip(image: Tensor, *, min: float | None = None, max: float | None = None) -> Tensor:  # noqa: A002
    return image.clamp(min, max)


def _binarize(image: Tensor, *, threshold: float) -> Tensor:
    return (image > threshold).to(image.dtype)


def _sigmoid(image: Tensor) -> Tensor:
    return torch.sigmoid(image)


STEPS: Mapping[str, Callable[..., Tensor]] = {
    "scale_linear": _linear, "fixed_zero_mean_unit_variance": _standardise, "clip": _clip, "binarize": _binarize,
    "sigmoid": _sigmoid,
}  # fmt: skip


def apply_steps(image: Tensor, steps: Sequence[Mapping[str, Any]]) -> Tensor:
    """Apply steps ``{"name": ..., its settings}`` one after another; raises :class:`ConfigError` for unknown ones."""
    for step in steps:
        settings = {name: value for name, value in step.items() if name != "name"}
        try:
            image = STEPS[step["name"]](image, **settings)
        except (KeyError, TypeError) as error:
            raise ConfigError(f"step {dict(step)!r} around the network is not known ({error}).") from None
    return image
