"""Networks: one file each, found by name in :data:`NETWORKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from napari_sr.arguments import check_arguments
from napari_sr.errors import ConfigError
from napari_sr.networks.base import Critic, SRNetwork
from napari_sr.registry import Registry

T = TypeVar("T")

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
        If the name is unknown, or a hyper-parameter is unknown, of another kind or out of range.
    """
    network_class = NETWORKS[name]
    arguments = check_arguments(f"network {name!r}", network_class, hyper_parameters)
    if arguments["scale"] not in network_class.scales:
        possible = ", ".join(f"x{s}" for s in network_class.scales)
        raise ConfigError(f"network {name!r} cannot upscale by {arguments['scale']}; possible: {possible}.")
    network = _build(network_class, f"network {name!r}", arguments)
    network.name = name
    network.hyper_parameters = arguments
    return network


def create_critic(name: str, **hyper_parameters: Any) -> Critic:
    """Build the critic or discriminator called ``name``; raises :class:`ConfigError` if that cannot be."""
    what = f"critic {name!r}"
    return _build(CRITICS[name], what, check_arguments(what, CRITICS[name], hyper_parameters))


def _build(kind: Callable[..., T], what: str, arguments: Mapping[str, Any]) -> T:
    """Call a constructor; what it cannot be called with becomes a :class:`ConfigError`."""
    for field, value in arguments.items():
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            raise ConfigError(f"{what}: {field} must be at least 1, not {value}.")
    try:
        return kind(**arguments)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        given = ", ".join(f"{field} = {value!r}" for field, value in arguments.items())
        if "allocate memory" in str(error):
            raise ConfigError(f"{what} with {given} needs more memory than this computer has.") from None
        raise ConfigError(f"{what} cannot be built with {given}: {error}.") from None
