"""Docks on which a file can be dropped."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtGui import QDragEnterEvent, QDropEvent

from napari_sr.widgets.base.dock import Dock


class TakesFiles(Dock):
    """A dock that does something with a file that is dropped on it; others are left to the viewer."""

    def wants(self, file: Path) -> bool:
        """Return True for a file that is for this dock."""
        raise NotImplementedError

    def take(self, file: Path) -> None:
        """Do what is to be done with a file that was dropped."""
        raise NotImplementedError

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Show that a file can be dropped."""
        if event is not None and self._wanted(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take a file that was dropped, unless something is under way."""
        if event is not None and not self.running and (file := self._wanted(event)) is not None:
            event.acceptProposedAction()
            self.take(file)

    def _wanted(self, event: QDropEvent) -> Path | None:
        data = event.mimeData()
        files = [] if data is None else [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        return next((file for file in files if file.is_file() and self.wants(file)), None)
