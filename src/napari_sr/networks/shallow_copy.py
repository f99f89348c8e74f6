"""Copies of networks that share their weights: a deep copy of a thousand layers takes a tenth of a second."""

from __future__ import annotations

from typing import TypeVar, cast

from torch import nn

M = TypeVar("M", bound=nn.Module)


def shallow_copy(module: M) -> M:
    """Return a module whose layers are its own, and whose numbers are those of ``module``.

    Layers, parameters and buffers of the copy can be replaced, cast and moved without touching the original. What
    changes numbers in place changes both.
    """
    return cast(M, _copied(module, {}))


def _copied(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    if id(module) in known:  # used twice
        return known[id(module)]
    found = known[id(module)] = module.__class__.__new__(module.__class__)
    # hooks, buffers and the like are dicts, each module's own
    own = {name: value.copy() if isinstance(value, dict) else value for name, value in module.__dict__.items()}
    children, parameters = module._modules.items(), module._parameters.items()
    own["_modules"] = {name: None if child is None else _copied(child, known) for name, child in children}
    # parameters of their own: casting a module rebinds the numbers of the parameters that it has
    own["_parameters"] = {
        name: None if value is None else nn.Parameter(value.detach(), value.requires_grad) for name, value in parameters
    }
    found.__dict__.update(own)
    return found
