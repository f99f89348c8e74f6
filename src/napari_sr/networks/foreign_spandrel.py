"""Architectures that spandrel knows and we do not: rebuilt by it from their weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from napari_sr.errors import ModelError
from napari_sr.networks import NETWORKS
from napari_sr.networks.foreign_base import ForeignNetwork

PREFIX = "body."
INSTALL = 'pip install "napari-sr[zoo]"'


def spandrel_registry() -> Any:
    """Return spandrel's architectures; raises :class:`ModelError` that says what to install."""
    try:
        from spandrel import MAIN_REGISTRY
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        raise ModelError(
            f"Models that spandrel runs need the package {missing}, which is not installed: {INSTALL}."
        ) from None
    return MAIN_REGISTRY


def rebuilt(architecture: str, state: Mapping[str, Tensor]) -> Any:
    """Return spandrel's descriptor of a model; raises :class:`ModelError` if the weights do not make one."""
    registry = spandrel_registry()
    if architecture not in registry:
        raise ModelError(
            f"The installed spandrel does not know the architecture {architecture!r}. Update it: {INSTALL}."
        )
    try:
        with warnings.catch_warnings():  # of torch, about how its networks are written
            warnings.simplefilter("ignore", UserWarning)
            return registry[architecture].architecture.load(dict(state))  # it may take entries out
    except Exception as error:  # it reads shapes before it checks any: whatever comes means "no"
        raise ModelError(f"The weights do not make a model of {architecture} ({error}).") from error


@NETWORKS.register("spandrel", title="Model of another program, through spandrel")
class SpandrelNetwork(ForeignNetwork):
    """A network that spandrel builds.

    Parameters
    ----------
    architecture
        As spandrel calls it, e.g. ``HAT``.
    scale, in_channels, out_channels, around
        As in :class:`ForeignNetwork`.
    """

    def __init__(
        self,
        *,
        scale: int,
        architecture: str,
        in_channels: int = 1,
        out_channels: int = 1,
        around: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels, around=around)
        self.architecture = architecture
        self._call: Any = None

    def make_room(self, state: Mapping[str, Tensor]) -> None:
        inner = {name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)}
        descriptor = rebuilt(self.architecture, inner)
        self.body: nn.Module = descriptor.model.eval().requires_grad_(False)
        self._call = descriptor._call_fn  # its own call cuts the result at 0 and 1

    def run(self, image: Tensor) -> Tensor:
        out: Tensor = self._call(self.body, image.clone())  # some of them work in place
        return out


def own_names(body: nn.Module) -> dict[str, torch.Tensor]:
    """Return the state dict of a :class:`SpandrelNetwork` that holds ``body``."""
    return {f"{PREFIX}{name}": value.detach().clone() for name, value in body.state_dict().items()}
