"""A training as a person asks for it, in the viewer or in a shell: some images, a method or a model to go on from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import Cancelled, ConfigError, ImageError, TrainingError
from napari_sr.images.lazy_plane import open_planes
from napari_sr.images.listing import image_files
from napari_sr.images.stack import Stack
from napari_sr.intensity import regular_sample
from napari_sr.models.companions import load_critic, save_critic
from napari_sr.models.kind import KINDS, guess_kind
from napari_sr.models.model import save
from napari_sr.models.store import load_model, model_paths
from napari_sr.paths import exists, reason
from napari_sr.training.config import TrainConfig
from napari_sr.training.parts import Source
from napari_sr.training.recipes import DEFAULT_RECIPE, recipe_config, recipe_for

#: pixels from which the kind of an image is guessed
SAMPLE = 100_000


@dataclass(frozen=True)
class TrainRequest:
    """One training.

    Attributes
    ----------
    name
        Of the model that comes out.
    hr, lr
        Images of layers, or paths of files or folders; ``lr`` is None if LR images are made.
    recipe
        Name of the recipe; empty for the one that fits the network.
    start_from
        Name or path of a model to go on from; it keeps its network and its intensity transform.
    network
        Of a training without a recipe of its own: any with the pixel loss.
    scale, degradation
        As in :class:`napari_sr.training.TrainConfig`; those of the model to go on from, or of the recipe, if None.
    kind
        Of the images: ``EM``, ``fluorescence`` or ``N-body``, whose logarithm is learnt from; not said if empty, see
        :func:`with_kind`.
    changes
        Further settings, as :func:`napari_sr.training.recipe_config` takes them.
    """

    name: str
    hr: Stack | str
    lr: Stack | str | None = None
    recipe: str = ""
    start_from: str = ""
    network: str = ""
    scale: int | None = None
    degradation: str | None = None
    kind: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


def make_config(request: TrainRequest, hr: str, lr: str) -> TrainConfig:
    """Return the configuration of a request whose images lie at ``hr`` and ``lr``.

    Raises
    ------
    ConfigError
        If the settings contradict each other, or cannot be.
    ModelError
        If there is no such model to go on from.
    """
    chosen: dict[str, Any] = {"scale": request.scale, "degradation": "" if lr else request.degradation}
    given = {name: value for name, value in chosen.items() if value is not None}
    recipe, changes = request.recipe, {**given, **request.changes}
    if request.start_from:
        if request.network:
            raise ConfigError("network: a model that is trained further keeps its own.")
        card = load_model(request.start_from).card
        recipe = recipe or recipe_for(card.network)
        if card.degradation:
            changes = {"degradation": card.degradation, **changes}
        changes = {"scale": card.scale, **changes} | {
            "network": card.network, "hyper_parameters": {}, "intensity": dict(card.intensity),
            "start_from": request.start_from,
        }  # fmt: skip
    elif request.network:
        if recipe not in ("", recipe_for("")):
            raise ConfigError(
                f"network: the recipe {recipe} has its own; another one goes with the recipe {recipe_for('')}."
            )
        recipe, changes = recipe_for(""), {"network": request.network, **changes}
    if request.kind and not request.start_from:
        if request.kind not in KINDS:
            raise ConfigError(f"kind: there is no {request.kind!r}; there are {', '.join(KINDS)}.")
        changes["card"] = {**changes.get("card", {}), "kind": request.kind}  # intensities follow from it
    return recipe_config(recipe or DEFAULT_RECIPE, name=request.name, train=(Source(hr, lr=lr),), **changes)


def with_kind(request: TrainRequest) -> TrainRequest:
    """Look at the first image, and return the request with its kind where that is a density and nothing else is said.

    Of other kinds, a guess is too weak to stand on a card.

    Raises
    ------
    ImageError
        If the first image cannot be read.
    """
    if request.kind or request.start_from or "intensity" in request.changes:
        return request
    kind = guess_kind(first_image(request.hr))
    return replace(request, kind=kind) if kind == "N-body" else request


def first_image(images: Stack | str) -> npt.NDArray[Any]:
    """Return a sample of the first of the images; nothing if there is no such file: what reads it says so."""
    if isinstance(images, str):
        if not exists(Path(images)):
            return np.empty((0, 0))
        files = image_files(Path(images))
        return regular_sample(np.asarray(open_planes(files[0])[0]), SAMPLE)
    return regular_sample(images.plane(0), SAMPLE)


def copied(request: TrainRequest, folder: Path, *, should_stop: Callable[[], bool]) -> TrainConfig:
    """Copy layers, and the model to go on from, into the folder of a run, and return its configuration.

    The run can then be repeated and resumed when layers and model are gone. Files stay where they are.

    Raises
    ------
    ImageError
        If an image has colours.
    TrainingError
        If the copies cannot be written.
    Cancelled
        If ``should_stop`` returns True.
    """
    hr, lr = (_path_of(images, folder, name, should_stop) for images, name in ((request.hr, "HR"), (request.lr, "LR")))
    if request.start_from:
        model = load_model(request.start_from)
        path = folder / "start" / f"{model.card.name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        save(model, path)
        critic = load_critic(model_paths().get(request.start_from, Path(request.start_from)))
        if critic is not None:
            save_critic(critic, path)
        request = replace(request, start_from=str(path))
    return make_config(request, hr, lr)


def _path_of(images: Stack | str | None, folder: Path, name: str, should_stop: Callable[[], bool]) -> str:
    """Return where the images lie; those of a layer are copied plane by plane, into a file that is called after it."""
    if images is None:
        return ""
    if isinstance(images, str):
        return images
    if "S" in images.axes:
        raise ImageError(f"{images.name} is a colour image; training needs single-channel images.")
    # messages name the file: it has to tell which layer is meant
    called = re.sub(r"[^\w.+-]+", "-", images.name)[:60].strip("-.")
    target = folder / "images" / f"{called or 'layer'} ({name}).npy"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        dtype = np.dtype(images.data.dtype).newbyteorder("=")
        shape = (len(images), *images.layout.plane_shape)
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with target.open("wb") as file:  # not through a memory map: on a full disk that would end the process
            np.lib.format.write_array_header_1_0(file, header)
            for number in range(shape[0]):
                if should_stop():
                    raise Cancelled("Stopped while the images were copied.")
                file.write(np.ascontiguousarray(images.plane(number), dtype=dtype).tobytes())
    except OSError as error:
        raise TrainingError(f"The images could not be copied to {target.parent} ({reason(error)}).") from None
    return str(target)
