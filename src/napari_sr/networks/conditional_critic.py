"""A critic that sees the LR image beside the one that it judges."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sr.errors import ConfigError
from napari_sr.networks import CRITICS
from napari_sr.networks.base import Critic
from napari_sr.networks.wgan_critic import WGANCritic


@CRITICS.register(
    "conditional-critic",
    title="Conditional critic (sees the LR image)",
    reference="conditional as Mirza & Osindero 2014, arXiv:1411.1784, and Isola et al. 2017, arXiv:1611.07004",
)
class ConditionalCritic(Critic):
    """:class:`WGANCritic` of the image and the upsampled LR image, one over the other.

    It asks whether this is what this LR image may have come from, not only whether it looks real.

    Parameters
    ----------
    in_channels, lr_channels
        Of the image, and of the LR image; as many if None.
    upsampling
        How the LR image is brought to the image's size.
    """

    min_patch = WGANCritic.min_patch
    sees_lr = True

    def __init__(
        self,
        *,
        in_channels: int = 1,
        lr_channels: int | None = None,
        num_features: int = 64,
        upsampling: Literal["nearest", "bilinear"] = "nearest",
    ) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.critic = WGANCritic(in_channels=in_channels + (lr_channels or in_channels), num_features=num_features)

    def forward(self, image: Tensor, lr: Tensor | None = None) -> Tensor:
        """Judge a batch (N, C, H, W) that came from ``lr`` (N, C', h, w); returns (N,)."""
        if lr is None:
            raise ConfigError("critic: conditional-critic judges an image beside its LR image, which was not given.")
        beside = F.interpolate(lr, size=image.shape[-2:], mode=self.upsampling)
        scores: Tensor = self.critic(torch.cat((image, beside.to(image.dtype)), dim=1))
        return scores
