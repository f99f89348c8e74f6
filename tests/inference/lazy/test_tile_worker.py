"""Which tiles are computed, in which order, and when that ends."""

import threading
import time

import numpy as np
import pytest

from napari_sr.errors import Cancelled, ImageError
from napari_sr.inference.lazy import tile_worker
from napari_sr.inference.lazy.tile_cache import TileCache
from napari_sr.inference.lazy.tile_grid import Block, Looked, TileGrid, blocks
from napari_sr.inference.lazy.tile_worker import COMPUTING, LOADING, MEASURING, TileWorker

GRID = TileGrid((100, 80), 10)


class Slow:
    """Computes nothing, slowly: each tile waits until it is let go, or is not wanted any more."""

    def __init__(self):
        self.computed, self.cancelled, self.measured, self.threads = [], [], [], set()
        self.go = threading.Semaphore(0)
        self.begun = threading.Event()
        self.wrong: Exception | None = None

    def knows(self, index):
        return index in self.measured

    def measure(self, index, should_stop=None):
        self.measured.append(index)

    def __call__(self, index, rows, columns, should_stop):
        place = rows.start // 10, columns.start // 10
        self.threads.add(threading.get_ident())
        self.begun.set()
        while not self.go.acquire(timeout=0.005):
            if should_stop():
                self.cancelled.append(place)
                raise Cancelled("cancelled")
        if self.wrong:
            raise self.wrong
        self.computed.append((index, place))
        return (np.zeros((10, 10), np.uint8),)


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def made(slow):
    changes = []
    worker = TileWorker(GRID, TileCache(10**6), 50, lambda before: slow, lambda: changes.append(worker.seen()))
    worker.changes = changes
    yield worker
    worker.close()
    assert worker.join(5)


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def places(slow):
    return [place for _, place in slow.computed]


def test_the_nearest_to_the_centre_comes_first(made, slow):
    made.look(Looked((), slice(12, 48), slice(0, 30)))
    slow.go.release(100)
    until(lambda: made.seen().there == 12)
    assert made.seen().wanted == 12
    assert set(places(slow)) == {(row, column) for row in range(1, 5) for column in range(3)}
    distances = [abs(10 * row + 5 - 30) ** 2 + abs(10 * column + 5 - 15) ** 2 for row, column in places(slow)]
    assert distances == sorted(distances)
    until(lambda: made.seen().stage == "")
    assert slow.threads.isdisjoint({threading.get_ident()})
    assert slow.measured == [()]  # once
    stages = [seen.stage for seen in made.changes]
    assert stages.index(LOADING) < stages.index(MEASURING)


def test_the_newest_view_wins_and_what_is_out_of_view_is_dropped_in_the_middle(made, slow):
    made.look(Looked((), slice(0, 100), slice(0, 80)))
    until(slow.begun.is_set)
    made.look(Looked((), slice(0, 10), slice(0, 20)))
    until(lambda: slow.cancelled)
    slow.go.release(100)
    until(lambda: made.seen().there == 2)
    time.sleep(0.03)
    assert sorted(places(slow)) == [(0, 0), (0, 1)]


def test_a_tile_that_is_still_in_view_is_brought_to_its_end(made, slow):
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    made.look(Looked((), slice(0, 20), slice(0, 20)))
    slow.go.release(100)
    until(lambda: made.seen().there == 4)
    assert slow.cancelled == []


def test_another_plane_has_tiles_of_its_own(made, slow):
    slow.go.release(100)
    for plane in (3, 4, 3):
        made.look(Looked((plane,), slice(0, 10), slice(0, 10)))
        until(lambda: made.seen().there == 1)
    assert slow.computed == [((3,), (0, 0)), ((4,), (0, 0))]
    assert slow.measured == [(3,), (4,)]


def test_closing_ends_the_thread_within_a_tile_and_looking_again_starts_another(made, slow):
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    told = len(made.changes)
    made.close()
    assert made.join(5)
    assert slow.cancelled == [(0, 0)]
    assert len(made.changes) == told  # nobody is told of it any more
    slow.go.release(9)
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(lambda: made.seen().there == 1)


def test_a_tile_that_ends_after_closing_is_not_kept(made, slow):
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    with made._wake:  # closed between the network's last layer and the tile's keeping
        slow.go.release(1)
        until(lambda: slow.computed)
        made.close()
    assert made.join(5)
    assert (len(made.cache), made.seen().computed) == (0, 0)


def test_anew_computes_what_is_in_view_again_and_keeps_the_old_tiles_until_then(made, slow):
    slow.go.release(5)
    made.look(Looked((), slice(0, 10), slice(0, 40)))
    until(lambda: made.seen().there == 4)
    made.look(Looked((), slice(0, 10), slice(0, 20)))
    made.anew()
    until(lambda: made.seen().there == 1)  # the fifth
    assert all(made.cache.get(((), (0, column))) is not None for column in range(4))
    slow.go.release(9)
    until(lambda: made.seen().there == 2)
    time.sleep(0.03)
    assert len(slow.computed) == 6  # those out of view wait until they are looked at
    assert slow.measured == [()]
    made.look(Looked((), slice(0, 10), slice(0, 40)))
    until(lambda: made.seen().there == 4)
    assert len(slow.computed) == 8


def test_while_it_is_begun_anew_again_and_again_something_moves(made, slow):
    """A slider that is dragged: a tile that is soon there is shown, and the last position is what stays."""
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    for n in range(5):
        made.anew()
        slow.go.release(1)
        until(lambda n=n: len(slow.computed) == n + 1)
        until(lambda n=n: made.seen().computed == n + 1)
    assert slow.cancelled == []
    slow.go.release(9)
    until(lambda: made.seen().there == 1 and made.seen().stage == "")
    assert len(slow.computed) <= 6  # the tile at the time of the last turn, and one of afterwards


def test_a_tile_that_takes_long_is_left_when_it_is_begun_anew(made, slow):
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    made.anew()
    until(lambda: slow.cancelled)
    slow.go.release(9)
    until(lambda: made.seen().there == 1)
    assert len(slow.computed) == 1


def test_what_takes_long_to_load_is_not_taken_for_a_slow_tile(slow, monkeypatch):
    """While *Mix with* is dragged, the model is loaded again and again, and something moves all the same."""
    monkeypatch.setattr(tile_worker, "SOON", 0.2)
    stages = []

    def make(before):
        stages.append(worker.seen().stage)
        time.sleep(0.3)
        return slow

    worker = TileWorker(GRID, TileCache(10**6), 50, make, lambda: None)
    worker.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    worker.anew()
    slow.go.release(9)
    until(lambda: worker.seen().there == 1)
    assert slow.cancelled == []
    assert stages == [LOADING, COMPUTING]  # never nothing
    worker.close()
    assert worker.join(5)


def test_anew_tries_again_what_failed(made, slow):
    slow.wrong = ImageError("no")
    slow.go.release(1)
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(lambda: made.seen().failure is not None)
    slow.wrong = None
    slow.go.release(9)
    made.anew()
    until(lambda: made.seen().there == 1)
    assert made.seen().failure is None


def test_what_is_made_anew_is_made_of_what_there_was(slow):
    made_of = []

    def make(before):
        made_of.append(before)
        return slow

    worker = TileWorker(GRID, TileCache(10**6), 50, make, lambda: None)
    slow.go.release(99)
    for _ in range(2):
        worker.look(Looked((), slice(0, 10), slice(0, 10)))
        until(lambda: worker.seen().there == 1)
        worker.anew()
    until(lambda: worker.seen().there == 1)
    worker.close()
    assert worker.join(5)
    assert made_of == [None, slow, slow]


def test_what_is_needed_before_the_first_tile_can_be_done_ahead(made, slow):
    made.prepare((2,))
    until(lambda: slow.measured == [(2,)] and made.seen().stage == "")
    assert (made.seen().wanted, made.seen().computed) == (0, 0)
    assert list(dict.fromkeys(seen.stage for seen in made.changes if seen.stage)) == [LOADING, MEASURING]
    before = len(made.changes)
    slow.go.release(9)
    made.look(Looked((2,), slice(0, 10), slice(0, 10)))
    until(lambda: made.seen().there == 1)
    assert {seen.stage for seen in made.changes[before:]} <= {COMPUTING, ""}
    assert slow.measured == [(2,)]


def test_tiles_in_view_come_before_what_is_done_ahead(made, slow):
    made.look(Looked((), slice(0, 10), slice(0, 20)))
    until(slow.begun.is_set)
    made.prepare((5,))
    made.prepare((6,))
    slow.go.release(9)
    until(lambda: made.seen().there == 2 and made.seen().stage == "")
    assert slow.measured == [(), (6,)]


def test_what_fails_ahead_is_said_and_not_tried_for_ever(made, slow, monkeypatch):
    tries = []

    def measure(index, should_stop=None):
        tries.append(index)
        raise ImageError("no")

    monkeypatch.setattr(slow, "measure", measure)
    for _ in range(3):
        made.prepare((1,))
        until(lambda: made.seen().failure is not None and made.seen().stage == "")
        time.sleep(0.02)
    assert tries == [(1,)]


def test_nothing_wanted_starts_no_thread(made, slow):
    made.look(None)
    assert made.join(0)
    made.look(Looked((), slice(0, 10), slice(0, 10)))
    until(slow.begun.is_set)
    made.look(None)
    until(lambda: slow.cancelled)
    assert made.seen().wanted == 0


def test_a_failure_is_kept_the_tile_given_up_and_the_others_computed(made, slow):
    slow.wrong = ImageError("A part of the image cannot be read.")
    slow.go.release(1)
    made.look(Looked((), slice(0, 10), slice(0, 20)))
    until(lambda: made.seen().failure is not None)
    slow.wrong = None
    slow.go.release(9)
    until(lambda: made.seen().there == 1)
    time.sleep(0.03)
    assert str(made.seen().failure) == "A part of the image cannot be read."
    assert len(slow.computed) == 1


def test_a_model_that_cannot_be_loaded_is_not_tried_again(slow):
    tries = []

    def broken(before):
        tries.append(1)
        raise ImageError("no")

    worker = TileWorker(GRID, TileCache(10**6), 50, broken, lambda: None)
    for _ in range(3):
        worker.look(Looked((), slice(0, 30), slice(0, 30)))
        until(lambda: worker.seen().failure is not None)
        time.sleep(0.02)
    assert tries == [1]
    worker.close()
    assert worker.join(5)


def test_no_more_tiles_are_wanted_than_there_is_room_for(slow):
    worker = TileWorker(GRID, TileCache(1000), 5, lambda before: slow, lambda: None)
    slow.go.release(1000)
    worker.look(Looked((), slice(0, 100), slice(0, 80)))
    until(lambda: worker.seen().there == 5)
    time.sleep(0.05)
    assert worker.seen().wanted == 5
    assert len(slow.computed) == 5  # not one after the other for ever
    assert all(3 <= row <= 6 and 2 <= column <= 5 for row, column in places(slow))
    worker.close()
    assert worker.join(5)


def test_less_room_wants_fewer_tiles_at_once_and_then_rests(slow):
    cache = TileCache(1200)
    worker = TileWorker(GRID, cache, 12, lambda before: slow, lambda: None)
    slow.go.release(10_000)
    worker.look(Looked((), slice(0, 40), slice(0, 30)))
    until(lambda: worker.seen().there == 12)
    cache.resize(400)
    worker.resize(4)
    assert worker.seen().wanted == 4  # without another look
    worker.anew()
    until(lambda: worker.seen().there == 4 and worker.seen().stage == "")
    computed = len(slow.computed)
    time.sleep(0.05)
    assert len(slow.computed) == computed <= 12 + 4 + 4
    cache.resize(1200)
    worker.resize(12)
    until(lambda: worker.seen().there == worker.seen().wanted == 12)
    worker.close()
    worker.resize(4)  # nothing is looked at any more
    assert worker.seen().wanted == 0
    assert worker.join(5)


def test_the_cache_is_bounded_and_forgets_what_was_not_used_for_longest():
    cache = TileCache(100)
    for n in range(10):
        cache.put(n, (np.zeros(20, np.uint8), np.zeros(5, np.uint8)))
        cache.get(0)
        assert cache.nbytes <= 100
    assert [n for n in range(10) if n in cache] == [0, 7, 8, 9]
    cache.touch([7])
    cache.put(7, (np.zeros(50, np.uint8),))  # in place of the old one
    assert [n for n in range(10) if n in cache] == [0, 7, 9]
    assert cache.nbytes == 100
    cache.put("too large", (np.zeros(101, np.uint8),))
    assert "too large" not in cache
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_outdated_tiles_are_shown_but_not_there():
    cache = TileCache(100)
    for n in range(4):
        cache.put(n, (np.full(25, n, np.uint8),))
    cache.outdate([0, 1, "none"])
    assert [n for n in range(4) if n in cache] == [2, 3]
    assert cache.get(1)[0][0] == 1
    cache.put(1, (np.full(25, 9, np.uint8),))
    assert 1 in cache
    cache.put(5, (np.zeros(25, np.uint8),))  # in place of 2, which was not used for longest but for 0, which was
    assert [n for n in range(6) if cache.get(n) is not None] == [1, 2, 3, 5]
    cache.outdate()
    assert not any(n in cache for n in range(6))
    cache.put(0, (np.zeros(25, np.uint8),))  # it was outdated when it went
    assert 0 in cache
    cache.resize(50)
    assert cache.nbytes == 50
    assert len(cache) == 2


def test_blocks_cover_what_is_missing_exactly(rng):
    assert blocks([(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)]) == [
        Block(range(2), range(2)), Block(range(2, 3), range(1, 2)),
    ]  # fmt: skip
    for _ in range(50):
        wanted = {(int(y), int(x)) for y, x in rng.integers(0, 6, (rng.integers(0, 30), 2))}
        covered = [place for block in blocks(wanted) for place in block.places()]
        assert sorted(covered) == sorted(wanted)
