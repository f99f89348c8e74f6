"""A combo box whose texts can be read: the whole of them in its list, as much as fits when it is closed."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QPaintEvent, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

#: around the texts of a list, with its marks
MARGIN = 24


def short(text: str) -> str:
    """Return a title without its indentation, and without what stands in brackets behind it."""
    text = text.strip()
    head = text.split(" (", maxsplit=1)[0]
    return head if text.endswith(")") and head else text


class Combo(QComboBox):
    """A combo box that takes the width there is and asks for little; what it cannot show ends in an ellipsis."""

    def __init__(self, parent: QWidget | None = None, *, letters: int = 10) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(letters)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def add_heading(self, title: str) -> None:
        """Add a line that says what those below are, and cannot be chosen."""
        self.addItem(title)
        items = self.model()
        assert isinstance(items, QStandardItemModel)
        item = items.item(self.count() - 1)
        assert item is not None
        item.setFlags(Qt.ItemFlag.NoItemFlags)

    def shown_text(self) -> str:
        """Return what is read while it is closed."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style = self.style()
        assert style is not None
        field = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        return self.fontMetrics().elidedText(short(self.currentText()), Qt.TextElideMode.ElideRight, field.width() - 4)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw what the original draws, with an ellipsis where it would cut a letter."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.shown_text()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def showPopup(self) -> None:  # noqa: N802 - Qt's name
        """Open a list that is as wide as its longest text."""
        view, letters = self.view(), self.fontMetrics()
        if view is not None:
            longest = max((letters.horizontalAdvance(self.itemText(i)) for i in range(self.count())), default=0)
            bar = view.verticalScrollBar()
            view.setMinimumWidth(longest + MARGIN + (bar.sizeHint().width() if bar is not None else 0))
        super().showPopup()
