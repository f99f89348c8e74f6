"""What every dock widget of napari-sr has in common: the real viewer, one job at a time, an orderly end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from napari_sr.widgets.base.job import Ended, Failed, Job, Stopped
from napari_sr.widgets.controls.layer_box import LayerBox

logger = logging.getLogger(__name__)


def _log(how: Failed | Stopped | Ended, *, unseen: bool = False) -> None:
    """Keep what a developer needs of a failure that nobody expected, or that no widget shows."""
    if isinstance(how, Failed) and (how.details or unseen):
        logger.error("%s\n%s", how.message, how.details)


def real_viewer(viewer: Any) -> Any:
    """Return the viewer inside the proxy that napari hands to plugins.

    The proxy wraps whatever is read from it anew each time, so that ``viewer.layers.selection.active is layer``
    is never true for a layer got in another way.
    """
    return getattr(viewer, "__wrapped__", viewer)


class ViewerWidget(QWidget):
    """A dock widget that works on the layers of a viewer, with at most one job in the background.

    Parameters
    ----------
    napari_viewer
        The viewer, or napari's proxy of it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = real_viewer(napari_viewer)
        self._job: Job | None = None
        self._side_jobs: list[Job] = []

    def refresh(self) -> None:
        """Enable what can be pressed now; called when a job starts and ends."""
        raise NotImplementedError

    def start_job(
        self,
        make: Callable[[], Generator[Any, None, None]],
        on_event: Callable[[Any], None],
        on_end: Callable[[Failed | Stopped | Ended], None],
        *,
        keep: Callable[[Any], bool] = lambda event: True,
        patient: bool = False,
    ) -> None:
        """Run one job; a second one cannot start before it has ended."""
        if self._job is not None:
            return

        def end(how: Failed | Stopped | Ended) -> None:
            self._job = None
            _log(how)
            if not job.abandoned and isalive(self):  # else the controls are gone
                on_end(how)
                self.refresh()

        self._job = job = Job(make, on_event=self._while_alive(on_event), on_end=end, keep=keep, patient=patient)
        self.refresh()
        self._job.start()

    def start_side_job(
        self,
        make: Callable[[], Generator[Any, None, None]],
        on_event: Callable[[Any], None],
        on_end: Callable[[Failed | Stopped | Ended], None] | None = None,
    ) -> Job:
        """Run something small beside the job, such as reading the list of models again."""

        def end(how: Failed | Stopped | Ended) -> None:
            self._side_jobs.remove(job)
            _log(how, unseen=on_end is None)
            if on_end is not None and not job.abandoned and isalive(self):
                on_end(how)

        job = Job(make, on_event=self._while_alive(on_event), on_end=end, keep=lambda event: True)
        self._side_jobs.append(job)
        job.start()
        return job

    def _while_alive(self, call: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return ``call``, which does nothing once the window is gone: jobs outlive it for a moment."""
        return lambda event: call(event) if isalive(self) else None

    def stopping(self) -> bool:
        """Return True once the job was asked to stop; may be called from any thread."""
        job = self._job
        return job is not None and job.cancelled

    def cancel(self) -> None:
        """Ask the job to stop; it does at its next step."""
        if self._job is not None:
            self._job.cancel()

    def event(self, event: QEvent) -> bool:
        """Stop when the widget is taken out of the window; napari sends no close event then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.shut_down()
        return bool(super().event(event))

    def shut_down(self) -> None:
        """Cancel what is running and stop listening to the viewer and to what ran: the controls will be gone."""
        self.cancel()
        for job in (self._job, *self._side_jobs):
            if job is not None:
                job.abandon()
        for box in self.findChildren(LayerBox):
            box.disconnect_viewer()
