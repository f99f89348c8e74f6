"""The user's models: listing, adding, renaming, editing, checking, removing."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sr.errors import ModelError
from napari_sr.models import model as model_file
from napari_sr.models import store
from napari_sr.models.companions import copy_critic, critic_path
from napari_sr.models.consent import allow
from napari_sr.models.kind import KINDS
from napari_sr.models.model import ModelCard
from napari_sr.models.rewrite import rewrite
from napari_sr.models.store import INTERPOLATION_NAMES, LONGEST_NAME, SUFFIX, shipped_folder, user_folder
from napari_sr.paths import is_file, reason

#: what names may be: file names everywhere, and words in a shell
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
#: fields of a card that its owner may change; the others say what was measured, or how to build the network
EDITABLE = ("title", "description", "kind", "pixel_size", "pixel_unit", "licence", "attribution", "citation")
#: kinds of image that a card can name
ALL_KINDS = (*KINDS, "own", "any")
LARGEST_TEXT = 4000


@dataclass(frozen=True)
class Entry:
    """One model file.

    Attributes
    ----------
    name, path, size
        What loads it, where it is, and its bytes.
    shipped
        It came with napari-sr, and cannot be changed.
    card
        None if the file cannot be read.
    problem
        Why it cannot be read; empty if it can.
    hides
        It has the name of a model that came with napari-sr, which is therefore not used.
    """

    name: str
    path: Path
    size: int
    shipped: bool
    card: ModelCard | None
    problem: str = ""
    hides: bool = False


@dataclass(frozen=True)
class Checked:
    """What a check of one model found; an empty ``problem`` is good."""

    name: str
    problem: str
    done: int
    total: int


def entries() -> list[Entry]:
    """Return all model files, also damaged ones: those that came with napari-sr, then the user's."""
    shipped = files(shipped_folder())
    taken = {p.stem for p in shipped}
    found = [_entry(p, shipped=True) for p in shipped]
    return found + [replace(_entry(p, shipped=False), hides=p.stem in taken) for p in files(user_folder())]


def files(folder: Path) -> list[Path]:
    """Return the model files in a folder, in the order of their names."""
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda p: p.stem) if folder.is_dir() else []


def _entry(path: Path, *, shipped: bool) -> Entry:
    try:
        card, problem = replace(model_file.read_card(path), name=path.stem), ""
    except ModelError as error:
        card, problem = None, str(error)
    size = path.stat().st_size if path.exists() else 0  # a link may lead nowhere
    return Entry(path.stem, path, size, shipped, card, problem)


def disk_use(listed: list[Entry], *, shipped: bool = False) -> int:
    """Return the bytes that the user's models take, or those that came with napari-sr."""
    return sum(e.size for e in listed if e.shipped == shipped)


def size_in_words(size: int) -> str:
    """Return bytes for people: ``4.8 MB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def add(
    path: str | os.PathLike[str],
    *,
    name: str = "",
    overwrite: bool = False,
    answers: Mapping[str, object] | None = None,
    allow_code: bool = False,
) -> Entry:
    """Copy a model file into the user's folder.

    Parameters
    ----------
    path
        One of ours, or of another program if it can be opened; that is written as one of ours.
    name
        What it is to be called; the file's name if empty.
    overwrite
        Take the place of a model of the user's of that name.
    answers, allow_code
        Of a file of another program, as :func:`napari_sr.models.formats.load_foreign` takes them.

    Raises
    ------
    OpenQuestion
        If a file of another program can be read in several ways.
    CodeRefused
        If it holds program code, and that is not allowed.
    ModelError
        If the file is no model, its name is taken or cannot be one, or the copy cannot be written.
    """
    path = Path(path)
    wanted = name or re.sub(r"[^\w.+-]+", "-", path.stem).strip("-.")
    free_name(wanted, overwrite=overwrite)
    target = store.user_path(wanted)
    if store.is_own(path):
        model = store.load_model(path, allow_code=allow_code)  # all of it: what is damaged must not get into the list
        rewrite(path, replace(model_file.read_card(path), name=wanted), target)
        if model.network.runs_code:
            allow(store.user_folder(), model_file.read_card(target).weights_sha256)
        copy_critic(path, target)
    else:
        store.install_foreign(path, name=wanted, overwrite=overwrite, allow_code=allow_code, answers=answers)
    return _entry(target, shipped=False)


def remove(name: str) -> Path:
    """Delete a model of the user's; returns where it was. Raises :class:`ModelError` if that cannot be."""
    entry = own_entry(name)
    try:
        entry.path.unlink()
        critic_path(entry.path).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{entry.path} could not be deleted: {reason(error)}.") from None
    return entry.path


def rename(name: str, new: str) -> Entry:
    """Give a model of the user's another name, on its card and as a file.

    Raises
    ------
    ModelError
        If there is no such model of the user's, the name is taken or cannot be one, or nothing can be written.
    """
    entry = own_entry(name)
    if new == name:
        return entry
    free_name(new)
    target = store.user_path(new)
    rewrite(entry.path, replace(_card(entry), name=new), target)
    try:
        copy_critic(entry.path, target)
        entry.path.unlink()
        critic_path(entry.path).unlink(missing_ok=True)
    except OSError as error:
        target.unlink()
        raise ModelError(f"{entry.path} could not be renamed: {reason(error)}.") from None
    return _entry(target, shipped=False)


def edit(name: str, **values: Any) -> Entry:
    """Change what the card of a model of the user's says; its weights stay as they are.

    Parameters
    ----------
    name
        Of the model.
    **values
        New values of :data:`EDITABLE` fields.

    Raises
    ------
    ModelError
        If there is no such model of the user's, or a value makes no sense.
    """
    entry = own_entry(name)
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise ModelError(f"{unknown[0]} cannot be edited, only {', '.join(EDITABLE)}.")
    card = _card(entry)
    rewrite(entry.path, replace(card, name=name, **_checked_values(values, kind=card.kind)), entry.path)
    return _entry(entry.path, shipped=False)


def iter_check(names: list[str] | None = None) -> Generator[Checked, None, None]:
    """Load models and compare their weights with what their cards say, one event a model.

    Parameters
    ----------
    names
        Of which; all if None. A name that there is not is a problem, too.
    """
    listed = entries()
    chosen = [e for e in listed if names is None or e.name in names]
    missing = [n for n in names or [] if n not in {e.name for e in listed}]
    total = len(chosen) + len(missing)
    for number, entry in enumerate(chosen, start=1):
        problem = ""
        try:
            store.load_model(entry.path)
        except ModelError as error:
            problem = str(error)
        yield Checked(entry.name, problem, number, total)
    for number, name in enumerate(missing, start=len(chosen) + 1):
        yield Checked(name, f"There is no model called {name!r}.", number, total)


def own_entry(name: str) -> Entry:
    """Return a model of the user's; raises :class:`ModelError` with the reason if there is none of that name."""
    path = store.user_path(name)
    # whatever its name: trainings, and people in the folder, give others than are taken here
    if path.name == f"{name}{SUFFIX}" and is_file(path):
        return _entry(path, shipped=False)
    if is_file(shipped_folder() / f"{name}{SUFFIX}"):
        raise ModelError(f"{name} came with napari-sr, and stays as it is. Export or copy it if you want to change it.")
    if INTERPOLATION_NAMES.fullmatch(name):
        raise ModelError(f"{name} is an interpolation, and no model file.")
    known = ", ".join(e.name for e in entries() if not e.shipped)
    raise ModelError(f"You have no model called {name!r}. Yours: {known or 'none yet'}.")


def free_name(name: str, *, overwrite: bool = False) -> None:
    """Say why a model cannot be called that; raises :class:`ModelError`."""
    if len(name) > LONGEST_NAME:
        raise ModelError(f"{name[:20]}… cannot be a name: it has {len(name)} letters, more than {LONGEST_NAME}.")
    if not NAMES.fullmatch(name):
        raise ModelError(f"{name!r} cannot be a name: use letters, digits, and . _ + - between them.")
    if INTERPOLATION_NAMES.fullmatch(name):
        raise ModelError(f"{name} is the name of an interpolation. Give the model another one.")
    if is_file(shipped_folder() / f"{name}{SUFFIX}"):
        raise ModelError(f"{name} is the name of a model that came with napari-sr. Give yours another one.")
    if store.user_path(name).exists() and not overwrite:
        raise ModelError(f"You have a model called {name} already. Give this one another name, or replace that one.")


def _card(entry: Entry) -> ModelCard:
    if entry.card is None:
        raise ModelError(entry.problem)
    return entry.card


def _checked_values(values: dict[str, Any], *, kind: str) -> dict[str, Any]:
    """Return values for a card, whose ``kind`` may stay; raises :class:`ModelError` for what makes no sense."""
    checked = dict(values)
    for field, value in values.items():
        if field != "pixel_size" and (not isinstance(value, str) or len(value) > LARGEST_TEXT):
            raise ModelError(f"{field} must be a text of at most {LARGEST_TEXT} letters.")
    if values.get("kind", kind) not in (*ALL_KINDS, kind):
        raise ModelError(f"kind must be one of {', '.join(ALL_KINDS)}, not {values['kind']!r}.")
    if "pixel_size" in values:
        try:
            sizes = tuple(float(v) for v in values["pixel_size"])
        except (TypeError, ValueError):
            raise ModelError("pixel_size must be numbers.") from None
        if len(sizes) > 2 or any(not 0 < s < float("inf") for s in sizes) or list(sizes) != sorted(sizes):
            raise ModelError("pixel_size must be one size, or the smallest and the largest, above 0.")
        checked["pixel_size"] = sizes
    return checked
