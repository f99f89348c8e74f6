"""The parts of a training's configuration: its images, and the critic's side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sr.arguments import check_arguments
from napari_sr.errors import ConfigError
from napari_sr.training.checks import check_kinds, with_numbers


def check_rate(name: str, rate: float) -> None:
    """Raise :class:`ConfigError` unless a learning rate lies in (0, 1]."""
    if not (math.isfinite(rate) and 0 < rate <= 1):
        raise ConfigError(f"{name} must lie between 0 and 1, not {rate}")


@dataclass(frozen=True)
class Source:
    """Images to train on.

    Attributes
    ----------
    path
        HR images: a file or a folder.
    weight
        How often they are drawn beside the other sources.
    lr
        Measured LR images: a file, or a folder with the same names; empty if a degradation makes them.
    """

    path: str
    weight: float = 1.0
    lr: str = ""

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.weight <= 0:
            raise ConfigError(f"weight of {self.path} must be more than 0")

    @classmethod
    def of(cls, value: object, *, what: str) -> Source:
        """Build from a path, or from plain values; raises :class:`ConfigError` that begins with ``what``."""
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, Mapping):
            raise ConfigError(f"{what} must be a path, or path, weight and lr with their values, not {value!r}")
        return cls(**check_arguments(what, cls, with_numbers(value, cls)))


@dataclass(frozen=True)
class Adversarial:
    """The other side of an adversarial training.

    Attributes
    ----------
    loss
        ``wasserstein`` (with gradient penalty), ``standard`` or ``relativistic``.
    critic, critic_hyper_parameters
        The critic or discriminator.
    critic_learning_rate
        Maximum of its schedule.
    n_critic, n_generator
        Steps of the critic, and of the generator after them, in turn; every step sees a new batch.
    gradient_penalty
        λ of the gradient penalty; 0 for none.
    clip
        The critic's weights are cut to [-clip, clip] after each of its steps, as the first WGAN has it; 0 for not.
    weight
        Of the adversarial loss in the generator's.
    pixel_weight
        Of the pixel loss beside it: γ of the WGAN-GP thesis.
    pixel_steps
        Steps with the pixel loss alone before the critic enters. Each of the two phases has a schedule of its own, and
        the model of the first is kept, too.
    pixel_schedule
        Of the first phase; that of the run if empty.
    """

    loss: str = "wasserstein"
    critic: str = "wgan-critic"
    critic_hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    critic_learning_rate: float = 5e-4
    n_critic: int = 5
    n_generator: int = 1
    gradient_penalty: float = 10.0
    clip: float = 0.0
    weight: float = 1.0
    pixel_weight: float = 100.0
    pixel_steps: int = 0
    pixel_schedule: str = ""

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.n_critic < 1 or self.n_generator < 1 or self.pixel_steps < 0:
            raise ConfigError("n_critic and n_generator must be at least 1, pixel_steps at least 0")
        for name in ("gradient_penalty", "clip", "weight", "pixel_weight"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigError(f"{name} must not be negative")
        check_rate("critic_learning_rate", self.critic_learning_rate)

    @classmethod
    def of(cls, value: object) -> Adversarial:
        """Build from plain values; raises :class:`ConfigError`."""
        if not isinstance(value, Mapping):
            raise ConfigError(f"adversarial must be names with values, not {value!r}")
        return cls(**check_arguments("adversarial", cls, with_numbers(value, cls)))

    @property
    def cycle(self) -> int:
        """Steps after which it is the same network's turn again."""
        return self.n_critic + self.n_generator
