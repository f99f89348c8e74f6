"""What every network has in common: a scale, channels, and the facts that tiling needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from napari_sr.conditions import Condition


class SRNetwork(nn.Module, ABC):
    """A network that turns ``lr`` (N, C, H, W) into ``sr`` (N, C', H * scale, W * scale).

    Sub-classes have keyword-only constructors, call ``super().__init__`` with the three facts below,
    and say how far an output pixel sees.
    """

    #: upscaling factors the architecture allows
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    #: True if a statistic over the whole input enters (global pooling), or something is counted from its corner
    #: (windows): tiles then differ from the whole image however large the overlap is
    pools_tile: bool = False
    #: True if :meth:`localise` lets what is pooled over the tile be pooled over the surroundings of each pixel
    localises: bool = False
    #: True if what it scales channels by can be fixed for a whole image, which leaves it with a finite reach:
    #: :func:`napari_sr.networks.channel_attention.fix_channels`
    fixes: bool = False
    #: sides of a training patch that a tile may have where a statistic over the tile enters: measured, as that which
    #: costs no PSNR
    patches_a_tile: ClassVar[int] = 1
    #: True for one that loses more than 0.02 dB of PSNR where all its sums are rounded to bfloat16: not computed by a
    #: library that does so, and in fp16 on a GPU
    rounds_badly: ClassVar[bool] = False
    #: True if what its first convolution sees is computed from the image, by interpolation or a shift of its values: a
    #: library that rounds every number rounds that, too (:class:`napari_sr.networks.image_conv.ImageConv`)
    computes_first: bool = False
    #: tiles begin at multiples of so many LR pixels: what is counted from their corner is then the same in all of them
    grid: int = 1
    #: False for fixed interpolations, which have nothing to train
    trainable: ClassVar[bool] = True
    #: True for one that holds a model of another program: built from its own weights, and never trained here
    foreign: ClassVar[bool] = False
    #: False for one that another program's library computes: there is nothing here to write for others
    exportable: ClassVar[bool] = True
    #: True for one whose weights hold program code, which runs only where the user has allowed it
    runs_code: ClassVar[bool] = False
    #: True for a linear filter, which learns no structure: it is fitted in closed form, and nothing goes on from it
    linear: ClassVar[bool] = False
    #: True for a network, or a part of one, that is computed in float32 whatever the rest runs in
    full_precision: ClassVar[bool] = False
    #: how a network, or a part of one, is fitted to the training images before the first step: ``filter`` or ``bank``
    #: (see :func:`napari_sr.training.start.start_filters`); empty if it starts from random weights
    fitted_as: ClassVar[str] = ""
    #: what it can be told of an image; a network with conditions takes them as ``forward(lr, conditions)``, (N, number
    #: of conditions), normalised, or as :meth:`tell` has fixed them
    conditions: ClassVar[tuple[Condition, ...]] = ()

    name: str
    hyper_parameters: dict[str, Any]

    def __init__(self, *, scale: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.scale = scale
        self.in_channels = in_channels
        self.out_channels = out_channels

    @property
    @abstractmethod
    def halo(self) -> int:
        """Radius of the receptive field in LR pixels: an output pixel depends on no LR pixel further away."""

    def make_room(self, state: Mapping[str, Tensor]) -> None:
        """Become the network that a state dict belongs to, where hyper-parameters alone do not say which that is.

        Called before weights are loaded. Raises :class:`napari_sr.errors.ModelError` if that cannot be.
        """

    def tell(self, values: Mapping[str, float]) -> None:
        """Fix what the image suffers from, by names of :attr:`conditions`; defaults where one is missing."""

    def localise(self, patch: int) -> None:
        """Pool over a window of ``patch`` LR pixels about each pixel from now on, not over the whole tile.

        A network has learnt what means over a training patch say; those over a larger tile say something else, and
        those of two tiles differ (Chu et al. 2022, arXiv:2112.04491). Does nothing unless :attr:`localises`.
        """

    def learnt(self, lr: Tensor) -> Tensor:
        """Return what is learnt: the output, but for what :meth:`linear_part` adds to it."""
        out: Tensor = self(lr)
        return out

    def linear_part(self, lr: Tensor) -> Tensor | None:
        """Return what is added to :meth:`learnt`, in float32 whatever that is computed in; None if nothing is."""
        return None

    def transform_by_products(self) -> None:
        """Compute Fourier transforms by products of matrices from now on, which every library has, and fast."""

    def fold_for_inference(self) -> SRNetwork:
        """Return a network that computes the same numbers with less memory traffic.

        May replace parts of ``self``, but changes no numbers in place: others may share them.
        """
        return self

    def parameter_count(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @abstractmethod
    def forward(self, lr: Tensor) -> Tensor:
        """Super-resolve a batch."""


class Critic(nn.Module, ABC):
    """Judges images: one number an image or a place, higher for what looks real.

    A critic (Wasserstein) has no bounds; the number of a discriminator is a logit. Losses are means over all numbers.
    """

    #: smallest side of a patch that it can judge
    min_patch: ClassVar[int] = 1
    #: fewest patches at a time: batch norm needs two
    min_batch: ClassVar[int] = 1
    #: True if it is built for patches of one size, as ``patch=`` the side in HR pixels
    one_patch_size: ClassVar[bool] = False
    #: True if it judges an image beside the LR image that it came from: ``forward(image, lr)``
    sees_lr: ClassVar[bool] = False

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Judge a batch (N, C, H, W); returns (N,), or a map (N, H', W') of what it thinks of each place."""
