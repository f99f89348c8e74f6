"""Lightning module for training with a pixel loss."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor

from napari_sr.losses import create_loss
from napari_sr.networks import SRNetwork
from napari_sr.training.config import TrainConfig


class Regression(L.LightningModule):
    """Minimise a loss between network output and HR patch with Adam and a one-cycle schedule."""

    def __init__(self, *, network: SRNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config
        limits = {k: float(config.intensity.get(k, default)) for k, default in (("lower", 0.0), ("upper", 1.0))}
        self.loss = create_loss(config.loss, **limits)

    def forward(self, lr: Tensor) -> Tensor:
        sr: Tensor = self.network(lr)
        return sr

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        lr, hr = batch
        sr = self.network(lr.to(memory_format=torch.channels_last))
        loss: Tensor = self.loss(sr, hr)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> None:
        lr, hr, bicubic = batch
        sr = self.network(lr)
        # network values: the intensity span is upper - lower, the same for every image
        span = float(self.config.intensity.get("upper", 1.0)) - float(self.config.intensity.get("lower", 0.0))
        self.log("val_psnr", _psnr(sr, hr, span), on_epoch=True, batch_size=1)
        self.log("val_bicubic", _psnr(bicubic, hr, span), on_epoch=True, batch_size=1)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.config.learning_rate, betas=self.config.betas)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.config.learning_rate, total_steps=self.config.steps + 1
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _psnr(pred: Tensor, target: Tensor, span: float) -> Tensor:
    mse = (pred - target).square().mean().clamp_min(1e-20)
    return 10 * torch.log10(span**2 / mse)
