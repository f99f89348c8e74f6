"""Real-ESRGAN's discriminator: a U-Net with spectral normalisation, one logit a pixel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from napari_sr.networks import CRITICS
from napari_sr.networks.base import Critic


@CRITICS.register(
    "unet-discriminator",
    title="U-Net discriminator (Real-ESRGAN)",
    reference="Wang et al. 2021, arXiv:2107.10833; Schönfeld et al. 2020, arXiv:2002.12655",
)
class UNetDiscriminator(Critic):
    """Three times down by convolutions 4x4, three times up bilinearly, skips added; a map of logits.

    4 376 897 parameters with three colours. All convolutions but the first and the last are divided by their largest
    singular value (Miyato et al. 2018, arXiv:1802.05957).
    """

    min_patch = 8

    def __init__(self, *, in_channels: int = 1, num_features: int = 64) -> None:
        super().__init__()
        f = num_features
        self.first = nn.Conv2d(in_channels, f, 3, padding=1)
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(f * 2**i, f * 2 ** (i + 1), 4, stride=2, padding=1, bias=False)) for i in range(3)
        )
        self.up = nn.ModuleList(
            spectral_norm(nn.Conv2d(f * 2 ** (i + 1), f * 2**i, 3, padding=1, bias=False)) for i in (2, 1, 0)
        )
        self.after = nn.ModuleList(spectral_norm(nn.Conv2d(f, f, 3, padding=1, bias=False)) for _ in range(2))
        self.last = nn.Conv2d(f, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(image), 0.2)
        skips = []
        for layer in self.down:
            skips.append(x)
            x = F.leaky_relu(layer(x), 0.2)
        for layer, skip in zip(self.up, reversed(skips), strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(x), 0.2) + skip
        for layer in self.after:
            x = F.leaky_relu(layer(x), 0.2)
        logits: Tensor = self.last(x)[:, 0]  # (N, H, W)
        return logits
