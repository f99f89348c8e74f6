"""The WGAN-GP thesis's critic: strided convolutions with instance norm, one unbounded value an image."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.networks import CRITICS
from napari_sr.networks.base import Critic


@CRITICS.register(
    "wgan-critic",
    title="WGAN critic",
    reference="thesis of 2021 on WGAN-GP super-resolution; Gulrajani et al. 2017, arXiv:1704.00028",
)
class WGANCritic(Critic):
    """conv 3x3, stride 2, 1-64-128-256-512-1, instance norm and LeakyReLU in between; the mean of the last map.

    1 554 433 parameters. Instance norm keeps the images of a batch apart, as the gradient penalty needs; after
    the last convolution it would zero the mean and make the critic constant.
    """

    min_patch = 32

    def __init__(self, *, in_channels: int = 1, num_features: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for factor in (1, 2, 4, 8):
            layers += [
                nn.Conv2d(width, num_features * factor, 3, stride=2, padding=1),
                nn.InstanceNorm2d(num_features * factor),
                nn.LeakyReLU(0.2),
            ]
            width = num_features * factor
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, stride=2, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.body(image).mean(dim=(1, 2, 3))  # (N,)
        return scores
