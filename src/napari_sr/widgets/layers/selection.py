"""Adding and taking away layers without choosing any: choosing is the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

#: how many operations of our own are under way, by list of layers
_held: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """Leave the selection as it was, and let no list of layers follow what happens to it meanwhile."""
    layers = viewer.layers
    selected, active = list(layers.selection), layers.selection.active
    _held[layers] = _held.get(layers, 0) + 1
    try:
        yield
        there = [layer for layer in selected if layer in layers]
        if there and set(layers.selection) != set(there):
            layers.selection = set(there)
        if active is not None and active in layers and layers.selection.active is not active:
            layers.selection.active = active
    finally:
        _held[layers] -= 1


def is_held(layers: Any) -> bool:
    """Return True while layers come and go for reasons of our own."""
    return _held.get(layers, 0) > 0
