"""DRCN: one convolution applied sixteen times, and a weighted mean of what each time predicts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import OutputHead, bicubic, bicubic_reach, conv, same_channels
from napari_sr.networks.image_conv import image_conv


@NETWORKS.register("drcn", title="DRCN (deeply recursive)", reference="Kim et al. 2016, arXiv:1511.04491")
class DRCN(SRNetwork):
    """Embed the bicubic image with two convolutions, recur, reconstruct with two more; about 1.77 M parameters.

    With H_0 the embedding, H_d = ReLU(conv(H_{d-1})) and y_d = x + reconstruct(H_d), the output is the sum of
    w_d y_d. The convolution of the recursion and the two of the reconstruction are shared by all d.

    Parameters
    ----------
    num_features, num_blocks
        Width, and recursions.
    """

    scales = (2, 3, 4, 8)
    computes_first = True

    def __init__(
        self, *, scale: int, in_channels: int = 1, out_channels: int = 1, num_features: int = 256, num_blocks: int = 16
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        same_channels(in_channels, out_channels)
        self.num_blocks = num_blocks
        self.first = image_conv(in_channels, num_features)
        self.embed = conv(num_features, num_features)
        self.recursion = conv(num_features, num_features)
        self.reconstruct = conv(num_features, num_features)
        self.last = OutputHead(in_channels=num_features, out_channels=out_channels, kernel_size=3, activation="linear")
        self.weights = nn.Parameter(torch.full((num_blocks,), 1 / num_blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        # as the paper: what recurs starts as the identity, so that sixteen times of it neither grow nor vanish
        nn.init.dirac_(self.recursion.weight)

    @property
    def halo(self) -> int:
        return bicubic_reach(self.num_blocks + 4, self.scale)

    def forward(self, lr: Tensor) -> Tensor:
        every = self.predictions(lr)
        return torch.einsum("d,dnchw->nchw", self.weights.to(every.dtype), every)

    def predictions(self, lr: Tensor) -> Tensor:
        """Return what each recursion predicts, (recursions, N, C, H * scale, W * scale).

        The paper supervises all of them while it trains (eq. 8); recipes here, the output alone.
        """
        image = bicubic(lr, self.scale)
        hidden = F.relu(self.embed(F.relu(self.first(image))))
        every = []
        for _ in range(self.num_blocks):
            hidden = F.relu(self.recursion(hidden))
            every.append(image + self.last(F.relu(self.reconstruct(hidden))))
        return torch.stack(every)
