"""RRDBNet for small factors: it works on pixels that are gathered first (Real-ESRGAN's x2 and x1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.blocks import Head
from napari_sr.networks.rrdb import RRDBNet


@NETWORKS.register(
    "rrdb-unshuffled",
    title="RRDBNet on gathered pixels (Real-ESRGAN ×2)",
    reference="Wang et al. 2021, arXiv:2107.10833",
)
class UnshuffledRRDBNet(SRNetwork):
    """Squares of 4 / scale pixels become channels (Shi et al. 2016, arXiv:1609.05158, backwards), then RRDBNet x4.

    Which pixels share a square depends on where a tile begins, so tiles differ from the whole image, as those of a
    network that pools do. Sides that are no multiple of a square's are continued by their border.
    """

    scales = (1, 2)
    pools_tile = True

    def __init__(
        self,
        *,
        scale: int,
        in_channels: int = 1,
        out_channels: int = 1,
        num_features: int = 64,
        num_blocks: int = 23,
        growth: int = 32,
        head: Head = "linear",
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.side = 4 // scale
        self.body = RRDBNet(
            scale=4, in_channels=in_channels * self.side**2, out_channels=out_channels, num_features=num_features,
            num_blocks=num_blocks, growth=growth, head=head,
        )  # fmt: skip

    @property
    def halo(self) -> int:
        return (self.body.halo + 1) * self.side - 1

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        padded = F.pad(lr, (0, -width % self.side, 0, -height % self.side), mode="replicate")
        sr: Tensor = self.body(F.pixel_unshuffle(padded, self.side))
        return sr[..., : height * self.scale, : width * self.scale]
