"""The module that is exported: a network with its intensities and conditions around it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from napari_sr.conditions import Condition
from napari_sr.intensity import FittedIntensity
from napari_sr.models.model import Model


class ExportGraph(nn.Module):
    """From an LR image, and perhaps conditions, to the SR image, in operations that every runtime has.

    Parameters
    ----------
    model
        Copied: it stays as it is.
    told
        Conditions that are fixed, in the user's units; None if they are an input.
    image_values
        True to take and give image values: the intensity transform is then part of the module. It must not depend on
        the image.
    """

    def __init__(self, *, model: Model, told: Mapping[str, float] | None, image_values: bool) -> None:
        super().__init__()
        network = copy.deepcopy(model.network).float().eval().requires_grad_(False)
        self.conditions: tuple[Condition, ...] = network.conditions if told is None else ()
        if told is not None and network.conditions:
            network.tell(told)
            network = network.fold_for_inference().eval().requires_grad_(False)
        network.transform_by_products()
        self.network = network
        self.fitted = fixed_intensity(model) if image_values else None

    def forward(self, lr: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Super-resolve (N, C, H, W) float32; conditions (N, number of them), in the user's units."""
        x = lr if self.fitted is None else _to_network(lr, self.fitted)
        if self.conditions:
            assert conditions is not None
            sr = self.network(x, normalised(conditions, self.conditions))
        else:
            sr = self.network(x)
        out: Tensor = sr if self.fitted is None else _to_image(sr, self.fitted)
        return out

    def example(self, shape: tuple[int, int, int]) -> tuple[Tensor, ...]:
        """Return inputs (N, C, H, W) and, where they are one, conditions, to record what is done with them."""
        count, height, width = shape
        lr = torch.rand(count, self.network.in_channels, height, width, generator=torch.Generator().manual_seed(0))
        if not self.conditions:
            return (lr,)
        return lr, torch.tensor([[c.default for c in self.conditions]]).repeat(count, 1)


def fixed_intensity(model: Model) -> FittedIntensity:
    """Return the transform of a model whose transform is the same for every image."""
    assert not model.intensity.depends_on_image
    return model.intensity.fit(np.zeros(1))


def normalised(conditions: Tensor, known: Sequence[Condition]) -> Tensor:
    """Return what the network sees of conditions (N, number) in the user's units, as ``Condition.normalised`` does."""
    columns = []
    for number, condition in enumerate(known):
        value = conditions[:, number].clamp(condition.low, condition.high)
        low, high = condition.low, condition.high
        if condition.logarithmic:
            value, low, high = value.log(), math.log(low), math.log(high)
        columns.append(2 * (value - low) / (high - low) - 1)
    return torch.stack(columns, dim=1)


def _to_network(image: Tensor, fitted: FittedIntensity) -> Tensor:
    """Return network values, as :meth:`FittedIntensity.forward` does."""
    values = image.float()
    if fitted.log_offset is not None:
        values = torch.log10(values.clamp_min(0) + fitted.log_offset)
    return (values - fitted.low) * fitted.gain + fitted.lower


def _to_image(values: Tensor, fitted: FittedIntensity) -> Tensor:
    """Return image values, as :meth:`FittedIntensity.inverse` does."""
    image = (values - fitted.lower) / fitted.gain + fitted.low
    if fitted.log_offset is None:
        return image
    return torch.exp(image.clamp_max(fitted.high + 1) * math.log(10)) - fitted.log_offset
