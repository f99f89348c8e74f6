"""Running a generator of events off the GUI thread, so that nothing that happens there is lost.

superqt's ``GeneratorWorker`` swallows ``RuntimeError``, the class of CUDA's out-of-memory and of torch's
shape errors: neither ``errored`` nor ``finished`` is emitted. Here every exception becomes an event
before superqt sees it, and cancelling closes the generator at once.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from qtpy.compat import isalive
from superqt.utils import GeneratorWorker

from napari_sr.errors import Cancelled, SRError

#: at most this many seconds apart, events reach the GUI; the last one always does
EVENT_SECONDS = 0.05


@dataclass(frozen=True)
class Failed:
    """The job ended with an error."""

    message: str
    details: str = ""


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled."""


@dataclass(frozen=True)
class Ended:
    """The job came to its end."""


class _Worker(GeneratorWorker):
    """superqt's worker, but for warnings.

    The original replaces the filters of the whole process while it runs: two at a time leave each other's in place, and
    what the main thread ignores for a moment is not ignored.
    """

    def run(self) -> None:
        """Do what the original does, with the process's own warnings. What goes wrong is an event: see :class:`Job`."""
        self.started.emit()
        self._running = True
        try:
            self.work()
        finally:
            self._running = False
            if isalive(self.signals):  # else the program is ending, and nobody listens: to emit would abort it
                self.finished.emit()
                self._finished.emit(self)


class Job:
    """One background job.

    Parameters
    ----------
    make
        Called in the background; returns the generator to run.
    on_event
        Receives the generator's events on the GUI thread; of several within ``EVENT_SECONDS`` only the
        last, but always those for which ``keep`` is true.
    on_end
        Receives :class:`Failed`, :class:`Stopped` or :class:`Ended` on the GUI thread, exactly once.
    keep
        Which events must not be dropped.
    patient
        Leave it to the generator when to stop once it was asked to: it has things to bring to an end.
    """

    def __init__(
        self,
        make: Callable[[], Generator[Any, None, None]],
        *,
        on_event: Callable[[Any], None],
        on_end: Callable[[Failed | Stopped | Ended], None],
        keep: Callable[[Any], bool] = lambda event: False,
        patient: bool = False,
    ) -> None:
        self._patient = patient
        self._cancel = threading.Event()
        self._on_event, self._on_end = on_event, on_end
        self._make, self._keep = make, keep
        self._worker = _Worker(self._run)
        self._worker.yielded.connect(self._receive)
        self.running = self.abandoned = False

    def start(self) -> None:
        """Start in the background."""
        self.running = True
        self._worker.start()

    def cancel(self) -> None:
        """Ask to stop; takes effect at the generator's next event."""
        self._cancel.set()

    def abandon(self) -> None:
        """Ask to stop, and pass on nothing any more but the end: who asked for the job is gone."""
        self.abandoned = True
        self.cancel()

    @property
    def cancelled(self) -> bool:
        """True once :meth:`cancel` was called."""
        return self._cancel.is_set()

    def _receive(self, event: Any) -> None:
        ended = isinstance(event, Failed | Stopped | Ended)
        if ended:
            self.running = False
            self._on_end(event)
        elif not self.abandoned:
            self._on_event(event)

    def _run(self) -> Generator[Any, None, None]:
        end: Failed | Stopped | Ended = Ended()
        last, held = 0.0, None
        generator = None
        try:
            generator = self._make()
            for event in generator:
                if self._cancel.is_set() and not self._patient:
                    end = Stopped()
                    break
                now = time.monotonic()
                if self._keep(event) or now - last >= EVENT_SECONDS:
                    last, held = now, None
                    yield event
                else:
                    held = event
        except Cancelled:
            end = Stopped()
        except SRError as error:
            end = Failed(str(error))
        except Exception as error:  # noqa: BLE001 - the last stop before superqt: what passes here is lost
            end = Failed(unexpected(error), traceback.format_exc())
        finally:
            if generator is not None:
                generator.close()
        if held is not None and isinstance(end, Ended):
            yield held
        yield end


def unexpected(error: BaseException) -> str:
    """Return a sentence for an error that nobody foresaw, or that an installation causes."""
    if isinstance(error, OSError) and getattr(error, "winerror", None) == 1114:
        return (
            "PyTorch could not be loaded after Qt (WinError 1114). Close napari and start it with: "
            'python -c "import torch, napari; napari.run(napari.Viewer())"'
        )
    if isinstance(error, MemoryError):
        return "The computer's memory is full. Close other programs, or work on a part of the image."
    return f"Something unexpected went wrong ({type(error).__name__}: {error}). Details are in the terminal."
