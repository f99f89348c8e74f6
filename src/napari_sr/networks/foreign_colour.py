"""One of our networks with weights for colour images, where these cannot be folded into weights for one channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from napari_sr.errors import ConfigError
from napari_sr.networks import NETWORKS, create_network
from napari_sr.networks.foreign_base import Around, ForeignNetwork


@NETWORKS.register("colour", title="Network for colour images, on one channel")
class ColourNetwork(ForeignNetwork):
    """The mean over colours of what a network makes of the same image in all of them.

    Where a network is linear at both ends, folding its weights gives the same at a third of the memory. It is not where
    a tanh comes last, or where each colour's own mean is taken off before the first convolution, whose border is zero.

    Parameters
    ----------
    network, settings
        Name in :data:`NETWORKS`, and hyper-parameters beside the scale.
    scale, in_channels, out_channels
        As in :class:`ForeignNetwork`.
    """

    def __init__(
        self, *, scale: int, network: str, settings: Mapping[str, Any], in_channels: int = 1, out_channels: int = 1
    ) -> None:
        if network not in NETWORKS or NETWORKS[network].foreign:
            raise ConfigError(f"network: {network!r} cannot stand inside another one")
        body = create_network(network, **{**settings, "scale": scale})
        around = Around(channels=body.in_channels, reach=None if body.pools_tile else max(body.halo, 1))
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels, around=around.to_dict())
        self.body, self.localises, self.grid = body, body.localises, body.grid

    def localise(self, patch: int) -> None:
        self.body.localise(patch)
        self.grid = self.body.grid

    def run(self, image: Tensor) -> Tensor:
        out: Tensor = self.body(image)
        return out
