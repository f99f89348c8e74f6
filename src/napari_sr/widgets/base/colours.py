"""Colours that can be read in the viewer's theme, light or dark."""

from __future__ import annotations

import napari
from napari.settings import get_settings
from napari.utils.theme import available_themes, get_theme

#: what a colour says: by name, on dark and on light ground
ON_DARK = {"error": "#ff7b6f", "warning": "#f0b429", "good": "#5ac26b", "link": "#8ab4f8", "quiet": "#a3a7ad"}
ON_LIGHT = {"error": "#b3261e", "warning": "#7a4d00", "good": "#1a6b2d", "link": "#1a4fb4", "quiet": "#5a5c60"}
#: traffic lights in those words
LIGHTS = {"green": "good", "yellow": "warning", "red": "error", "": "quiet"}


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.1)."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def theme_name() -> str:
    """Return the name of the theme of the viewer at hand, or of the settings."""
    viewer = napari.current_viewer()
    name = str(get_settings().appearance.theme if viewer is None else viewer.theme)
    return name if name in available_themes() else "dark"


def ground(theme: str | None = None) -> str:
    """Return the colour behind the widgets as ``#rrggbb``."""
    return _hex(get_theme(theme or theme_name()).background)


def text_colour(theme: str | None = None) -> str:
    """Return the colour of ordinary text."""
    return _hex(get_theme(theme or theme_name()).text)


def _hex(colour: object) -> str:
    red, green, blue = colour.as_rgb_tuple(alpha=False)  # type: ignore[attr-defined]
    return f"#{red:02x}{green:02x}{blue:02x}"


def colours(theme: str | None = None) -> dict[str, str]:
    """Return the colours for a theme, by what they say: ``error``, ``warning``, ``good``, ``link``, ``quiet``."""
    return ON_DARK if luminance(ground(theme)) < 0.2 else ON_LIGHT


def focus_style() -> str:
    """Return a style sheet with a frame around the control that the keys go to: napari has none."""
    kinds = ("QPushButton", "QToolButton", "QComboBox", "QAbstractSpinBox", "QLineEdit", "QCheckBox", "QListWidget")
    frame = f"border: 1px solid {colours()['link']};"
    chosen = ", ".join(f"{kind}:focus" for kind in (*kinds, "QTableWidget"))
    return f"{chosen} {{ {frame} }} QSlider:focus {{ {frame} border-radius: 3px; }}"


def mark(tone: str) -> str:
    """Return what stands for a colour in a rich text, until it is shown: see :class:`MessageLabel`."""
    return f"@{tone}@"


def painted(text: str) -> str:
    """Return a rich text with the theme's colours in place of their marks."""
    for tone, colour in colours().items():
        text = text.replace(mark(tone), colour)
    return text
