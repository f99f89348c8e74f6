"""Reports: one HTML file that needs nothing beside it, light or dark as the reader's system is, and printable."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from napari_sr.evaluation.table import Table

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; }
thead th, tbody tr { border-bottom: 1px solid #8886; } td.figure, th.figure { text-align: right; }
figure { margin: 1rem 0; } figure img { width: 100%; background: #fff; border-radius: 4px; }
.patches { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem; }
.patches img { width: 100%; image-rendering: pixelated; } figcaption, .small { font-size: .85rem; opacity: .8; }
pre { overflow-x: auto; background: #8881; padding: 1rem; font-size: .85rem; }
@media print { pre { white-space: pre-wrap; } figure, .patches { break-inside: avoid; } }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """Return a whole document."""
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>"


def table_html(table: Table) -> str:
    """Return a table of figures with the best of each column bold, and its conditions."""
    head = "".join(f"<th class='figure'>{escape(table.header(m))}</th>" for m in table.metrics)
    rows = ""
    for row in table.rows:
        cells = ""
        for metric in table.metrics:
            text = escape(table.cell(row, metric))
            cells += f"<td class='figure'>{f'<b>{text}</b>' if table.is_best(row, metric) else text}</td>"
        rows += f"<tr><td>{escape(row.name)}</td>{cells}</tr>"
    return (
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"<p class='small'>{table.images} images; {escape(table.conditions_line())}.</p>"
    )


def pictures_html(pictures: Mapping[str, npt.NDArray[Any]], limits: tuple[float, float]) -> str:
    """Return images beside each other, all with one contrast."""
    low, high = limits
    cells = ""
    for title, image in pictures.items():
        scaled = np.nan_to_num((np.asarray(image, np.float64) - low) / (high - low or 1.0))
        grey = np.clip(scaled * 255, 0, 255).astype(np.uint8)
        cells += f"<div><img alt='{escape(title)}' src='{png(grey)}'><figcaption>{escape(title)}</figcaption></div>"
    return f"<figure class='patches'>{cells}</figure>"


def png(grey: npt.NDArray[np.uint8]) -> str:
    """Return a grey image as an address that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def figure_html(figure: Figure, title: str) -> str:
    """Return a drawing."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    image = "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
    return f"<figure><img alt='{escape(title)}' src='{image}'></figure>"
