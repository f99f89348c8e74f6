"""What every dock widget of napari-sr has in common: the real viewer, one job at a time, an orderly end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from typing import Any

from napari.utils.notifications import show_info
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QSize, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QKeyEvent, QShowEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QDockWidget,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_sr.widgets.base.close_guard import CloseGuard
from napari_sr.widgets.base.colours import focus_style
from napari_sr.widgets.base.job import Ended, Failed, Job, Stopped
from napari_sr.widgets.base.sections import VerticalArea
from napari_sr.widgets.controls.layer_box import LayerBox
from napari_sr.widgets.layers.legend import MapLegend

logger = logging.getLogger(__name__)
#: seconds after which the end of a job is told also to those who look elsewhere
LONG = 10.0
#: pixels by which the middles of controls in one row may differ
ROW = 12
#: pixels that a dock takes at first
WIDTH = 370
HANDBOOK = "https://github.com/napari-sr/napari-sr/blob/main/"


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


class Dock(QWidget):
    """A dock widget that works on the layers of a viewer, with at most one job in the background.

    Its content scrolls where the window is too low; with others of napari-sr it shares a place, as tabs.

    Parameters
    ----------
    napari_viewer
        The viewer, or napari's proxy of it.
    title
        For notifications.
    help_page
        Page of the handbook, with an anchor.
    """

    def __init__(self, napari_viewer: Any, *, title: str = "", help_page: str = "") -> None:
        super().__init__()
        self.viewer = real_viewer(napari_viewer)
        self.title, self.help_page = title, help_page
        self.job: Job | None = None
        self.side_jobs: list[Job] = []
        self.dialog: Any = None  #: that was opened last
        self._placed = False
        window = getattr(getattr(self.viewer, "window", None), "_qt_window", None)
        # a window that closes takes its docks with it without telling them
        self.guard: CloseGuard | None = None
        if window is not None:
            self.guard = CloseGuard(window, may_close=self.may_close, closing=self.on_closing)
        self._frame()

    def _frame(self) -> None:
        style = focus_style()
        if self.styleSheet() != style:
            self.setStyleSheet(style)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange and hasattr(self, "title"):
            self._frame()

    def lay_out(self, content: QWidget, *below: QWidget) -> None:
        """Take ``content`` in, which scrolls, and what stays in view below it."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(VerticalArea(content), 1)
        for part in below:
            layout.addWidget(part)

    def open_handbook(self) -> None:
        """Open the page on this dock in the browser."""
        QDesktopServices.openUrl(QUrl(HANDBOOK + self.help_page))

    @property
    def running(self) -> bool:
        """True while the job is under way."""
        return self.job is not None

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
        unasked: bool = False,
    ) -> None:
        """Run one job; a second one cannot start before it has ended. Who did not ask for it is not told of its end."""
        if self.job is not None:
            return
        started = time.monotonic()

        def end(how: Failed | Stopped | Ended) -> None:
            self.job = None
            _log(how)
            if not job.abandoned and isalive(self):  # else the controls are gone
                on_end(how)
                self.refresh()
                if time.monotonic() - started > LONG and not unasked and not isinstance(how, Stopped):
                    show_info(f"{self.title}: {how.message if isinstance(how, Failed) else self.outcome()}")

        self.job = job = Job(make, on_event=self._while_alive(on_event), on_end=end, keep=keep, patient=patient)
        self.refresh()
        self.job.start()

    def outcome(self) -> str:
        """Return what is told of a job that has ended, to those who look elsewhere."""
        return "done."

    def start_side_job(
        self,
        make: Callable[[], Generator[Any, None, None]],
        on_event: Callable[[Any], None],
        on_end: Callable[[Failed | Stopped | Ended], None] | None = None,
    ) -> Job:
        """Run something small beside the job, such as reading the list of models again."""

        def end(how: Failed | Stopped | Ended) -> None:
            self.side_jobs.remove(job)
            _log(how, unseen=on_end is None)
            if on_end is not None and not job.abandoned and isalive(self):
                on_end(how)

        job = Job(make, on_event=self._while_alive(on_event), on_end=end, keep=lambda event: True)
        self.side_jobs.append(job)
        job.start()
        return job

    def _while_alive(self, call: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return ``call``, which does nothing once the window is gone: jobs outlive it for a moment."""
        return lambda event: call(event) if isalive(self) else None

    def stopping(self) -> bool:
        """Return True once the job was asked to stop; may be called from any thread."""
        job = self.job
        return job is not None and job.cancelled

    def cancel(self) -> None:
        """Ask the job to stop; it does at its next step."""
        if self.job is not None:
            self.job.cancel()

    # -- the window -------------------------------------------------------------------------------

    def may_close(self) -> bool:
        """Return True if the window may close; asks where something would be lost."""
        return True

    def on_closing(self) -> None:
        """The window closes: ask the job, and what runs beside it, to stop."""
        self.cancel()
        for job in self.side_jobs:
            job.cancel()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size at which no text is cut; the smallest is narrower."""
        return super().sizeHint().expandedTo(QSize(WIDTH, 0))

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Share the place of another dock of napari-sr, as a tab: side by side, both would be too small to use."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            self._join_others()

    def _join_others(self) -> None:
        mine = _dock_of(self)
        window = None if mine is None else mine.parent()
        if mine is None or not isinstance(window, QMainWindow):
            return
        if self.title:  # as a tab, there is no room for the name of the package behind it
            mine.setWindowTitle(self.title)
        area = window.dockWidgetArea(mine)
        for other in window.findChildren(Dock):
            dock = _dock_of(other)
            if dock is None or dock is mine or dock.isFloating() or window.dockWidgetArea(dock) != area:
                continue
            window.tabifyDockWidget(dock, mine)
            mine.raise_()
            return

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - Qt's name
        """Let Enter press the button that has the focus, as Space does."""
        focused = self.focusWidget()
        enter = event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and isinstance(focused, QAbstractButton) and self.isAncestorOf(focused):
            focused.click()
        else:
            super().keyPressEvent(event)

    def tab_order(self) -> list[QWidget]:
        """Return what the keys reach, in the order in which it is read: row by row, from left to right."""
        found = [
            control
            for control in self.findChildren(QWidget)
            if control.focusPolicy() & Qt.FocusPolicy.TabFocus
            and control.focusProxy() is None
            and control.isVisibleTo(self)
            and control.isEnabledTo(self)
            and not isinstance(control, QScrollArea)
        ]
        tops = {control: control.mapTo(self, control.rect().topLeft()) for control in found}
        found.sort(key=lambda control: (tops[control].y() + control.height() / 2, tops[control].x()))
        rows: list[list[QWidget]] = []
        for control in found:  # what overlaps in height stands in one row
            middle = tops[control].y() + control.height() / 2
            if rows and middle - (tops[rows[-1][0]].y() + rows[-1][0].height() / 2) < ROW:
                rows[-1].append(control)
            else:
                rows.append([control])
        return [control for row in rows for control in sorted(row, key=lambda c: tops[c].x())]

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002, N802 - Qt's names
        """Go on in the order in which the dock is read, whatever the order in which it was built."""
        order, current = self.tab_order(), self.focusWidget()
        while current is not None and current not in order and current is not self:
            current = current.parentWidget()
        at = order.index(current) + (1 if next else -1) if current in order else (0 if next else len(order) - 1)
        if not 0 <= at < len(order):  # out of the dock
            return bool(super().focusNextPrevChild(next))
        order[at].setFocus(Qt.FocusReason.TabFocusReason if next else Qt.FocusReason.BacktabFocusReason)
        return True

    def event(self, event: QEvent) -> bool:
        """Stop when the widget is taken out of the window; napari sends no close event then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.shut_down()
        return bool(super().event(event))

    def shut_down(self) -> None:
        """Cancel what is running and stop listening to the viewer and to what ran: the controls will be gone."""
        self.cancel()
        if self.guard is not None:
            self.guard.end()
            self.guard = None
        for job in (self.job, *self.side_jobs):
            if job is not None:
                job.abandon()
        for follower in (*self.findChildren(LayerBox), *self.findChildren(MapLegend)):
            follower.disconnect_viewer()


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
