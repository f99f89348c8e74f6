"""The measured halo of networks whose reach is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_models import make_model

from napari_sr.errors import ImageError
from napari_sr.inference.measured_halo import TOLERANCES, halo_errors, measure_halo
from napari_sr.models.model import Model
from napari_sr.networks.base import SRNetwork


class Blur(SRNetwork):
    """A mean over (2 reach + 1)^2 pixels, said to reach further than it does."""

    scales = (2,)
    name = "blur"

    def __init__(self, reach: int, strength: float = 1.0) -> None:
        super().__init__(scale=2, in_channels=1, out_channels=1)
        self.reach, self.strength = reach, strength

    @property
    def halo(self) -> int:
        return 20

    def forward(self, lr):
        side = 2 * self.reach + 1
        mean = F.conv2d(lr, torch.full((1, 1, side, side), 1 / side**2), padding=self.reach)
        return F.interpolate(lr + self.strength * (mean - lr), scale_factor=2, mode="nearest")


def as_model(network) -> Model:
    return Model(network=network, card=replace(make_model().card, scale=2))


@pytest.mark.parametrize("reach", [0, 1, 5, 13, 20])
def test_it_is_the_reach_of_the_network(reach, rng):
    halo = measure_halo(as_model(Blur(reach)), rng.random((60, 70)).astype(np.float32))
    assert halo == {"fp32": reach, "low": reach}


def test_low_precision_needs_less_context_where_the_rim_counts_little(rng):
    model = as_model(Blur(6, strength=0.002))  # never moves a pixel by more than 0.2 % of the range
    lr = rng.random((60, 70)).astype(np.float32)
    assert measure_halo(model, lr) == {"fp32": 6, "low": 0}
    errors = halo_errors(model, lr, [0, 5, 6])
    assert errors[0] <= TOLERANCES["low"]
    assert errors[5] > TOLERANCES["fp32"] >= errors[6]


def test_an_image_too_small_to_tell_is_said(rng):
    with pytest.raises(ImageError, match="too small"):
        measure_halo(as_model(Blur(3)), rng.random((40, 40)).astype(np.float32))
