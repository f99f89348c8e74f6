"""Tiles that were computed, in a bounded amount of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Any

import numpy.typing as npt

#: bytes that are kept: some 400 tiles of a x4 model on 8 bit, which is several views
CACHE_BYTES = 512 * 1024**2
#: one tile, as it is shown at every zoom: the finest first
Tile = tuple[npt.NDArray[Any], ...]


class TileCache:
    """Keeps the tiles that were used last, up to a number of bytes; any thread may use it.

    Tiles that were outdated are still shown, and are not there for whoever asks whether one has to be computed.

    Parameters
    ----------
    limit
        Bytes. What alone is larger is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.nbytes = limit, 0
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()
        self._outdated: set[Hashable] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tiles)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._tiles and key not in self._outdated

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
            self._outdated.discard(key)
            if (size := _bytes(tile)) > self.limit:
                return
            self._make_room(size)
            self._tiles[key] = tile
            self.nbytes += size

    def outdate(self, keys: Iterable[Hashable] | None = None) -> None:
        """Count tiles as outdated; without ``keys``, all of them."""
        with self._lock:
            self._outdated |= self._tiles.keys() if keys is None else self._tiles.keys() & set(keys)

    def resize(self, limit: int) -> None:
        """Keep up to another number of bytes."""
        with self._lock:
            self.limit = limit
            self._make_room(0)

    def _make_room(self, size: int) -> None:
        while self.nbytes + size > self.limit:
            key, tile = self._tiles.popitem(last=False)
            self._outdated.discard(key)
            self.nbytes -= _bytes(tile)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._tiles.clear()
            self._outdated.clear()
            self.nbytes = 0


def _bytes(tile: Tile) -> int:
    return sum(part.nbytes for part in tile)
