"""Hyper-parameters of our own networks, from the names and shapes of their weights."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from napari_sr.errors import ConfigError
from napari_sr.models.formats.found import State
from napari_sr.networks import NETWORKS, SRNetwork, create_network

Shapes = dict[str, tuple[int, ...]]


def count(names: Mapping[str, Any], pattern: str) -> int:
    """Return one more than the largest number at the group of a pattern; 0 if none fits."""
    matches = (re.match(pattern, name) for name in names)
    return 1 + max((int(m[1]) for m in matches if m), default=-1)


def sizes(state: State) -> Shapes:
    """Return the shapes of arrays."""
    return {name: tuple(t.shape) for name, t in state.items()}


def _first(shapes: Shapes, pattern: str, axis: int) -> int | None:
    """Return a side of the first array whose name fits."""
    return next((s[axis] for name, s in shapes.items() if re.fullmatch(pattern, name)), None)


def _reduction(shapes: Shapes) -> list[int]:
    """Return the ways in which a bottleneck of channel attention can have come about, the usual first."""
    down = next((s for name, s in shapes.items() if re.fullmatch(r".*attention\.down\.weight", name)), None)
    if down is None:
        return []
    fitting = [r for r in range(1, down[1] + 1) if max(down[1] // r, 1) == down[0]]
    return [16] if 16 in fitting else fitting[:1]


def _squares(shapes: Shapes) -> list[int]:
    """Return the side of a linear filter's kernel: of taps (scale², 1, k, k), or of a bank of them, flat."""
    taps = next((s for name, s in shapes.items() if re.fullmatch(r"(.*\.)?taps", name)), None)
    return [] if taps is None else [round(taps[-1] ** 0.5) if len(taps) == 3 else taps[-1]]


def _one(value: int | None) -> list[int]:
    return [] if not value else [value]


def _blocks(shapes: Shapes) -> list[int]:
    """Return how many blocks there may be, by the ways in which networks number them."""
    counts = [count(shapes, pattern) for pattern in (
        r"blocks\.(\d+)\.", r"groups\.\d+\.blocks\.(\d+)\.", r"groups\.\d+\.(\d+)\."
    )]  # fmt: skip
    pairs = count(shapes, r"body\.(\d+)\.") // 2  # of a convolution and an activation
    recursions = _first(shapes, r"weights", 0) or 0
    return sorted({n for n in (*counts, pairs, pairs - 1, pairs - 2, recursions) if n > 0})


def _window(shapes: Shapes) -> list[int]:
    """Return the side of windows of attention, which have (2 * side - 1)² relative positions."""
    positions = _first(shapes, r"blocks\.0\.layers\.0\.attention\.position_bias", 0)
    return [] if positions is None else [(round(positions**0.5) + 1) // 2]


def _ratio(shapes: Shapes, pattern: str) -> list[float]:
    """Return how much wider a layer's output is than its input."""
    return next(([s[0] / s[1]] for name, s in shapes.items() if re.fullmatch(pattern, name)), [])


def _channels(shapes: Shapes, name: str, axis: int) -> list[int]:
    """Return how many channels there may be, from the first or the last layer: grey, colours, or what it says."""
    sides = [shapes[name][axis]] if name in shapes and len(shapes[name]) > axis else []
    return [n for n in (1, 3) if not sides or sides[0] % n == 0] or sides


#: what the shapes say about parameters of constructors, by their names
KNOWN: Mapping[str, Callable[[Shapes], Sequence[float]]] = {
    "in_channels": lambda s: _channels(s, "first.weight", 1),
    "out_channels": lambda s: _channels(s, "last.conv.weight", 0),
    "num_features": lambda s: _one(_first(s, r"first\.(parametrizations\.)?weight(\.original1)?", 0)),
    "num_blocks": _blocks,
    "num_groups": lambda s: _one(count(s, r"groups\.(\d+)\.")),
    "growth": lambda s: _one(_first(s, r"blocks\.0\.blocks\.0\.convs\.0\.weight", 0)),
    "reduction": _reduction,
    "kernel_size": _squares,
    "num_layers": lambda s: _one(count(s, r"blocks\.0\.layers\.(\d+)\.")),
    "num_heads": lambda s: _one(_first(s, r"blocks\.0\.layers\.0\.attention\.position_bias", 1)),
    "window_size": _window,
    "mlp_ratio": lambda s: _ratio(s, r"blocks\.0\.layers\.0\.mlp\.0\.weight"),
    "num_shrunk": lambda s: _one(_first(s, r"body\.1\.weight", 0)),
    "num_maps": lambda s: _one(_first(s, r"body\.1\.weight", 0)),
    "expansion": lambda s: [round(r) for r in _ratio(s, r"blocks\.0\.conv1\.parametrizations\.weight\.original1")],
}
#: what leaves no trace in the weights
SILENT = ("head", "mean")


def fitting(name: str, state: State, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield hyper-parameters with which a network of ours has exactly these weights.

    Parameters
    ----------
    name
        In ``NETWORKS``.
    state
        Weights in our names.
    given
        Hyper-parameters that are known otherwise.
    """
    shapes = sizes(state)
    for settings in _settings(name, shapes, given):
        if built_shapes(name, settings) == shapes:
            yield settings


def misfit(name: str, state: State, given: Mapping[str, Any]) -> list[str]:
    """Return the arrays that are too many, missing or of another shape, beside the network that comes nearest."""
    shapes = sizes(state)
    every = (built_shapes(name, settings) for settings in _settings(name, shapes, given))
    differing = [sorted({n for n, _ in shapes.items() ^ built.items()}) for built in every if built]
    return min(differing, key=len, default=sorted(shapes))


def _settings(name: str, shapes: Shapes, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    choices = {**_choices(NETWORKS[name], shapes), **{k: [v] for k, v in given.items()}}
    for values in itertools.product(*choices.values()):
        settings = dict(zip(choices, values, strict=True))
        if settings.get("num_blocks", 0) <= len(shapes):  # not a thousand of them, for one name with a large number
            yield settings


def built_shapes(name: str, settings: Mapping[str, Any]) -> Shapes:
    """Return the shapes of a network's weights, without making them; empty if it cannot be built."""
    return dict(_built_shapes(name, NETWORKS[name], tuple(sorted(settings.items()))))


@lru_cache(maxsize=128)  # a network of hundreds of layers takes half a second, and is asked for several times
def _built_shapes(name: str, network: type[SRNetwork], settings: tuple[tuple[str, Any], ...]) -> Shapes:
    try:
        with torch.device("meta"):
            return sizes(create_network(name, **dict(settings)).state_dict())
    except ConfigError:
        return {}


def _choices(network: type[SRNetwork], shapes: Shapes) -> dict[str, list[Any]]:
    """Return the values that each parameter of a constructor may have."""
    hints = get_type_hints(network.__init__)
    choices: dict[str, list[Any]] = {}
    for name, parameter in inspect.signature(network).parameters.items():
        if name == "scale":
            choices[name] = list(network.scales)
        elif name in KNOWN:
            choices[name] = list(KNOWN[name](shapes)) or [parameter.default]
        elif name not in SILENT and get_origin(hints[name]) is Literal:
            choices[name] = list(get_args(hints[name]))
        elif hints[name] is bool:
            choices[name] = [False, True]
    return choices
