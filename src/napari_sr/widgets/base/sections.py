"""Panels that fold, and that scroll where the window is too low for them."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QFormLayout, QFrame, QHBoxLayout, QLayout, QScrollArea, QSizePolicy, QWidget
from superqt import QCollapsible

from napari_sr.widgets.base.colours import text_colour

#: Qt's own largest size
UNLIMITED = 16_777_215
#: that style sheets add around a scroll bar
SPARE = 8


class VerticalArea(QScrollArea):
    """A scroll area that asks for the width of what is in it, and scrolls sideways only where it does not get that."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        size, content, bar = super().minimumSizeHint(), self.widget(), self.verticalScrollBar()
        if content is not None and bar is not None:
            size.setWidth(content.minimumSizeHint().width() + bar.sizeHint().width() + SPARE)
        return size

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.LayoutRequest:  # a section was opened: it may need more width
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


class Section(QCollapsible):
    """Is always as high as its content needs.

    The original takes the height that the content would like at another width: labels whose text is wrapped are then
    squeezed over each other.
    """

    def __init__(self, title: str) -> None:
        # the original paints its arrows once, in a colour of no theme: here they are letters of the title
        super().__init__(title, expandedIcon=QIcon(), collapsedIcon=QIcon())
        self.title = title
        self._frame()
        self._point()
        self.toggled.connect(self._point)
        # not "at most as high as it would like to be", which is the height at another width
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        layout = self.layout()
        assert layout is not None
        layout.setAlignment(Qt.AlignmentFlag(0))
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(4)

    def _frame(self) -> None:
        """Show by a frame when the title has the keys."""
        frame = f"QPushButton {{ text-align: left; }} QPushButton:focus {{ border: 1px solid {text_colour()}; }}"
        if self.toggleButton().styleSheet() != frame:
            self.toggleButton().setStyleSheet(frame)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange and hasattr(self, "title"):
            self._frame()

    def _point(self, *state: object) -> None:
        self.setText(f"{'▾' if self.isExpanded() else '▸'}  {self.title}")

    def expand(self, animate: bool = False) -> None:
        """Show the content."""
        super().expand(animate=False)
        self._point()
        self.content().setMaximumHeight(UNLIMITED)

    def collapse(self, animate: bool = False) -> None:
        """Hide the content."""
        super().collapse(animate=False)
        self._point()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        return False  # the original limits the height when the content is resized


def form_of(*pairs: tuple[str, QWidget | QLayout]) -> QFormLayout:
    """Return a form of titles and fields; the fields take the width there is."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for title, field in pairs:
        form.addRow(title, field)
    return form


def row_of(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets beside each other, all of one width."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row


def section(title: str, layout: QLayout, *, expanded: bool = True) -> Section:
    """Return a section around ``layout``."""
    made, content = Section(title), QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    content.setLayout(layout)
    made.addWidget(content)
    if expanded:
        made.expand(animate=False)
    return made
