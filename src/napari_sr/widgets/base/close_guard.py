"""Asking before the window closes over something that runs."""

from __future__ import annotations

from collections.abc import Callable
from weakref import ref

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class CloseGuard(QObject):
    """Watches a window: it closes only if it ``may_close()``. Calls ``closing()`` once it does.

    Parameters
    ----------
    window
        The window.
    may_close, closing
        Is nothing lost, or does the user want to close all the same; what to do then.
    """

    def __init__(self, window: QWidget, *, may_close: Callable[[], bool], closing: Callable[[], None]) -> None:
        super().__init__()  # no child of the window, which it would keep alive
        self._window = ref(window)  # whose end it is no reason to put off
        self.may_close, self.closing = may_close, closing
        window.installEventFilter(self)

    def end(self) -> None:
        """Watch no longer; the window may be gone."""
        window = self._window()
        if window is not None and isalive(window):
            window.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Close:
            if not self.may_close():
                event.ignore()
                return True
            if isinstance(watched, QWidget) and not watched.isVisible():  # nothing will be hidden
                self.closing()
        elif event.type() == QEvent.Type.Hide and not event.spontaneous():  # napari may ask too, and not close
            self.closing()
        return False
