"""What every training has in common: the network, its losses, the running mean of its weights, validation."""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_sr.losses import create_loss
from napari_sr.metrics.structural import WINDOW
from napari_sr.networks import SRNetwork
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.validation import Whole
from napari_sr.training.lightning.optimizers import lower_rates


class NonFiniteLoss(Exception):
    """The loss is no longer a number; nothing was learnt from it."""

    def __init__(self, step: int) -> None:
        super().__init__(f"the loss is no longer a number at step {step}")
        self.step = step


class SRModule(L.LightningModule):
    """Base of the Lightning modules.

    Parameters
    ----------
    network
        The generator to train.
    config
        Of the run.
    """

    def __init__(self, *, network: SRNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.lower, self.upper = (float(config.intensity.get(k, d)) for k, d in (("lower", 0.0), ("upper", 1.0)))
        self.loss = create_loss(config.loss, lower=self.lower, upper=self.upper, **config.loss_options)
        self.extra = nn.ModuleDict(
            {
                name: create_loss(name, lower=self.lower, upper=self.upper, **config.extra_options.get(name, {}))
                for name in config.extra_losses
            }
        )
        #: by how much the learning rates are lowered; as the checkpoint says if None
        self.rate_factor: float | None = None
        self._restored_factor = 1.0
        self.ema: AveragedModel | None = None
        if config.ema:
            self.ema = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True)
            self.ema.requires_grad_(False)  # several devices would wait for its gradients

    def forward(self, lr: Tensor, conditions: Tensor) -> Tensor:
        return self.run(self.kept, lr, conditions)

    def run(self, network: SRNetwork, lr: Tensor, conditions: Tensor) -> Tensor:
        """Super-resolve a batch with a network, telling it what it can be told."""
        sr: Tensor = network(lr, conditions) if network.conditions else network(lr)
        return sr

    @property
    def kept(self) -> SRNetwork:
        """The network that is validated and kept."""
        if self.ema is None:
            return self.network
        averaged: SRNetwork = self.ema.module  # type: ignore[assignment]
        return averaged

    def content_loss(self, sr: Tensor, hr: Tensor, pixel_weight: float = 1.0) -> Tensor:
        """Return the weighted pixel loss and the further losses."""
        loss: Tensor = pixel_weight * self.loss(sr, hr)
        for name, module in self.extra.items():
            loss = loss + self.config.extra_losses[name] * module(sr, hr)
        return loss

    def checked(self, loss: Tensor) -> Tensor:
        """Return the loss; raises :class:`NonFiniteLoss` before anything is learnt from one that is no number."""
        finite = bool(torch.isfinite(loss))
        if self.trainer.world_size > 1:  # all go back, or none: the others would wait for this one for ever
            finite = bool(self.trainer.strategy.reduce_boolean_decision(finite, all=True))
        if not finite:
            raise NonFiniteLoss(self.global_step)
        return loss

    def prepare_timing(self) -> float:
        """Make every step one that takes longest, and return what an average one takes beside it."""
        return 1.0

    def average(self) -> None:
        """Take the weights into the running mean."""
        if self.ema is not None:
            self.ema.update_parameters(self.network)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rate_factor"] = self._restored_factor

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._restored_factor = checkpoint.get("rate_factor", 1.0)

    def on_train_start(self) -> None:
        """Lower the rates, which the checkpoint has brought with it, to what is wanted now."""
        wanted = self._restored_factor if self.rate_factor is None else self.rate_factor
        if wanted != self._restored_factor:
            for optimizer, config in zip(self.trainer.optimizers, self.trainer.lr_scheduler_configs, strict=True):
                lower_rates(optimizer, config.scheduler, wanted / self._restored_factor)
            self._restored_factor = wanted

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        """Let noise that a network draws follow from the seed and the step, so that a resumed run draws the same."""
        drawn = np.random.SeedSequence((self.config.seed, self.global_step, self.global_rank)).generate_state(1)
        seed_noise(int(drawn[0]), self.device)

    def validation_step(self, batch: Whole, batch_index: int) -> None:
        lr, hr, bicubic, data_range, zero, conditions = batch
        sr = self.run(self.kept, lr, conditions).float()
        self.log("val_psnr", psnr(sr, hr, data_range), on_epoch=True, batch_size=1, sync_dist=True)
        self.log("val_bicubic", psnr(bicubic, hr, data_range), on_epoch=True, batch_size=1, sync_dist=True)
        self.log("val_loss", self.loss(sr, hr), on_epoch=True, batch_size=1, sync_dist=True)
        for name, pred in (("val_ssim", sr), ("val_bicubic_ssim", bicubic)):
            similarity = ssim_mean(pred - zero, hr - zero, float(data_range.mean()))
            self.log(name, similarity, on_epoch=True, batch_size=1, sync_dist=True)
        # a network that has collapsed paints every image in one colour
        share = sr.std() / hr.std().clamp_min(1e-12)
        self.log("val_contrast", share, on_epoch=True, batch_size=1, sync_dist=True)


def seed_noise(seed: int, device: torch.device) -> None:
    """Seed what draws noise on a device.

    ``torch.manual_seed`` writes down the call stack for every kind of device that is not there, each time.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def psnr(pred: Tensor, target: Tensor, data_range: Tensor) -> Tensor:
    """Return 10 log10(data_range^2 / MSE) in dB, of tensors."""
    mse = (pred - target).square().mean().clamp_min(1e-20)
    return 10 * torch.log10(data_range.mean() ** 2 / mse)


def ssim_mean(pred: Tensor, target: Tensor, data_range: float) -> Tensor:
    """Return the mean where the whole window lies inside, as :func:`napari_sr.metrics.structural.ssim` does."""
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    border = WINDOW // 2
    if min(target.shape[-2:]) < WINDOW:
        return torch.tensor(torch.nan)
    with torch.autocast(pred.device.type, enabled=False):  # E[x^2] - mu^2 has nothing left in 16 bit
        _, full = ssim(pred.float(), target.float(), data_range=data_range, return_full_image=True)
    return full[..., border:-border, border:-border].mean()


def images_last(lr: Tensor) -> Tensor:
    """Return a batch in the memory layout that convolutions are fastest in."""
    return lr.to(memory_format=torch.channels_last)
