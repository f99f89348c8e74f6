"""What *Models* shows, as it follows from what there is and what was chosen. Nothing here knows Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.widgets.controls.model_box import distinct_titles, grouped

if TYPE_CHECKING:
    from napari_sr.models.manage import Entry

#: headings before those of the kinds of image
YOURS, DAMAGED = "Yours", "Cannot be read"
NONE_YET = "You have no models of your own yet. Train one, add one, or drop a file here."
#: what becomes of blur and noise in a file for other programs
ASKED, FIXED = "given with each image", "the same for all"


@dataclass(frozen=True)
class Choices:
    """What there is, what was chosen, and what is going on.

    Attributes
    ----------
    entries
        All model files.
    selected
        The chosen one.
    folder
        Where the user's models are.
    format
        For other programs: a name in :data:`napari_sr.models.export.formats.FORMATS`.
    fixed
        Blur and noise are to be the same for all images.
    running, stopping
        A job is under way, and was asked to stop.
    loading
        The list is not there yet.
    to_its_end
        What runs cannot be cancelled.
    """

    entries: tuple[Entry, ...] = ()
    selected: Entry | None = None
    folder: str = ""
    format: str = ""
    fixed: bool = False
    running: bool = False
    stopping: bool = False
    loading: bool = False
    to_its_end: bool = False


@dataclass(frozen=True)
class State:
    """What can be pressed, and what is said."""

    can_add: bool
    can_show_card: bool
    can_check: bool
    can_change: bool
    can_remove: bool
    can_export: bool
    can_move: bool
    can_cancel: bool
    shows_told: bool
    shows_sliders: bool
    shows_author: bool
    about: str
    where: str


def resolve(choices: Choices) -> State:
    """Return what follows from the choices."""
    idle, one = not choices.running and not choices.loading, choices.selected
    readable = one is not None and one.card is not None
    own = one is not None and not one.shipped
    told = readable and is_told(one)
    return State(
        can_add=idle,
        can_show_card=readable,
        can_check=idle and bool(choices.entries),
        can_change=idle and own and readable,
        can_remove=idle and own,
        can_export=idle and readable,
        can_move=idle,
        can_cancel=choices.running and not choices.stopping and not choices.to_its_end,
        shows_told=told,
        shows_sliders=told and choices.fixed,
        shows_author=choices.format == "bioimageio",
        about="Loading the list of models …" if choices.loading else about(one),
        where="" if choices.loading else where(choices.entries, choices.folder),
    )


def is_told(entry: Entry | None) -> bool:
    """Return True for a model that is told blur and noise."""
    from napari_sr.models.fit import is_told as told

    return entry is not None and entry.card is not None and told(entry.card)


def groups(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return headings and the models under them: the user's, then the others as in the lists of the other docks."""
    own = [e for e in entries if not e.shipped and not e.problem]
    shipped = {e.name: e for e in entries if e.shipped and not e.problem}
    found = [(YOURS, own), (DAMAGED, [e for e in entries if e.problem])]
    cards = [e.card for e in shipped.values() if e.card is not None]
    found += [(title, [shipped[c.name] for c in members]) for title, members in grouped(cards)]
    return [(title, members) for title, members in found if members]


def lines(entries: Sequence[Entry]) -> dict[Path, str]:
    """Return what the list shows of each model, by its file."""
    readable = [(e, e.card) for e in entries if e.card is not None]
    titles = distinct_titles([card for _, card in readable])
    return {e.path: e.name for e in entries} | {e.path: t for (e, _), t in zip(readable, titles, strict=True)}


def about(entry: Entry | None) -> str:
    """Return what the chosen model is, in a few words."""
    from napari_sr.models.manage import size_in_words

    if entry is None:
        return "Choose a model."
    whose = "came with napari-sr, and stays as it is" if entry.shipped else "yours"
    parts = [entry.name, whose, size_in_words(entry.size).replace(" ", "\u00a0")]
    if entry.problem:
        return f"{', '.join(parts)}. {entry.problem}"
    assert entry.card is not None
    licence = entry.card.licence or "No licence named"
    hides = " It has the name of one that came with napari-sr, and is used in its place." if entry.hides else ""
    return f"{', '.join(parts)}. {licence}.{hides}"


def where(entries: Sequence[Entry], folder: str) -> str:
    """Return where the user's models are, and what they take."""
    from napari_sr.models.manage import disk_use, size_in_words

    own = [e for e in entries if not e.shipped]
    if not own:
        return f"{NONE_YET} They will be in {folder}."
    count = "1 model" if len(own) == 1 else f"{len(own)} models"
    return f"{count}, {size_in_words(disk_use(list(entries)))}, in {folder}."


def checked(problems: Sequence[str], total: int) -> str:
    """Return what a check of all models found."""
    good = "All models are" if total > 1 else "The model is"
    if not problems:
        return f"{good} good: what is in the files is what their cards say ({total} checked)."
    return f"{len(problems)} of {total} models cannot be used. {' '.join(problems)}"
