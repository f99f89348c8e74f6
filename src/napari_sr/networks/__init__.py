"""Networks: one file each, found by name in :data:`NETWORKS`."""

from __future__ import annotations

import inspect
from typing import Any

from napari_sr.errors import ConfigError
from napari_sr.networks.base import Critic, SRNetwork
from napari_sr.registry import Registry

__all__ = ["CRITICS", "NETWORKS", "Critic", "SRNetwork", "create_critic", "create_network"]

NETWORKS: Registry[type[SRNetwork]] = Registry(kind="network", package="napari_sr.networks")
CRITICS: Registry[type[Critic]] = Registry(kind="critic", package="napari_sr.networks")


def create_network(name: str, **hyper_parameters: Any) -> SRNetwork:
    """Build a network and remember the complete hyper-parameters it was built with.

    Parameters
    ----------
    name
        A name in :data:`NETWORKS`.
    **hyper_parameters
        Keyword arguments of its constructor; what is left out takes the constructor's default and is
        recorded all the same, so that a later change of a default cannot change a stored model.

    Raises
    ------
    ConfigError
        If the name is unknown or a hyper-parameter is unknown or out of range.
    """
    network_class = NETWORKS[name]
    try:
        bound = inspect.signature(network_class).bind(**hyper_parameters)
    except TypeError as error:
        raise ConfigError(f"network {name!r}: {error}") from None
    bound.apply_defaults()
    if bound.arguments["scale"] not in network_class.scales:
        possible = ", ".join(f"x{s}" for s in network_class.scales)
        raise ConfigError(f"network {name!r} cannot upscale by {bound.arguments['scale']}; possible: {possible}.")
    network = network_class(**bound.arguments)
    network.name = name
    network.hyper_parameters = dict(bound.arguments)
    return network


def create_critic(name: str, **hyper_parameters: Any) -> Critic:
    """Build the critic or discriminator called ``name``; raises :class:`ConfigError` if that cannot be."""
    critic_class = CRITICS[name]
    try:
        return critic_class(**hyper_parameters)
    except TypeError as error:
        raise ConfigError(f"critic {name!r}: {error}") from None
