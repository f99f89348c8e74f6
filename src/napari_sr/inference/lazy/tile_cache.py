"""Tiles that were computed, in a bounded amount of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any

import numpy.typing as npt

#: one tile, as it is shown at every zoom: the finest first
Tile = tuple[npt.NDArray[Any], ...]


class TileCache:
    """Keeps the tiles that were used last, up to a number of bytes; any thread may use it.

    Parameters
    ----------
    limit
        Bytes. What alone is larger is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.nbytes = limit, 0
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._tiles

    def get(self, key: Hashable) -> Tile | None:
        """Return a tile, which counts as used; None if it is not there."""
        with self._lock:
            if (tile := self._tiles.get(key)) is not None:
                self._tiles.move_to_end(key)
            return tile

    def touch(self, keys: Iterable[Hashable]) -> None:
        """Count tiles as used: others go first."""
        with self._lock:
            for key in keys:
                if key in self._tiles:
                    self._tiles.move_to_end(key)

    def put(self, key: Hashable, tile: Tile) -> None:
        """Keep a tile; those that were not used for longest make room."""
        with self._lock:
            self.nbytes -= _bytes(self._tiles.pop(key, ()))
            if (size := _bytes(tile)) > self.limit:
                return
            while self.nbytes + size > self.limit:
                self.nbytes -= _bytes(self._tiles.popitem(last=False)[1])
            self._tiles[key] = tile
            self.nbytes += size

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._tiles.clear()
            self.nbytes = 0


def _bytes(tile: Tile) -> int:
    return sum(part.nbytes for part in tile)
