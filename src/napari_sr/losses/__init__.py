"""Losses: (pred, target) -> scalar, on network values of shape (N, C, H, W); found by name in :data:`LOSSES`."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from napari_sr.arguments import check_arguments
from napari_sr.registry import Registry

__all__ = ["LOSSES", "create_loss"]

LOSSES: Registry[type[nn.Module]] = Registry(kind="loss", package="napari_sr.losses")


def create_loss(name: str, *, lower: float = 0.0, upper: float = 1.0, **options: Any) -> nn.Module:
    """Build the loss called ``name`` for network values from ``lower`` to ``upper``.

    Raises
    ------
    ConfigError
        If the name or an option is unknown, or an option is of another kind.
    """
    loss_class = LOSSES[name]
    known = inspect.signature(loss_class).parameters
    limits = {k: v for k, v in {"lower": lower, "upper": upper}.items() if k in known}
    return loss_class(**check_arguments(f"loss {name!r}", loss_class, {**limits, **options}))
