"""Sentences in a widget: selectable, wrapped, in colours that the theme allows."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolButton

from napari_sr.widgets.base.colours import colours, painted

#: tones of a sentence; plain text has none
ERROR, WARNING, GOOD, QUIET = "error", "warning", "good", "quiet"


class MessageLabel(QLabel):
    """A label for sentences, which can be selected and copied.

    It keeps the tone rather than the colour, and follows the viewer from one theme to another. Rich text names its
    colours by :func:`napari_sr.widgets.base.colours.mark`.

    Parameters
    ----------
    tone
        Of what is said until something else is.
    rich
        Texts are HTML, with links.
    """

    def __init__(self, tone: str = "", *, rich: bool = False) -> None:
        super().__init__()
        self._said, self._tone, self._rich = "", tone, rich
        self.setWordWrap(True)
        # a long word must not widen the dock
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextFormat(Qt.TextFormat.RichText if rich else Qt.TextFormat.PlainText)
        flags = Qt.TextInteractionFlag.TextSelectableByMouse
        if rich:
            flags |= Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        self.setTextInteractionFlags(flags)
        self._paint()

    @property
    def tone(self) -> str:
        """Of what is said now."""
        return self._tone

    def say(self, text: str, tone: str | None = None) -> None:
        """Show a sentence in place of the one before; in its tone if none is given."""
        self._said = text
        self._tone = self._tone if tone is None else tone
        self._paint()

    def setText(self, text: str | None) -> None:  # noqa: N802 - Qt's name
        """Do as :meth:`say` does."""
        self.say(text or "")

    def _paint(self) -> None:
        colour = f"color: {colours()[self._tone]};" if self._tone else ""
        if self.styleSheet() != colour:
            self.setStyleSheet(colour)
        text = painted(self._said) if self._rich else self._said
        if self.text() != text:
            super().setText(text)
        if self.parentWidget() is not None:  # without one it would become a window
            self.setVisible(bool(text))

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take the colours of another theme, and be seen once there is a place for it."""
        super().changeEvent(event)
        kinds = (QEvent.Type.StyleChange, QEvent.Type.ParentChange)
        if event is not None and event.type() in kinds and hasattr(self, "_rich"):
            self._paint()


def help_button() -> QToolButton:
    """Return the button that opens the page of the handbook on a dock."""
    button = QToolButton()
    button.setText("?")
    button.setToolTip("Opens the page on this in the handbook, in the browser.")
    button.setAccessibleName("Help")
    return button


def message_label(tone: str = "") -> MessageLabel:
    """Return a label for plain sentences."""
    return MessageLabel(tone)
