"""The choice of a file or folder."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


class PathEdit(QWidget):
    """A path of a file or folder, typed, dropped, or chosen."""

    changed = Signal()

    def __init__(self, hint: str) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(hint)
        self.edit.textChanged.connect(self.changed)
        self.folder_button = QPushButton("Folder…")
        self.folder_button.clicked.connect(self._choose)
        self.edit.setToolTip(hint)
        self.folder_button.setToolTip("Choose a folder in a window.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.edit, 1)
        row.addWidget(self.folder_button)

    def path(self) -> Path | None:
        """The path, or None if there is none."""
        text = self.edit.text().strip()
        return Path(text).expanduser() if text else None

    def set_path(self, path: Path) -> None:
        """Show a path."""
        self.edit.setText(str(path))

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of images", self.edit.text())
        if folder:
            self.edit.setText(folder)
