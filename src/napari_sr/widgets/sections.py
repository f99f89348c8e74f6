"""Panels that fold, and that scroll where the window is too low for them."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QLayout, QScrollArea, QWidget
from superqt import QCollapsible


class VerticalArea(QScrollArea):
    """A scroll area that is never narrower than what is in it."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        size, content, bar = super().minimumSizeHint(), self.widget(), self.verticalScrollBar()
        if content is not None and bar is not None:
            size.setWidth(content.minimumSizeHint().width() + bar.sizeHint().width())
        return size


class Section(QCollapsible):
    """Grows with its content: the original only notices a content that was given more room."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.LayoutRequest and self.isExpanded():
            self.expand(animate=False)
        return bool(super().eventFilter(watched, event))


def section(title: str, layout: QLayout, *, expanded: bool = True) -> Section:
    """Return a section around ``layout``."""
    made, content = Section(title), QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    content.setLayout(layout)
    made.addWidget(content)
    if expanded:
        made.expand(animate=False)
    return made
