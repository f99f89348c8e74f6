"""SinGAN's critic: five convolutions that see 11 pixels, one value a patch."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.networks import CRITICS
from napari_sr.networks.base import Critic


@CRITICS.register("singan-critic", title="SinGAN critic (patches)", reference="Shaham et al. 2019, arXiv:1905.01164")
class SinGANCritic(Critic):
    """(conv - BN - LeakyReLU) four times - conv, without padding: a value for every patch of 11 x 11 pixels."""

    min_patch = 11

    def __init__(self, *, in_channels: int = 1, num_features: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(4):
            layers += [
                nn.Conv2d(num_features if number else in_channels, num_features, 3),
                nn.BatchNorm2d(num_features),
                nn.LeakyReLU(0.2),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(num_features, 1, 3))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, mean=1.0, std=0.02)

    def forward(self, image: Tensor) -> Tensor:
        values: Tensor = self.body(image)[:, 0]  # (N, H - 10, W - 10)
        return values
