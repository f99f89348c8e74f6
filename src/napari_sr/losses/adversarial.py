"""What a critic and a generator want of each other, and the gradient penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_sr.registry import Registry


@dataclass(frozen=True)
class AdversarialLoss:
    """Losses of both sides, from the critic's values for real and for generated images, each (N,).

    Attributes
    ----------
    critic, generator
        (real, fake) -> scalar to minimise.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


ADVERSARIAL_LOSSES: Registry[AdversarialLoss] = Registry(kind="adversarial loss")

# E[C(fake)] - E[C(real)] and -E[C(fake)]
ADVERSARIAL_LOSSES.register("wasserstein", title="Wasserstein", reference="arXiv:1701.07875")(
    AdversarialLoss(
        critic=lambda real, fake: fake.mean() - real.mean(),
        generator=lambda real, fake: -fake.mean(),
    )
)
# -log D(real) - log(1 - D(fake)) and -log D(fake), D the sigmoid of the value; softplus(-x) = -log sigmoid(x)
ADVERSARIAL_LOSSES.register("standard", title="standard (SRGAN)", reference="arXiv:1406.2661")(
    AdversarialLoss(
        critic=lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
        generator=lambda real, fake: F.softplus(-fake).mean(),
    )
)


def _relativistic(more: Tensor, less: Tensor) -> Tensor:
    """Return -E[log D(more, less)] - E[log(1 - D(less, more))], D(a, b) = sigmoid(a - E[b])."""
    return F.softplus(less.mean() - more).mean() + F.softplus(less - more.mean()).mean()


ADVERSARIAL_LOSSES.register(
    "relativistic", title="relativistic average (ESRGAN)", reference="Jolicoeur-Martineau 2018, arXiv:1807.00734"
)(
    AdversarialLoss(
        critic=_relativistic,
        generator=lambda real, fake: _relativistic(fake, real),
    )
)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    """Return E[(||grad C(x)||_2 - 1)^2] at x = epsilon * real + (1 - epsilon) * fake, in float32.

    Parameters
    ----------
    critic
        Judges each image alone (no batch norm).
    real, fake
        Images (N, C, H, W).
    epsilon
        (N,), uniform in [0, 1].

    References
    ----------
    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3
    """
    weight = epsilon.view(-1, 1, 1, 1)
    with torch.autocast(real.device.type, enabled=False):
        between = (weight * real.detach().float() + (1 - weight) * fake.detach().float()).requires_grad_(True)
        values = critic(between)  # one an image, or a map of them: then their mean is the image's
        (gradient,) = torch.autograd.grad(values.reshape(len(values), -1).mean(1).sum(), between, create_graph=True)
    norm: Tensor = gradient.flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def patch_gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, epsilon: Tensor) -> Tensor:
    """Return E[(||grad_p sum C(x)||_2 - 1)^2] over the pixels p, for a critic that returns a value a patch.

    The norm is over the channels of a pixel: each patch's value may change by one when a pixel does. That of the whole
    image's gradient, as :func:`gradient_penalty` has it, would grow with the image. Parameters as there.

    References
    ----------
    The code published with Shaham et al. 2019, arXiv:1905.01164 (``functions.calc_gradient_penalty``)
    """
    weight = epsilon.view(-1, 1, 1, 1)
    with torch.autocast(real.device.type, enabled=False):
        between = (weight * real.detach().float() + (1 - weight) * fake.detach().float()).requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    norm: Tensor = gradient.norm(dim=1)
    return (norm - 1).square().mean()
