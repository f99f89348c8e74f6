"""Losses that compare pixel by pixel, or the differences between neighbouring pixels."""

from __future__ import annotations

import math

from torch import Tensor, nn

from napari_sr.losses import LOSSES


@LOSSES.register("l1", title="L1 (mean absolute error)")
class L1(nn.L1Loss):
    """Mean of |pred - target|."""

    def __init__(self) -> None:
        super().__init__()


@LOSSES.register("mse", title="MSE (mean squared error)")
class MSE(nn.MSELoss):
    """Mean of (pred - target)^2."""

    def __init__(self) -> None:
        super().__init__()


@LOSSES.register("psnr", title="PSNR (logarithm of each image's squared error)", reference="arXiv:2105.06086")
class PSNR(nn.Module):
    """Mean over the images of a batch of 10 log10(1 + MSE / epsilon), in dB.

    The loss of Chen et al. 2021 (HINet), 10 log10(MSE + epsilon), but for a constant that makes the least value zero.
    What is measured in the end is what is learnt: a decibel in a sharp image counts as much as one in a noisy image,
    whose squared error is many times as large.

    Parameters
    ----------
    epsilon
        Squared error, in network units, below which an image (one that is flat, or saturated) counts less and less.
    """

    def __init__(self, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        mse = (pred - target).square().flatten(1).mean(1)
        return 10 / math.log(10) * (mse / self.epsilon).log1p().mean()


@LOSSES.register("charbonnier", title="Charbonnier (smooth L1)", reference="Charbonnier et al. 1994; arXiv:1710.01992")
class Charbonnier(nn.Module):
    """Mean of sqrt((pred - target)^2 + epsilon^2)."""

    def __init__(self, *, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        return ((pred - target).square() + self.epsilon**2).sqrt().mean()


@LOSSES.register("gradient", title="L1 of image gradients (structure)", reference="structure-informed convex term")
class Gradient(nn.Module):
    """Mean of |d(pred) - d(target)| over horizontal and vertical neighbours: edges must stand where they stood.

    Convex in ``pred``, as L1 of a linear map is.
    """

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        difference = pred - target
        return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
