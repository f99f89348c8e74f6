"""What *Super-resolve* says about a model and an image, before anything is run."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from napari_sr.widgets.base.colours import LIGHTS, mark

if TYPE_CHECKING:
    from napari_sr.models.fit import Fit, Seen
    from napari_sr.models.model import ModelCard

HEADS = {
    "green": "{} suits this image.",
    "yellow": "{} may suit this image or not:",
    "red": "{} does not suit this image:",
}
#: links in the text, with what follows the colon
USE, KIND, PIXELS = "use:", "kind:", "pixels:"


def title_of(card: ModelCard) -> str:
    """Return the name of a model for people."""
    return card.title or card.name


def verdict_html(card: ModelCard, fit: Fit, best: ModelCard | None, *, is_best: bool) -> str:
    """Return the verdict on the chosen model as rich text.

    Parameters
    ----------
    card, fit
        Of the chosen model.
    best
        The model to recommend instead; None if none is better.
    is_best
        The chosen model is the recommended one.
    """
    name = html.escape(title_of(card))
    head = "Recommended for this image." if is_best and fit.verdict == "green" else HEADS[fit.verdict].format(name)
    parts = [f"<span style='color:{mark(LIGHTS[fit.verdict])}'>● {head}</span>"]
    reasons = [html.escape(reason) for reason in fit.reasons]
    if reasons:
        text = "; ".join(reasons)
        parts.append(f"<span style='color:{mark(LIGHTS[fit.verdict])}'>{text}.</span>")
    if best is not None and not is_best:
        parts.append(f"Recommended: {_link(USE + best.name, title_of(best))}")
    elif fit.verdict != "green" and fit.advice:
        parts.append(html.escape(fit.advice))
    return " ".join(parts)


def image_html(seen: Seen) -> str:
    """Return what is known of the image, what was guessed, and links that set it."""
    from napari_sr.models.kind import KINDS, TITLES

    parts = []
    if not seen.kind:
        parts.append("Kind of image unknown: " + _links(KINDS, TITLES))
    elif seen.guessed:
        others = tuple(kind for kind in KINDS if kind != seen.kind)
        sure = _link(KIND + seen.kind, "yes")
        parts.append(f"Taken for {TITLES.get(seen.kind, seen.kind)}: {sure}, or {_links(others, TITLES)}?")
    if seen.pixel_nm is None and seen.kind != "N-body":
        parts.append(f"Pixel size unknown: {_link(PIXELS, 'set')}")
    return "<br>".join(parts)


def _links(kinds: tuple[str, ...], titles: dict[str, str]) -> str:
    return " · ".join(_link(KIND + kind, titles[kind]) for kind in kinds)


def _link(target: str, text: str) -> str:
    return f"<a style='color:{mark('link')}' href='{html.escape(target)}'>{html.escape(text)}</a>"


def question(card: ModelCard) -> str:
    """Return what is asked before a model runs on an image that it does not suit."""
    return (
        f"{title_of(card)} does not suit this image, and is likely to paint what is not there. "
        "Press Run once more to run it all the same."
    )
