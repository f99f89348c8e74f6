"""Convolutions of the processor's library with what follows them, activation or sum, computed in the same pass.

A residual block reads and writes its features six times otherwise: that took a quarter of the time of em-x4. The
operators are those that torch's compiler puts into compiled networks (oneDNN's post-operations). They are not part of
its public interface, so it is tried once whether they are there and give the same numbers; if not, everything stays as
it is.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: difference from the same in two steps, as a share of the largest number, by precision
CLOSE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


class Fusible(Protocol):
    """A part of a network that knows what it is with its convolutions fused."""

    def fused(self) -> nn.Module:
        """Return what computes the same; itself if that is not possible."""
        ...


class _WithWeights(nn.Conv2d):
    """A convolution that takes the weights of another one."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__(**like(layer))
        self.weight, self.bias = layer.weight, layer.bias

    def reset_parameters(self) -> None:
        """Draw no weights: for the four hundred convolutions of an RCAN, that takes as long as a tile."""


class ConvActivated(_WithWeights):
    """A convolution and its activation: a ReLU of one slope below zero, or a GELU."""

    def __init__(self, layer: nn.Conv2d, activation: nn.Module) -> None:
        super().__init__(layer)
        self.kind, self.numbers, self.algorithm = _named(activation)

    def forward(self, x: Tensor) -> Tensor:
        if _in_steps(x):
            y = super().forward(x)
            return F.gelu(y) if self.kind == "gelu" else F.leaky_relu(y, sum(self.numbers))
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups,
            self.kind, self.numbers, self.algorithm,
        )  # fmt: skip
        return out


class ConvPlus(_WithWeights):
    """A convolution, plus another image of its size.

    Attributes
    ----------
    overwrites
        True if the sum may take the place of that other image, as nobody reads it afterwards.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__(layer)
        self.overwrites = False

    def forward(self, x: Tensor, other: Tensor) -> Tensor:  # type: ignore[override]
        if _in_steps(x):
            return other + super().forward(x)
        settings = self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        if self.overwrites:
            out: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
                other, x, *settings, "add", 1.0, None, [], None
            )
        else:
            out = torch.ops.mkldnn._convolution_pointwise.binary(x, other, *settings, "add", 1.0, None, [], None)
        return out


class FusedBlock(nn.Module):
    """conv - activation - conv, plus the input, or plus another image of its size."""

    def __init__(self, conv1: nn.Conv2d, activation: nn.Module, conv2: nn.Conv2d) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvActivated(conv1, activation), ConvPlus(conv2)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        out: Tensor = self.conv2(self.conv1(x), x if other is None else other)
        return out


def fuse(network: nn.Module) -> None:
    """Fuse the convolutions of a network, prepared for the processor, where that is possible; changes it."""
    weight = next(network.parameters(), None)
    if weight is None or not can_fuse(weight.dtype):
        return
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "fused"):  # to ask for the protocol takes fifty times as long
                setattr(parent, name, cast(Fusible, child).fused())
        if isinstance(parent, nn.Sequential):
            _fuse_pairs(parent)
            _overwrite(parent)


def _named(activation: nn.Module) -> tuple[str, list[float], str]:
    """Return what the library calls an activation, its numbers, and how it is computed.

    Raises :class:`ValueError` if it has no name for it.
    """
    if isinstance(activation, nn.GELU) and activation.approximate == "none":
        return "gelu", [], "none"
    if isinstance(activation, nn.ReLU):
        return "relu", [], ""
    if isinstance(activation, nn.LeakyReLU):
        return "leaky_relu", [float(activation.negative_slope)], ""
    if isinstance(activation, nn.PReLU) and activation.num_parameters == 1:
        return "leaky_relu", [float(activation.weight)], ""
    raise ValueError(f"{type(activation).__name__} cannot be fused")


def _fuse_pairs(layers: nn.Sequential) -> None:
    """Fuse every convolution with the ReLU after it."""
    for number in range(len(layers) - 1):
        layer, activation = layers[number], layers[number + 1]
        if not isinstance(layer, nn.Conv2d) or type(layer) is not nn.Conv2d or layer.padding_mode != "zeros":
            continue
        if isinstance(activation, nn.ReLU | nn.LeakyReLU):
            layers[number], layers[number + 1] = ConvActivated(layer, activation), nn.Identity()


def _overwrite(blocks: nn.Sequential) -> None:
    """Let blocks put their sum where what the block before has made was: nothing else reads that."""
    for before, block in pairwise(blocks):
        if isinstance(before, FusedBlock) and isinstance(block, FusedBlock):
            block.conv2.overwrites = True


def like(layer: nn.Conv2d) -> dict[str, Any]:
    """Return what a convolution of the same shape, without numbers yet, is made of."""
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    return {name: getattr(layer, name) for name in names} | {"bias": layer.bias is not None, "device": "meta"}


def _in_steps(x: Tensor) -> bool:
    """Return True where the usual operators are needed: for gradients, elsewhere, or to be recorded."""
    recorded = torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None
    return x.device.type != "cpu" or recorded or (torch.is_grad_enabled() and x.requires_grad)


@lru_cache
def can_fuse(dtype: torch.dtype) -> bool:
    """Return True if this processor's torch has the operators for a type, and they compute what they should."""
    if dtype not in CLOSE or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        plain = [nn.Conv2d(16, 16, 3, padding=1).to(dtype) for _ in range(2)]
        x = torch.randn(1, 16, 9, 11).to(dtype).contiguous(memory_format=torch.channels_last)
        expected = x
        for _ in range(2):
            expected = expected + plain[1](F.leaky_relu(plain[0](expected), 0.2))
        try:
            blocks = nn.Sequential(*(FusedBlock(plain[0], nn.LeakyReLU(0.2), plain[1]) for _ in range(2)))
            _overwrite(blocks)
            found = blocks(x)
        except (AttributeError, RuntimeError, TypeError):  # another torch, or a processor that has no such kernel
            return False
        return float((found - expected).abs().max()) <= CLOSE[dtype] * float(expected.abs().max())
