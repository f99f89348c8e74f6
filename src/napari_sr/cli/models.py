"""``napari-sr models``: what can be used, what each was trained on, and keeping one's own in order."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from napari_sr.cli.foreign import ALLOW_CODE, ANSWERS, answers_of


class ModelsGroup(TyperGroup):
    """Commands, and names of models: a name alone shows its card."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=ModelsGroup, invoke_without_command=True, no_args_is_help=False)
NAME = Annotated[str, typer.Argument(help="Name of a model of yours.", show_default=False)]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _console() -> Console:
    return Console(soft_wrap=True)


def _say(text: str, style: str = "") -> None:
    _console().print(text, highlight=False, markup=False, style=style or None)


@app.callback()
def listing(ctx: typer.Context, as_json: JSON = False) -> None:
    """List the models; `models NAME` shows one model's card; the commands keep your own in order."""
    ctx.obj = as_json
    if ctx.invoked_subcommand is not None:
        return
    from napari_sr.models.store import list_models, user_folder
    from napari_sr.paths import why_not_listed

    cards = list_models()
    if as_json:
        typer.echo(json.dumps([asdict(c) for c in cards], indent=2, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for title in ("name", "scale", "images", "title", "licence"):
        table.add_column(title)
    for card in cards:
        table.add_row(*(escape(text) for text in (card.name, f"×{card.scale}", card.kind, card.title, card.licence)))
    console = _console()
    console.print(table)
    console.print(f"Your own models go to {user_folder()}", highlight=False, style="dim")
    if why := why_not_listed(user_folder()):
        console.print(f"What is in that folder cannot be seen: {why}.", highlight=False, style="red")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a model, or path of a file.", show_default=False)],
    as_json: JSON = False,
) -> None:
    """Show one model's card; `models NAME` does the same."""
    from napari_sr.models.card_text import card_sections
    from napari_sr.models.store import load_model

    card = load_model(name).card
    if as_json or ctx.obj:
        typer.echo(json.dumps(asdict(card), indent=2, ensure_ascii=False))
        return
    console = _console()
    console.print(f"[bold]{escape(card.title or card.name)}[/bold]", highlight=False)
    for title, rows in card_sections(card):
        console.print(f"\n[bold]{title}[/bold]" if title else "")
        for key, text in rows:
            console.print(f"{key}: {text}" if key else text, highlight=False, markup=False)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A model file.", show_default=False)],
    name: Annotated[str, typer.Option(help="What it is to be called. Default: the file's name.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model of yours of that name.")] = False,
    answer: ANSWERS = None,
    allow_code: ALLOW_CODE = False,
) -> None:
    """Copy a model file, also of another program, into your folder."""
    from napari_sr.models.manage import add as add_model

    entry = add_model(file, name=name, overwrite=overwrite, answers=answers_of(answer), allow_code=allow_code)
    if entry.card is not None and (found := entry.card.source.get("detected")):
        _say(f"{file.name}: {found}")
    _say(f"{entry.name} is in the list now: {entry.path}")


@app.command()
def remove(name: NAME, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a model of yours."""
    from napari_sr.models.manage import own_entry, size_in_words
    from napari_sr.models.manage import remove as remove_model

    entry = own_entry(name)
    if not yes:
        typer.confirm(f"Delete {entry.path} ({size_in_words(entry.size)})? It cannot be brought back.", abort=True)
    _say(f"{remove_model(name)} is deleted.")


@app.command()
def rename(name: NAME, new: Annotated[str, typer.Argument(help="Its new name.", show_default=False)]) -> None:
    """Give a model of yours another name."""
    from napari_sr.models.manage import rename as rename_model

    _say(f"{name} is called {rename_model(name, new).name} now.")


@app.command()
def edit(
    name: NAME,
    title: Annotated[str | None, typer.Option(help="For lists.")] = None,
    description: Annotated[str | None, typer.Option(help="What it does, and what it does not.")] = None,
    kind: Annotated[str | None, typer.Option(help="Of images: EM, fluorescence, N-body, own, any.")] = None,
    pixel_size: Annotated[
        str | None, typer.Option(help="Of LR pixels: one number, or the smallest and the largest: 40,720.")
    ] = None,
    pixel_unit: Annotated[str | None, typer.Option(help="Of the pixel size: nm, µm …")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the weights, such as CC-BY-4.0.")] = None,
    attribution: Annotated[str | None, typer.Option(help="Whose the training images are.")] = None,
    citation: Annotated[str | None, typer.Option(help="Of the method.")] = None,
) -> None:
    """Change what the card of a model of yours says."""
    from napari_sr.models.manage import edit as edit_card

    given: dict[str, Any] = {
        "title": title, "description": description, "kind": kind, "pixel_unit": pixel_unit, "licence": licence,
        "attribution": attribution, "citation": citation,
        "pixel_size": None if pixel_size is None else [p for p in pixel_size.replace(",", " ").split() if p],
    }  # fmt: skip
    values = {field: value for field, value in given.items() if value is not None}
    if not values:
        raise typer.BadParameter("Say what to change, for example --title or --licence.")
    edit_card(name, **values)
    _say(f"{name}: {', '.join(values)} changed.")


@app.command()
def check(names: Annotated[list[str] | None, typer.Argument(help="Default: all.", show_default=False)] = None) -> None:
    """Read models from beginning to end, and compare their weights with what their cards say."""
    from napari_sr.models.manage import iter_check

    failed = 0
    for found in iter_check(names or None):
        failed += bool(found.problem)
        _say(f"{found.name}: {found.problem or 'good'}", "red" if found.problem else "")
    if failed:
        raise typer.Exit(1)


@app.command()
def where() -> None:
    """Say where your models are, and how much room they take."""
    from napari_sr.models.manage import disk_use, entries, size_in_words
    from napari_sr.models.store import user_folder

    listed = entries()
    own = [e for e in listed if not e.shipped]
    _say(f"{user_folder()}: {len(own)} {'model' if len(own) == 1 else 'models'}, {size_in_words(disk_use(listed))}")
    for entry in own:
        _say(f"  {entry.name}  {size_in_words(entry.size)}{'  (damaged)' if entry.problem else ''}")
    _say(
        f"Came with napari-sr: {len(listed) - len(own)} models, {size_in_words(disk_use(listed, shipped=True))}", "dim"
    )


@app.command()
def move(folder: Annotated[Path, typer.Argument(help="Where they are to be.", show_default=False)]) -> None:
    """Move all of your models into another folder, which is used from now on."""
    from napari_sr.models.move import move_folder

    _say(f"Your models are in {move_folder(folder)} now.")
