"""The page that goes with a package: what the model is, how it is used, how it is checked, whose it is."""

from __future__ import annotations

from collections.abc import Sequence

from napari_sr.models.card_text import card_sections
from napari_sr.models.fit import is_told
from napari_sr.models.model import ModelCard

CHECK = """\
Take images of your own of which you have the truth: the same place, scanned with smaller pixels. Super-resolve the
coarse one, and compare with the fine one: peak signal-to-noise ratio and structural similarity, beside those of bicubic
interpolation, which costs nothing. A model that is not better than that on your images does not suit them. In
napari-sr, `napari-sr evaluate sr/ hr/ --lr lr/ -o report.html` makes that table, with pictures.

A network fills in what images of its kind usually look like. What it shows and the input does not may be invented.
"""


def readme(card: ModelCard, *, how_to: Sequence[str], scaled: Sequence[str], notes: Sequence[str]) -> str:
    """Return the page, in Markdown.

    Parameters
    ----------
    card
        Of the model.
    how_to
        What goes into the files of weights and comes out of them.
    scaled
        What programs that follow the package do around them.
    notes
        What the giver should know.
    """
    lines = [f"# {card.title or card.name}", ""]
    for title, rows in card_sections(card):
        lines += [f"## {title}", ""] if title else []
        lines += [f"- **{name}**: {text}" if name else f"{text}\n" for name, text in rows]
        lines.append("")
    lines += ["## How it is used", "", *(f"- {s}" for s in scaled), ""]
    lines += ["The files of weights alone, without what the package does around them:", ""]
    lines += [*(f"- {s}" for s in how_to), "", "## Validation", "", CHECK]
    if not is_told(card) and card.degradation:
        lines += [
            f"It knows the blur and noise that it was trained on ({card.degradation}) and nothing else: on sharper or "
            "noisier images it can be far worse than interpolation.", "",
        ]  # fmt: skip
    lines += ["## Whose it is", "", f"- Licence: {card.licence or 'not stated'}"]
    lines += [f"- Training data: {card.attribution}"] if card.attribution else []
    lines += [f"- Method: {card.citation}"] if card.citation else []
    lines += [f"- Note: {n}" for n in notes]
    lines += ["", f"Made with napari-sr, which opens `{card.name}.safetensors` in this package.", ""]
    return "\n".join(lines)
