"""``napari-sr recommend``: which model suits an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

WORDS = {"green": "fits", "yellow": "doubtful", "red": "does not fit"}


def command(
    image: Annotated[Path, typer.Argument(help="An image file.", show_default=False)],
    kind: Annotated[str, typer.Option(help="Kind of image: EM, fluorescence, N-body. Default: unknown.")] = "",
    scale: Annotated[
        int, typer.Option("-s", "--scale", help="Only models that upscale by this factor; 0 for all.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the blur and noise of an image, and list the models by how well they suit it."""
    from napari_sr.inference.recommend import look_at
    from napari_sr.models.fit import fit, interpolates, ranked
    from napari_sr.models.store import list_models

    seen = look_at(image, kind=kind)
    cards = [c for c in list_models() if scale in (0, c.scale)]
    fits = {c.name: fit(c, seen) for c in cards}
    best = ranked(cards, fits, kind=seen.kind)
    if as_json:
        rows = [
            {
                "model": c.name, "title": c.title, "verdict": fits[c.name].verdict,
                "expected_gain_db": fits[c.name].gain, "reasons": list(fits[c.name].reasons),
            }
            for c in best
        ]  # fmt: skip
        measured = {
            "blur": None if seen.blank else seen.blur, "noise": None if seen.blank else seen.noise,
            "pixel_nm": seen.pixel_nm, "kind": seen.kind or None, "kind_guessed": seen.guessed,
        }  # fmt: skip
        typer.echo(
            json.dumps({"image": str(image), "measured": measured, "models": rows}, ensure_ascii=False, indent=1)
        )
        return
    console = Console()
    pixel = "unknown" if seen.pixel_nm is None else f"{seen.pixel_nm:.4g} nm"
    blur = f"{'at most ' if seen.bounded else ''}{seen.blur:.2f} pixels"
    taken = f"{seen.kind or 'unknown kind'}{' (a guess; --kind says it)' if seen.guessed and seen.kind else ''}"
    suffers = "blank" if seen.blank else f"blur {blur}, noise {seen.noise:.1f} % of its range"
    console.print(f"{image.name}: {taken}, {suffers}, pixels {pixel}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for title in ("for this image", "model", "expected"):
        table.add_column(title, no_wrap=True)
    table.add_column("why")
    for card in best:
        found = fits[card.name]
        gain = "" if found.gain is None or interpolates(card) else f"{found.gain:+.1f} dB"
        why = "; ".join(found.reasons) or ("interpolation: adds nothing" if interpolates(card) else "")
        table.add_row(f"[{found.verdict}]{WORDS[found.verdict]}[/]", card.name, gain, why)
    console.print(table)
    console.print(
        "\nExpected: gain over bicubic interpolation of a linear filter for the same blur and noise. What a network "
        "adds to that stands on its card.",
        highlight=False,
    )
