"""Asking before the window closes over something that runs."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class CloseGuard(QObject):
    """Watches a window; while ``busy()``, it closes only if ``agreed()``. Calls ``closing()`` once it does.

    Parameters
    ----------
    window
        The window.
    busy, agreed, closing
        Is there something to lose; does the user want to close all the same; what to do then.
    """

    def __init__(
        self, window: QWidget, *, busy: Callable[[], bool], agreed: Callable[[], bool], closing: Callable[[], None]
    ) -> None:
        super().__init__()  # no child of the window, which it would keep alive
        self.busy, self.agreed, self.closing = busy, agreed, closing
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Close:
            if self.busy() and not self.agreed():
                event.ignore()
                return True
            if isinstance(watched, QWidget) and not watched.isVisible():  # nothing will be hidden
                self.closing()
        elif event.type() == QEvent.Type.Hide and not event.spontaneous():  # napari may ask too, and not close
            self.closing()
        return False
