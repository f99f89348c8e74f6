"""A model card for reading."""

from __future__ import annotations

import html

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_sr.models.card_text import card_sections
from napari_sr.models.model import ModelCard


def card_html(card: ModelCard) -> str:
    """Return the card as rich text."""
    parts = [f"<h3>{html.escape(card.title or card.name)}</h3>"]
    for title, rows in card_sections(card):
        parts.append(f"<h4>{html.escape(title)}</h4>" if title else "")
        parts.append("<table cellspacing='4'>")
        for name, text in rows:
            if name:
                cells = f"<td width='110' style='color:gray'>{html.escape(name)}</td><td>{html.escape(text)}</td>"
            else:
                cells = f"<td colspan='2'>{html.escape(text)}</td>"
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</table>")
    return "".join(parts)


class CardDialog(QDialog):
    """Shows one card."""

    def __init__(self, card: ModelCard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Model card: {card.name}")
        self.resize(560, 620)
        text = QTextBrowser()
        text.setOpenExternalLinks(True)
        text.setHtml(card_html(card))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(buttons)
