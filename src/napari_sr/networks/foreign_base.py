"""What networks of other programs have in common: colours, sizes that they take, and steps before and after them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sr.errors import SRError
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.foreign_steps import apply_steps


@dataclass(frozen=True)
class Around:
    """What a foreign network needs around it.

    Attributes
    ----------
    channels
        That the network itself takes.
    reach
        How far an output pixel sees, in LR pixels, as far as it matters; None if that has no end, or depends on where
        a tile begins.
    minimum, step
        Sides that it takes, in LR pixels: the smallest, and any number of steps more. Others are continued by their
        border, and the result is cut.
    fixed
        Height and width, where it takes no others; smaller tiles are continued.
    before, after
        Steps as :func:`napari_sr.networks.foreign_steps.apply_steps` takes them.
    """

    channels: int = 1
    reach: int | None = None
    minimum: int = 1
    step: int = 1
    fixed: Sequence[int] = ()
    before: Sequence[Mapping[str, Any]] = ()
    after: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what is not as usual, for a model card."""
        usual = Around()
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(usual, f.name)}


class ForeignNetwork(SRNetwork):
    """A network that is kept as it is, for images of one channel.

    A network of several colours sees the same image in all of them, and the mean of what it makes of them is the
    result. The mean, not luma: a microscope's image has no colours that an eye weighs, and of all weights that sum to
    one, equal ones leave the least of errors that are independent from colour to colour.

    Parameters
    ----------
    scale, in_channels, out_channels
        As every network's; the channels are 1.
    around
        Fields of :class:`Around`.
    """

    scales = (1, 2, 3, 4, 5, 6, 7, 8)
    foreign: ClassVar[bool] = True
    full_precision = True  # what it loses in less is not known

    def __init__(
        self, *, scale: int, in_channels: int = 1, out_channels: int = 1, around: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.around = Around(**(around or {}))
        self.pools_tile = self.around.reach is None

    @property
    def halo(self) -> int:
        return self.around.reach or 0

    @abstractmethod
    def run(self, image: Tensor) -> Tensor:
        """Compute (N, colours, H * scale, W * scale) of (N, channels, H, W), float32."""

    def forward(self, lr: Tensor) -> Tensor:
        height, width = lr.shape[-2:]
        image = apply_steps(lr.float(), self.around.before).expand(-1, self.around.channels, -1, -1)
        more = [side - own for side, own in zip(self._sides(height, width), (height, width), strict=True)]
        if any(more):  # replicate padding needs no minimum size, unlike reflection
            image = F.pad(image, (0, more[1], 0, more[0]), mode="replicate")
        with torch.autocast(lr.device.type, enabled=False):
            sr = self.run(image.contiguous())
        sr = sr[..., : height * self.scale, : width * self.scale].float()
        if sr.shape[-2:] != (height * self.scale, width * self.scale):
            raise SRError(
                f"The model made {sr.shape[-2]} x {sr.shape[-1]} pixels of {height} x {width}: it does not upscale by "
                f"{self.scale} at every size. Set another tile size."
            )
        return apply_steps(sr.mean(dim=1, keepdim=True), self.around.after)

    def _sides(self, height: int, width: int) -> tuple[int, int]:
        """Return the sides that the network is given."""
        if self.around.fixed:
            if height > self.around.fixed[0] or width > self.around.fixed[1]:
                raise SRError(
                    f"This model takes tiles of {self.around.fixed[0]} x {self.around.fixed[1]} pixels, no larger ones "
                    f"({height} x {width}). Set the tile size to auto, or to {min(self.around.fixed)}."
                )
            return self.around.fixed[0], self.around.fixed[1]
        least, step = self.around.minimum, self.around.step
        first, second = (least + -(-max(n - least, 0) // step) * step for n in (height, width))
        return first, second
