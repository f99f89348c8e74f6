"""The background thread that computes the tiles in view: what was looked at last first, from its centre outwards."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from napari_sr.errors import Cancelled
from napari_sr.inference.lazy.tile_cache import Tile, TileCache
from napari_sr.inference.lazy.tile_grid import Block, Looked, Place, TileGrid

#: where a tile lies: the plane, and the place in its grid; None for what has to be known of a plane before its tiles
Key = tuple[tuple[int, ...], Place | None]
#: what is being done
LOADING, MEASURING, COMPUTING = "loading the model", "looking at the whole plane", "computing"
#: seconds that the end of the program waits for the thread
PATIENCE = 2.0
#: seconds within which a tile is finished although it is outdated: while a slider is dragged, something has to move
SOON = 1.0


class Compute(Protocol):
    """What a worker works with; it lives in the worker's thread."""

    def knows(self, index: tuple[int, ...]) -> bool:
        """Return True if a plane was measured."""

    def measure(self, index: tuple[int, ...], should_stop: Callable[[], bool] | None = None) -> None:
        """Find out what holds for a whole plane; raises :class:`Cancelled` if it should stop."""

    def __call__(self, index: tuple[int, ...], rows: slice, columns: slice, should_stop: Callable[[], bool]) -> Tile:
        """Return a tile as it is seen from all distances; raises :class:`Cancelled` if it should stop."""


#: what computes tiles, and how often it had been begun anew when it was made
_Made = tuple[int, Compute | None]


@dataclass(frozen=True)
class Seen:
    """How far the tiles in view are.

    Attributes
    ----------
    there, wanted
        Tiles in view that were computed, and all of them; none are wanted if none are to be seen.
    stage
        What is being done; empty if nothing is.
    failure
        What went wrong first; None if nothing did.
    computed
        Tiles that were computed so far, in view or not: there is something new to show if there are more.
    """

    there: int
    wanted: int
    stage: str = ""
    failure: Exception | None = None
    computed: int = 0


class TileWorker:
    """Computes tiles while there are some missing in view; sleeps otherwise.

    Parameters
    ----------
    grid
        Of the tiles.
    cache
        Receives them.
    at_once
        How many tiles fit into the cache: no more are wanted.
    make
        Called in the thread, once, and again after :meth:`anew`, with what it returned before; returns what computes a
        tile.
    changed
        Called from the thread whenever :meth:`seen` has changed.
    """

    def __init__(
        self, grid: TileGrid, cache: TileCache, at_once: int, make: Callable[[Compute | None], Compute],
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self.grid, self.cache, self._at_once, self._make, self._changed = grid, cache, at_once, make, changed
        self._looked: Looked | None = None
        self._wake = threading.Condition()
        self._wanted: dict[Key, None] = {}
        #: plane that is to be measured before tiles of it are wanted
        self._ahead: tuple[int, ...] | None = None
        #: tiles and planes that cannot be computed; None if nothing can be
        self._given_up: set[Key | tuple[int, ...] | None] = set()
        self._stage, self._computed = "", 0
        #: how often it was begun anew
        self._age = 0
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._threads: list[threading.Thread] = []

    def look(self, looked: Looked | None) -> None:
        """Want the tiles of a window, and no others any more; None: want none. Starts the thread when it is needed."""
        self._looked, wanted = looked, dict[Key, None]()
        if looked is not None:
            places = self.grid.nearest_first(looked)[: self._at_once]
            wanted = {(looked.index, place): None for place in places}
        self.cache.touch(wanted)
        with self._wake:
            self._wanted = wanted
            self._go_on()

    def prepare(self, index: tuple[int, ...]) -> None:
        """Load the model, and measure a plane of which tiles may be wanted soon."""
        with self._wake:
            self._ahead = index
            self._go_on()

    def resize(self, at_once: int) -> None:
        """Want no more tiles at a time than fit into the cache now, and no fewer."""
        self._at_once = at_once
        self.look(self._looked)

    def anew(self) -> None:
        """Compute all tiles again that are wanted, now or later; the old ones stay until then."""
        with self._wake:
            self._age += 1
            self.cache.outdate()
            self._given_up, self._failure = set(), None
            self._go_on()

    def seen(self) -> Seen:
        """Return how far it is."""
        wanted = self._wanted
        there = sum(key in self.cache for key in wanted)
        return Seen(there, len(wanted), self._stage, self._failure, self._computed)

    def close(self) -> None:
        """Want nothing any more, and end the thread at its next step; :meth:`look` starts another one."""
        with self._wake:
            self._wanted, self._looked, self._ahead, self._thread, self._stage = {}, None, None, None, ""
            self._stop.set()
            self._wake.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait for the end of what was closed; False if it has not come by then."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _go_on(self) -> None:
        if self._thread is None and self._next() is not None:
            self._start()
        self._wake.notify_all()

    def _start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="napari-sr tiles", daemon=True)
        self._threads = [*(t for t in self._threads if t.is_alive()), self._thread]
        self._thread.start()

    def _next(self) -> Key | None:
        """Return the tile that is wanted most; None if there is nothing to do."""
        if None in self._given_up:
            return None
        missing = (key for key in self._wanted if key not in self.cache)
        found = next((k for k in missing if k not in self._given_up and k[0] not in self._given_up), None)
        if found is None and self._ahead is not None and self._ahead not in self._given_up:
            return self._ahead, None
        return found

    def _run(self, stop: threading.Event) -> None:
        # torch must not be at work when the interpreter is taken down
        leave = partial(self._leave, threading.current_thread())
        atexit.register(leave)
        made: _Made = (-1, None)
        try:
            while (key := self._wait(stop)) is not None:
                made = self._work(key, made, stop)
        finally:
            atexit.unregister(leave)

    def _leave(self, thread: threading.Thread) -> None:
        self.close()
        thread.join(PATIENCE)

    def _wait(self, stop: threading.Event) -> Key | None:
        """Return the next tile, once there is one; None if the thread is to end."""
        while not stop.is_set():
            with self._wake:
                while not (stop.is_set() or self._stage):
                    if (key := self._next()) is not None:
                        return key
                    self._wake.wait()
                if not stop.is_set() and (key := self._next()) is not None:
                    return key
            self._tell("")  # without the lock: whoever is told may want something, and would wait for it for ever
        return None

    def _work(self, key: Key, made: _Made, stop: threading.Event) -> _Made:
        """Compute one tile, or what is needed for it; returns what computed it, and its age."""
        index, place = key
        age, (of_age, compute) = self._age, made
        began = time.monotonic()

        def stale() -> bool:
            outdated = self._age != age and time.monotonic() - began > SOON
            return stop.is_set() or key not in self._wanted or outdated

        blamed: Key | tuple[int, ...] | None = None
        try:
            if compute is None or of_age != age:
                self._tell(LOADING if compute is None else COMPUTING)
                of_age, compute = age, self._make(compute)
                began = time.monotonic()  # of a tile that is soon there, whatever it took to load
            blamed = index
            if not compute.knows(index):
                self._tell(MEASURING)
                compute.measure(index, stop.is_set)
            if place is not None:
                blamed = key
                self._tell(COMPUTING)
                window = self.grid.window(Block(*(range(n, n + 1) for n in place)))
                tile = compute(index, *window, stale)
                with self._wake:
                    if not stop.is_set():  # what was closed may be emptied
                        self.cache.put(key, tile)
                        self._computed += 1
                        if self._age != age:
                            self.cache.outdate([key])
        except Cancelled:
            pass  # it is not looked at any more
        except Exception as error:  # noqa: BLE001 - the last stop of the thread; whoever shows the tiles says it
            with self._wake:
                if self._age == age:  # otherwise it is tried again, as it is wanted now
                    self._given_up.add(blamed)
                    self._failure = self._failure or error
        with self._wake:
            if self._ahead == index:
                self._ahead = None
        if not stop.is_set():
            self._changed()
        return of_age, compute

    def _tell(self, stage: str) -> None:
        if self._stage != stage:
            self._stage = stage
            self._changed()
