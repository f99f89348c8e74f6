"""Lightning module for a network that learns a single image, size by size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from napari_sr.errors import TrainingError
from napari_sr.losses.adversarial import patch_gradient_penalty
from napari_sr.networks.singan import SinGAN, SinGANPyramid, resized
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.optimizers import make_optimizer, make_phases

#: standard deviation of the noise injected at a size, as a share of the error that the coarser sizes leave
NOISE = 0.1


class Pyramid(AdversarialTraining):
    """Train SinGAN: one generator and critic for each size of one image, the coarsest first (sections 2.1 and 2.2).

    At size n, coarse to fine, with the coarser generators as they are,

        min_G max_C  C(G_n(noise_n, x_(n-1))) - C(x_n) + λ E[(||grad C||_2 - 1)^2] + α ||G_n(0, rec_(n-1)) - x_n||^2

    x_(n-1) drawn from noise, rec_(n-1) from the fixed one. Generator and critic go on from the weights of the size
    before; each size has the same number of steps and a schedule of its own. The generator that is trained now is the
    network's: it is what validations see, and what is kept is that of the image's own size.

    Parameters
    ----------
    network, config
        See :class:`napari_sr.training.lightning.module.SRModule`. The batch is one window of the image, always the
        same; its pyramid begins at about 25 pixels.
    """

    def __init__(self, *, network: SinGAN, config: TrainConfig) -> None:
        super().__init__(network=network, config=config)
        if config.batch_size != 1:
            raise TrainingError(f"batch_size: {network.name} learns one window of one image; only 1 is possible.")
        if self.settings.pixel_steps:
            raise TrainingError(f"pixel_steps: {network.name} has no phase with the pixel loss alone; take 0.")
        side = config.lr_patch * config.scale
        sizes = SinGANPyramid.sizes_of(side, side, ratio=network.ratio)
        first = network.generator
        self.pyramid = SinGANPyramid(
            sizes=sizes,
            channels=network.in_channels,
            num_features=first.first.out_channels,
            num_blocks=network.num_blocks,
        ).requires_grad_(False)
        self.singan = network
        self.at: Tensor
        self.register_buffer("at", torch.tensor(0))
        self._reconstructed: Tensor | None = None
        #: every step trains the image's own size
        self.last_alone = False

    def size_of(self, step: int) -> int:
        """Return which size ``step`` trains, counted from the coarsest."""
        count = len(self.pyramid.sizes)
        return count - 1 if self.last_alone else min(step * count // self.config.steps, count - 1)

    def first_step(self, size: int) -> int:
        """Return the first step that trains a size."""
        return -(-size * self.config.steps // len(self.pyramid.sizes))

    def is_generator_step(self, step: int) -> bool:
        within = step - self.first_step(self.size_of(step))
        return within % self.settings.cycle >= self.settings.n_critic

    def configure_optimizers(self) -> Any:
        config, sizes = self.config, range(len(self.pyramid.sizes))
        moves = [[0, 0] for _ in sizes]
        for step in range(config.steps):
            moves[self.size_of(step)][0 if self.is_generator_step(step) else 1] += 1
        pairs = []
        for which, (module, rate) in enumerate(
            ((self.network, config.learning_rate), (self.critic, self.settings.critic_learning_rate))
        ):
            optimizer = make_optimizer(config.optimizer, module.parameters(), rate, config.betas)
            phases = [(config.schedule, moves[size][which]) for size in sizes]
            pairs.append((optimizer, make_phases(optimizer, rate, phases)))
        return [optimizer for optimizer, _ in pairs], [schedule for _, schedule in pairs]

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_index: int) -> None:
        lr, hr, conditions = batch
        size = self.size_of(self.global_step)
        if self._reconstructed is None:
            self.begin_size(hr)
        while int(self.at) < size:
            self.keep_generator()
            self.begin_size(hr)
        super().training_step((lr, resized(hr, *self.pyramid.sizes[size]), conditions), batch_index)

    def keep_generator(self) -> None:
        """End a size: its generator becomes one of the coarser ones, and stays as it is."""
        self.pyramid.generators[int(self.at)].load_state_dict(self.singan.generator.state_dict())
        self.at += 1
        for optimizer in self.optimizers():  # moments of another size's gradients
            optimizer.optimizer.state.clear()

    def begin_size(self, hr: Tensor) -> None:
        """Reconstruct the image as far as the coarser generators can, and see how strong the noise must be."""
        at = int(self.at)
        with torch.no_grad():
            self._reconstructed = self.pyramid.reconstructed(at)
            if at:
                error = (self._reconstructed - resized(hr, *self.pyramid.sizes[at])).square().mean().sqrt()
                self.pyramid.amplitudes[at] = NOISE * error

    def prepare_timing(self) -> float:
        pixels = [height * width for height, width in self.pyramid.sizes]
        self.last_alone = True
        self.at.fill_(len(pixels) - 1)
        return sum(pixels) / len(pixels) / pixels[-1]

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        super().on_train_batch_start(batch, batch_index)
        self.pyramid.eval()  # what was learnt at the coarser sizes no longer moves

    def _generator_loss(self, lr: Tensor, hr: Tensor, conditions: Tensor, step: int) -> Tensor:
        at = int(self.at)
        noise = self.pyramid.fixed_noise if at == 0 else None
        reconstruction = self.singan.generator(self._reconstructed, noise)
        with torch.no_grad():
            self.log("train_loss", self.loss(reconstruction, hr), sync_dist=True)
        self.critic.requires_grad_(False)
        fooled = self.adversarial_loss.generator(self._judged(hr, lr), self._judged(self._fake(), lr))
        self.critic.requires_grad_(True)
        self.log("adversarial_loss", fooled, sync_dist=True)
        content = self.content_loss(reconstruction, hr, self.settings.pixel_weight)
        return content + self.settings.weight * fooled

    def _critic_loss(self, lr: Tensor, hr: Tensor, conditions: Tensor, step: int) -> Tensor:
        with torch.no_grad():
            fake = self._fake()
        loss = self.adversarial_loss.critic(self._judged(hr, lr), self._judged(fake, lr))
        self.log("critic_loss", loss, sync_dist=True)
        if self.settings.gradient_penalty:
            epsilon = self._epsilon(1, step).to(hr.device)
            penalty = patch_gradient_penalty(lambda image: self._judged(image, lr), hr, fake, epsilon)
            self.log("gradient_penalty", penalty, sync_dist=True)
            loss = loss + self.settings.gradient_penalty * penalty
        return loss

    def _fake(self) -> Tensor:
        """Return a random image of the size that is trained now."""
        at = int(self.at)
        with torch.no_grad():
            coarser = self.pyramid.drawn(at)
        fake: Tensor = self.singan.generator(coarser, self.pyramid.noise(at))
        return fake
