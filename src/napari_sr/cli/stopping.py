"""How a long command is stopped from a shell."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Make the first Ctrl-C set an event, so that the run is saved; a second one ends the program at once."""
    stopped = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stopped.is_set():
            signal.default_int_handler(number, frame)
        stopped.set()
        typer.echo("Stopping after this step … (Ctrl-C again to stop at once)", err=True)

    if threading.current_thread() is not threading.main_thread():  # only there can signals be received
        yield stopped
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
