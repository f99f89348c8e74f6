"""Losses that compare pixel by pixel, or the differences between neighbouring pixels."""

from __future__ import annotations

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
