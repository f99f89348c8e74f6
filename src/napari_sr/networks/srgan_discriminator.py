"""SRGAN's discriminator as published: eight convolutions and two dense layers, for patches of one size."""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.errors import ConfigError
from napari_sr.networks import CRITICS
from napari_sr.networks.base import Critic


@CRITICS.register("srgan-discriminator", title="SRGAN discriminator", reference="Ledig et al. 2017, arXiv:1609.04802")
class SRGANDiscriminator(Critic):
    """64-64-128-128-256-256-512-512, every second one with stride 2, BN after all but the first; dense 1024 and 1.

    A logit. The first dense layer sees every pixel of the last map, so that patches have one size.

    Parameters
    ----------
    patch
        Side of the HR patches; the paper's are of 96 pixels.
    """

    min_patch = 16
    min_batch = 2
    one_patch_size = True

    def __init__(self, *, in_channels: int = 1, num_features: int = 64, patch: int = 96) -> None:
        super().__init__()
        self.patch = patch
        layers: list[nn.Module] = [nn.Conv2d(in_channels, num_features, 3, padding=1), nn.LeakyReLU(0.2)]
        width, side = num_features, patch
        for number in range(1, 8):
            wider, stride = num_features * 2 ** (number // 2), 1 + number % 2
            layers += [
                nn.Conv2d(width, wider, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.LeakyReLU(0.2),
            ]
            width, side = wider, -(-side // stride)
        self.body = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(width * side**2, 16 * num_features), nn.LeakyReLU(0.2),
            nn.Linear(16 * num_features, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Judge a batch; raises :class:`ConfigError` if patches are not of the size that it was made for."""
        if (size := tuple(image.shape[-2:])) != (self.patch, self.patch):
            raise ConfigError(
                f"patch: srgan-discriminator was made for HR patches of {self.patch} × {self.patch} pixels, these have "
                f"{size[0]} × {size[1]}; set its patch to lr_patch × scale, or use vgg-discriminator, which takes any."
            )
        logits: Tensor = self.dense(self.body(image))[:, 0]  # (N,)
        return logits
