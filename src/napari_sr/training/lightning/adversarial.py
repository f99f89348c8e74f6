"""Lightning module for training against a critic or a discriminator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import lr_scheduler

from napari_sr.errors import TrainingError
from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES, gradient_penalty
from napari_sr.networks import CRITICS, Critic, SRNetwork, create_critic
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.module import SRModule, images_last
from napari_sr.training.lightning.optimizers import make_optimizer, make_phases
from napari_sr.training.parts import Adversarial


class AdversarialTraining(SRModule):
    """Train a generator and a critic in turn.

    Every step sees a new batch and moves one of the two: after ``pixel_steps`` steps with the pixel loss
    alone, ``n_critic`` steps of the critic and ``n_generator`` of the generator follow each other. With the Wasserstein
    loss

        L_critic = C(sr) - C(hr) + λ (||grad C(x)||_2 - 1)^2,   L_generator = -C(sr) + γ L_pixel(sr, hr)
    """

    def __init__(self, *, network: SRNetwork, config: TrainConfig) -> None:
        super().__init__(network=network, config=config)
        assert config.adversarial is not None
        self.automatic_optimization = False  # Lightning steps one optimiser by itself, not two
        self.settings = config.adversarial
        hr_patch = config.lr_patch * config.scale
        self.critic = make_critic(self.settings, channels=network.out_channels, hr_patch=hr_patch)
        self.adversarial_loss = ADVERSARIAL_LOSSES[self.settings.loss]
        if hr_patch < self.critic.min_patch:
            raise TrainingError(
                f"lr_patch: {self.settings.critic} needs HR patches of at least {self.critic.min_patch} pixels, "
                f"{config.lr_patch} × {config.scale} are {hr_patch}."
            )

        if config.batch_size < self.critic.min_batch:
            raise TrainingError(f"batch_size: {self.settings.critic} needs at least {self.critic.min_batch} at a time.")

    def is_generator_step(self, step: int) -> bool:
        """Return True if ``step`` moves the generator."""
        after = step - self.settings.pixel_steps
        return after < 0 or after % self.settings.cycle >= self.settings.n_critic

    def configure_optimizers(self) -> Any:
        config, settings = self.config, self.settings
        of_generator = sum(self.is_generator_step(step) for step in range(config.steps))
        pairs = []
        first = settings.pixel_schedule or config.schedule
        of_both = [(first, settings.pixel_steps), (config.schedule, of_generator - settings.pixel_steps)]
        for network, rate, phases in (
            (self.network, config.learning_rate, of_both),
            (self.critic, settings.critic_learning_rate, [(config.schedule, config.steps - of_generator)]),
        ):
            optimizer = make_optimizer(config.optimizer, network.parameters(), rate, config.betas)
            pairs.append((optimizer, make_phases(optimizer, rate, phases)))
        return [optimizer for optimizer, _ in pairs], [schedule for _, schedule in pairs]

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> None:
        lr, hr, conditions = batch
        step = self.global_step  # each step moves exactly one optimiser, so this counts batches
        which = 0 if self.is_generator_step(step) else 1
        loss_of = self._generator_loss if which == 0 else self._critic_loss
        loss = loss_of(lr, hr, conditions, step)
        optimizer = self.optimizers()[which]
        optimizer.zero_grad()
        self.manual_backward(self.checked(loss))
        optimizer.step()
        if which == 1 and self.settings.clip:
            clip_weights(self.critic, self.settings.clip)
        schedule = self.lr_schedulers()[which]
        if not isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
            schedule.step()
        if which == 0:
            self.average()

    def on_validation_epoch_end(self) -> None:
        if self.trainer.state.fn != "fit":
            return
        for schedule in self.lr_schedulers():
            if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
                schedule.step(float(self.trainer.callback_metrics["val_psnr"]))

    def _generator_loss(self, lr: Tensor, hr: Tensor, conditions: Tensor, step: int) -> Tensor:
        sr = self.run(self.network, images_last(lr), conditions)
        with torch.no_grad():
            self.log("train_loss", self.loss(sr, hr), sync_dist=True)  # the pixel loss alone, as in validation
        if step < self.settings.pixel_steps:
            loss: Tensor = self.loss(sr, hr)
        else:
            self.critic.requires_grad_(False)  # its gradients are not wanted here
            fooled = self.adversarial_loss.generator(self._judged(hr, lr), self._judged(sr, lr))
            self.critic.requires_grad_(True)
            loss = self.content_loss(sr, hr, self.settings.pixel_weight) + self.settings.weight * fooled
            self.log("adversarial_loss", fooled, sync_dist=True)
        return loss

    def _critic_loss(self, lr: Tensor, hr: Tensor, conditions: Tensor, step: int) -> Tensor:
        with torch.no_grad():
            sr = self.run(self.network, images_last(lr), conditions)
        loss = self.adversarial_loss.critic(self._judged(hr, lr), self._judged(sr, lr))
        self.log("critic_loss", loss, sync_dist=True)
        if self.settings.gradient_penalty:
            epsilon = self._epsilon(len(hr), step).to(hr.device)
            penalty = gradient_penalty(lambda image: self._judged(image, lr), hr, sr, epsilon)
            self.log("gradient_penalty", penalty, sync_dist=True)
            loss = loss + self.settings.gradient_penalty * penalty
        return loss

    def _judged(self, image: Tensor, lr: Tensor) -> Tensor:
        """Return what the critic makes of images, beside what they were made of if it looks at that, too."""
        value: Tensor = self.critic(image, lr.float()) if self.critic.sees_lr else self.critic(image)
        return value

    def _epsilon(self, count: int, step: int) -> Tensor:
        """Return where between real and generated the penalty is taken: of the seed and the step alone."""
        world, rank = self.trainer.world_size, self.trainer.global_rank
        drawn = np.random.default_rng((self.config.seed, step, 1)).random(count * world, dtype=np.float32)
        return torch.from_numpy(drawn[rank * count : (rank + 1) * count].copy())


def make_critic(settings: Adversarial, *, channels: int, hr_patch: int) -> Critic:
    """Build the critic that a configuration names, for patches of ``hr_patch`` pixels if its size depends on them."""
    given: dict[str, Any] = {"in_channels": channels}
    if CRITICS[settings.critic].one_patch_size:
        given["patch"] = hr_patch
    return create_critic(settings.critic, **{**given, **settings.critic_hyper_parameters})


def clip_weights(critic: Critic, limit: float) -> None:
    """Cut every weight to [-limit, limit] (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1)."""
    with torch.no_grad():
        for weight in critic.parameters():
            weight.clamp_(-limit, limit)
