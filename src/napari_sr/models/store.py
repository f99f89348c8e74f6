"""Where models live: shipped with the package, in the user's folder, or anywhere on disk."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs

from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity
from napari_sr.models import model as model_file
from napari_sr.models.companions import copy_critic
from napari_sr.models.consent import allow, is_allowed
from napari_sr.models.formats import is_package, load_foreign
from napari_sr.models.model import Model, ModelCard
from napari_sr.networks import NETWORKS, create_network
from napari_sr.paths import exists, is_file, reason

__all__ = ["install", "install_foreign", "list_models", "load_model", "shipped_folder", "user_folder"]

SUFFIX = ".safetensors"
#: environment variable that moves the user's model folder
ENVIRONMENT = "NAPARI_SR_MODELS"
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
#: letters of a model's name: files are called after it, with more behind it
LONGEST_NAME = 100
#: names that stand for interpolations: no model can have them
INTERPOLATION_NAMES = re.compile(rf"({'|'.join(INTERPOLATIONS)})-x([2-8])")


def shipped_folder() -> Path:
    """Return the folder of the models that come with napari-sr."""
    return Path(__file__).parents[1] / "sample_models"


def shipped_names() -> frozenset[str]:
    """Return the names of the models that come with napari-sr."""
    return frozenset(path.stem for path in shipped_folder().glob(f"*{SUFFIX}"))


def user_folder() -> Path:
    """Return the user's model folder (it may not exist yet); ``NAPARI_SR_MODELS`` moves it, or the user has."""
    moved = os.environ.get(ENVIRONMENT)
    if not moved and (note := _folder_note()).is_file():
        moved = note.read_text(encoding="utf-8").strip()
    return Path(moved) if moved else _data_folder() / "models"


def set_user_folder(folder: Path) -> None:
    """Use another folder for the user's models from now on; what is in the old one stays there."""
    note = _folder_note()
    if folder == _data_folder() / "models":
        note.unlink(missing_ok=True)
        return
    note.parent.mkdir(parents=True, exist_ok=True)
    part = note.with_suffix(f".{os.getpid()}.part")
    part.write_text(f"{folder}\n", encoding="utf-8")
    part.replace(note)


def _data_folder() -> Path:
    return Path(platformdirs.user_data_dir("napari-sr"))


def _folder_note() -> Path:
    """Return the file that says where the user's models are, if they were moved."""
    return _data_folder() / "models-folder.txt"


def user_path(name: str) -> Path:
    """Return where a model of that name lies in the user's folder, if it is there."""
    return user_folder() / f"{name}{SUFFIX}"


def install(path: Path, *, overwrite: bool = False) -> Path:
    """Copy the model in ``path``, and its critic, into the user's folder, whole or not at all; return its place there.

    Raises
    ------
    ModelError
        If there is a model of that name, unless it may be replaced, or the copy cannot be written.
    """
    target = user_path(path.stem)
    if target.exists() and not overwrite:
        raise ModelError(f"Another model called {path.stem} has come up meanwhile. This one is in {path}.")
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, part)
        part.replace(target)
        copy_critic(path, target)
    except OSError as error:
        part.unlink(missing_ok=True)  # half a model is none
        raise ModelError(
            f"The model could not be copied to {target.parent} ({reason(error)}). It is in {path}; open it from there."
        ) from None
    return target


def install_foreign(
    path: str | os.PathLike[str], *, name: str = "", overwrite: bool = False, allow_code: bool = False, **settings: Any
) -> Path:
    """Convert a model of another program to one of ours in the user's folder, where lists show it.

    Parameters
    ----------
    path
        As :func:`napari_sr.models.formats.load_foreign` takes it.
    name
        In lists; the file's name if empty.
    overwrite
        Replace a model of that name.
    allow_code
        Also take a model that holds program code. It may then run whenever the model is used.
    settings
        ``answers``, ``scale``.

    Returns
    -------
    Path
        Of the new file.

    Raises
    ------
    OpenQuestion, ModelError
        As :func:`napari_sr.models.formats.load_foreign`; or if there is a model of that name.
    """
    model = load_foreign(path, allow_code=allow_code, **settings)
    name = name or re.sub(r"[^\w.+-]+", "-", model.card.name)
    target = user_path(name)
    if name in model_paths() and not (overwrite and target.exists()):
        raise ModelError(f"There is a model called {name} already; choose another name.")
    card = model_file.save(replace(model, card=replace(model.card, name=name)), target)
    if model.network.runs_code:
        allow(user_folder(), card.weights_sha256)
    return target


def interpolation_card(name: str, scale: int) -> ModelCard:
    """Return the card of an interpolation, which needs no file."""
    return ModelCard(
        name=f"{name}-x{scale}",
        title=NETWORKS.entry(name).title + f" ×{scale}",
        description="Interpolation: adds no detail, invents nothing. The line any model has to beat.",
        network=name,
        hyper_parameters={"scale": scale, "in_channels": 1, "out_channels": 1},
        scale=scale,
        intensity=Intensity(kind="range").to_dict(),
        licence="BSD-3-Clause",
    )


def model_paths() -> dict[str, Path]:
    """Return model names and their files; the user's folder comes before the shipped one."""
    found: dict[str, Path] = {}
    for folder in (shipped_folder(), user_folder()):
        if folder.is_dir():
            found |= {p.stem: p for p in sorted(folder.glob(f"*{SUFFIX}"))}
    return found


def list_models(*, interpolations: bool = True) -> list[ModelCard]:
    """Return the cards of all models that can be loaded by name.

    A damaged file in the user's folder is left out here; loading it by name says what is wrong with it.
    """
    cards = []
    for path in model_paths().values():
        try:
            cards.append(replace(model_file.read_card(path), name=path.stem))
        except ModelError:
            continue
    if interpolations:
        cards += [interpolation_card(n, s) for n in INTERPOLATIONS for s in (2, 4)]
    return cards


def load_model(name_or_path: str | os.PathLike[str], *, allow_code: bool = False, **settings: Any) -> Model:
    """Load a model by name (``em-dfcan-x4``, ``bicubic-x4``, one in the user's folder) or by path.

    Parameters
    ----------
    name_or_path
        Also of a model file of another program: see :func:`napari_sr.models.formats.load_foreign`.
    allow_code
        Also take a model that holds program code; one that was installed with it needs no more.
    settings
        ``answers`` and ``scale``, for a model file of another program.

    Raises
    ------
    OpenQuestion
        If a file of another program can be read in several ways.
    ModelError
        With the known names if there is no such model, or with what is wrong with the file.
    """
    text = os.fspath(name_or_path)
    paths = model_paths()
    if text in paths:
        loaded = _load_own(paths[text], allow_code=allow_code)
        # the file may have been renamed: lists show the name that loads it
        return replace(loaded, card=replace(loaded.card, name=text))
    match = INTERPOLATION_NAMES.fullmatch(text)
    if match:
        card = interpolation_card(match[1], int(match[2]))
        network = create_network(card.network, scale=card.scale)
        return Model(network=network.eval(), card=card)
    path = Path(text)
    if is_file(path) and is_own(path):
        return _load_own(path, allow_code=allow_code)
    if is_file(path) or (exists(path) and is_package(path)):
        return load_foreign(path, allow_code=allow_code, **settings)
    if path.suffix or os.sep in text:
        raise ModelError(f"There is no model file {text}.")
    known = ", ".join([*paths, *(f"{n}-x4" for n in INTERPOLATIONS)])
    raise ModelError(f"There is no model called {text!r}. Known: {known}.")


def is_own(path: str | os.PathLike[str]) -> bool:
    """Return True for a model file of ours, or one that is called so and cannot be read; what is wrong is said then."""
    return Path(path).suffix.lower() == SUFFIX and model_file.has_card(Path(path))


def _load_own(path: Path, *, allow_code: bool) -> Model:
    """Load a model file of ours; code that the user has allowed once may run again."""
    return model_file.load(path, allow_code=allow_code or is_allowed(user_folder(), path))
