"""Functions that report by calling back, as generators of events."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any


def iter_callbacks(call: Callable[[Callable[[Any], None]], Any]) -> Generator[Any, None, Any]:
    """Run ``call(on_event)`` in a thread of its own and yield what it hands to ``on_event``.

    The generator ends with the function; its result is the generator's, and what it raises is raised. A generator
    that is closed early waits for the function, which has to be told to stop in another way.
    """
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    over = object()
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["result"] = call(events.put)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            outcome["error"] = error
        finally:
            events.put(over)

    thread = threading.Thread(target=work, name="napari-sr training", daemon=True)
    thread.start()
    try:
        while (event := events.get()) is not over:
            yield event
    finally:
        thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]
