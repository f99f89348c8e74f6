"""``napari-sr models``: what can be used, and what each was trained on."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def command(
    name: Annotated[str | None, typer.Argument(help="Show one model's card.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models, or show one model's card."""
    from napari_sr.models.card_text import card_sections
    from napari_sr.models.store import list_models, load_model, user_folder

    console = Console(soft_wrap=True)
    if name is not None:
        card = load_model(name).card
        if as_json:
            typer.echo(json.dumps(asdict(card), indent=2, ensure_ascii=False))
            return
        console.print(f"[bold]{card.title or card.name}[/bold]", highlight=False)
        for title, rows in card_sections(card):
            console.print(f"\n[bold]{title}[/bold]" if title else "")
            for key, text in rows:
                console.print(f"{key}: {text}" if key else text, highlight=False, markup=False)
        return
    cards = list_models()
    if as_json:
        typer.echo(json.dumps([asdict(c) for c in cards], indent=2, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for title in ("name", "scale", "images", "title", "licence"):
        table.add_column(title)
    for card in cards:
        table.add_row(card.name, f"×{card.scale}", card.kind, card.title, card.licence)
    console.print(table)
    console.print(f"Your own models go to {user_folder()}", highlight=False, style="dim")
