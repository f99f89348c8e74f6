"""Moving all of the user's models into another folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from napari_sr.errors import ModelError
from napari_sr.models import consent, store
from napari_sr.models.companions import critic_path
from napari_sr.models.manage import files
from napari_sr.models.store import user_folder
from napari_sr.models.whole_file import beside
from napari_sr.paths import reason


def move_folder(target: str | os.PathLike[str]) -> Path:
    """Move all of the user's models into another folder, which is used from now on: all of them, or none.

    Raises
    ------
    ModelError
        If the folder has models of the same names, has no room, or cannot be written, or if the environment says
        where models are.
    """
    if os.environ.get(store.ENVIRONMENT):
        raise ModelError(f"{store.ENVIRONMENT} says where models are. Change it there, or take it away first.")
    source, target = user_folder(), Path(target).expanduser().absolute()
    if source.absolute() == target:
        raise ModelError(f"The models are in {target} already.")
    paths = [*files(source), *_beside_models(source)]
    taken = [p.name for p in paths if (target / p.name).exists()]
    if taken:
        raise ModelError(f"{target} has another {taken[0]}. Rename or remove one of the two; nothing was moved.")
    copied: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in paths:
            copied.append(target / path.name)
            _copy(path, copied[-1])
        store.set_user_folder(target)
    except BaseException as error:  # also Ctrl-C: all or none
        for path in copied:
            with suppress(OSError):  # the first reason is the one to tell
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ModelError(f"The models were not moved to {target}: {reason(error)}. Nothing was changed.") from None
        raise
    for path in paths:
        with suppress(OSError):  # it is in both places then, and the one that counts is the new one
            path.unlink()
    return target


def _beside_models(folder: Path) -> list[Path]:
    """Return what belongs to the models of a folder without being one: critics, and which may run code."""
    return [p for p in (*(critic_path(p) for p in files(folder)), folder / consent.FILE) if p.exists()]


def _copy(source: Path, target: Path) -> None:
    """Copy a file, and read it again: what is deleted afterwards must be there."""
    content = source.read_bytes()
    with beside(target) as part:
        part.write_bytes(content)
        if part.read_bytes() != content:
            raise OSError(5, f"what was written to {target} is not what was read")
