"""Something that is shown, computed in the background: only what was asked for last matters."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject

from napari_sr.widgets.base.job import Failed, Job


class Latest:
    """Computes one thing at a time in the background; of what is asked for meanwhile, only the last.

    Parameters
    ----------
    owner
        Is told nothing once it is gone.
    on_result, on_failure
        Receive the result, or a sentence about what went wrong, on the GUI thread.
    """

    def __init__(self, owner: QObject, on_result: Callable[[Any], None], on_failure: Callable[[str], None]) -> None:
        self._owner, self._on_result, self._on_failure = owner, on_result, on_failure
        self.job: Job | None = None
        self._wanted: Callable[[], Any] | None = None

    @property
    def busy(self) -> bool:
        """True while something is computed."""
        return self.job is not None

    def ask(self, compute: Callable[[], Any]) -> None:
        """Ask for ``compute()``, which is called in another thread."""
        self._wanted = compute
        if self.job is None:
            self._next()

    def forget(self) -> None:
        """Want nothing any more; what is computed just now is thrown away."""
        self._wanted = None
        if self.job is not None:
            self.job.abandon()

    def _next(self) -> None:
        compute, self._wanted = self._wanted, None
        if compute is None:
            return

        def make() -> Generator[Any, None, None]:
            yield compute()

        def end(how: Any) -> None:
            self.job = None
            if not isalive(self._owner):
                return
            if isinstance(how, Failed) and not job.abandoned:
                self._on_failure(how.message)
            self._next()

        def show(result: Any) -> None:
            if isalive(self._owner):
                self._on_result(result)

        self.job = job = Job(make, on_event=show, on_end=end, keep=lambda event: True)
        self.job.start()
