"""How long a run has lasted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Counts the seconds of a run without its pauses.

    Attributes
    ----------
    earlier
        Seconds of the parts before the run was resumed.
    """

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.paused = 0.0
        self.earlier = 0.0

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave out what is done meanwhile."""
        since = time.monotonic()
        try:
            yield
        finally:
            self.paused += time.monotonic() - since

    def seconds(self) -> float:
        """Return how long this part of the run has lasted."""
        return time.monotonic() - self.start - self.paused

    def total(self) -> float:
        """Return how long the run has lasted, its earlier parts included."""
        return self.earlier + self.seconds()
