"""Whether everything that a configuration names exists: asked before any image is read, which may take minutes."""

from __future__ import annotations

from typing import Any

from napari_sr.errors import ConfigError
from napari_sr.losses import LOSSES
from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES
from napari_sr.networks import CRITICS, NETWORKS
from napari_sr.registry import Registry
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.optimizers import OPTIMIZERS, SCHEDULES


def check_names(config: TrainConfig) -> None:
    """Raise :class:`ConfigError` with the field and what it may be, if something is named that does not exist."""
    named: list[tuple[str, str, Registry[Any]]] = [
        ("network", config.network, NETWORKS),
        ("loss", config.loss, LOSSES),
        ("optimizer", config.optimizer, OPTIMIZERS),
        ("schedule", config.schedule, SCHEDULES),
        *(("extra_losses", name, LOSSES) for name in config.extra_losses),
    ]
    if config.adversarial is not None:
        named += [("adversarial.loss", config.adversarial.loss, ADVERSARIAL_LOSSES)]
        named += [("adversarial.critic", config.adversarial.critic, CRITICS)]
        if config.adversarial.pixel_schedule:
            named += [("adversarial.pixel_schedule", config.adversarial.pixel_schedule, SCHEDULES)]
    for field, name, registry in named:
        if name not in registry:
            raise ConfigError(f"{field}: there is no {registry.kind} {name!r}; there are {', '.join(registry)}.")
