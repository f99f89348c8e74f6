"""Losses: (pred, target) -> scalar, in network values."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from napari_sr.registry import Registry

__all__ = ["L1", "LOSSES", "MSE", "MSESSIM", "Loss"]


class Loss(Protocol):
    """A differentiable distance between images of shape (N, C, H, W)."""

    def __call__(self, pred: Tensor, target: Tensor) -> Tensor: ...


LOSSES: Registry[type[nn.Module]] = Registry(kind="loss")


@LOSSES.register("l1", title="L1 (mean absolute error)")
class L1(nn.L1Loss):
    """Mean of |pred - target|."""


@LOSSES.register("mse", title="MSE (mean squared error)")
class MSE(nn.MSELoss):
    """Mean of (pred - target)^2."""


@LOSSES.register("mse+ssim", title="MSE + 0.1 (1 - SSIM)", reference="DFCAN")
class MSESSIM(nn.Module):
    """MSE + weight * (1 - SSIM), the DFCAN loss; SSIM by torchmetrics with a fixed data range of 1."""

    def __init__(self, *, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        from torchmetrics.functional.image import structural_similarity_index_measure as ssim

        mse = torch.nn.functional.mse_loss(pred, target)
        similarity = ssim(pred, target, data_range=1.0)
        assert isinstance(similarity, Tensor)
        return mse + self.weight * (1 - similarity)
