"""SRGAN's and ESRGAN's discriminator: VGG-like blocks with batch norm, then two dense layers."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.networks import CRITICS
from napari_sr.networks.base import Critic


@CRITICS.register("vgg-discriminator", title="VGG-style discriminator", reference="Ledig et al. 2017, arXiv:1609.04802")
class VGGDiscriminator(Critic):
    """Pairs of convolutions, the second with stride 2, 64-128-256-512-512; dense 100 and 1; a logit.

    Made for patches of 128 pixels, whose last map is 4 x 4; others are averaged to that size.
    """

    min_patch = 32
    min_batch = 2

    def __init__(self, *, in_channels: int = 1, num_features: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, num_features, 3, padding=1), nn.LeakyReLU(0.2)]
        width = num_features
        for number, factor in enumerate((1, 2, 4, 8, 8)):
            wider = num_features * factor
            if number:
                layers += [nn.Conv2d(width, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider), nn.LeakyReLU(0.2)]
            layers += [
                nn.Conv2d(wider, wider, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.LeakyReLU(0.2),
            ]
            width = wider
        self.body = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(width * 16, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.dense(self.body(image))[:, 0]  # (N,)
        return logits
