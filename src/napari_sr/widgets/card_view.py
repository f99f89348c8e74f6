"""A model card for reading."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_sr.model import ModelCard
from napari_sr.networks import NETWORKS


def _rows(pairs: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td style='padding:2px 12px 2px 0; white-space:nowrap'><b>{html.escape(k)}</b></td>"
        f"<td style='padding:2px 0'>{html.escape(v)}</td></tr>"
        for k, v in pairs
        if v
    )
    return f"<table>{cells}</table>"


def _figures(values: Mapping[str, Any]) -> str:
    names = {"psnr": "PSNR {:.2f} dB", "ssim": "SSIM {:.3f}", "ms_ssim": "MS-SSIM {:.3f}",
             "spectrum_score": "spectrum score {:.3f}"}  # fmt: skip
    return ", ".join(text.format(values[k]) for k, text in names.items() if values.get(k) is not None)


def card_html(card: ModelCard) -> str:
    """Return the card as rich text: what it is for first, how it was made after that."""
    size = "–".join(f"{s:g}" for s in card.pixel_size)
    about = [
        ("Upscales", f"×{card.scale} along each axis"),
        ("For", {"any": "any image"}.get(card.kind, card.kind)),
        ("LR pixel size in training", f"{size} {card.pixel_unit}" if size else ""),
        ("Network", NETWORKS.entry(card.network).title),
        ("Licence", card.licence),
        ("Training data", card.attribution),
        ("Method", card.citation),
    ]
    parts = [
        f"<h3>{html.escape(card.title or card.name)}</h3>",
        f"<p>{html.escape(card.description)}</p>",
        _rows(about),
    ]
    if card.metrics:
        parts.append("<h4>Measured, beside bicubic interpolation</h4><ul>")
        for entry in card.metrics:
            parts.append(
                f"<li>{html.escape(str(entry['data']))}:<br>{_figures(entry['model'])}"
                f"<br><span style='color:gray'>bicubic: {_figures(entry['bicubic'])}</span></li>"
            )
        parts.append("</ul>")
    if card.training:
        parts.append("<h4>How it was trained</h4>")
        pairs = [("degradation", card.degradation), *card.training.items()]
        parts.append(
            _rows([(k.replace("_", " "), ", ".join(map(str, v)) if isinstance(v, list) else str(v)) for k, v in pairs])
        )
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
