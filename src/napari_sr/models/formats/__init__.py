"""Models of other programs: checkpoints of known layouts, what spandrel knows, ONNX, TorchScript, bioimage.io packages.

Nothing in a file is executed, unless it cannot be read otherwise and the user allows it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from napari_sr.errors import ModelError
from napari_sr.models.formats.found import Answers, Detected, Found, OpenQuestion, Question
from napari_sr.models.formats.package import is_package, names
from napari_sr.models.model import Model

__all__ = ["Detected", "OpenQuestion", "Question", "is_package", "load_foreign"]


def load_foreign(
    path: str | os.PathLike[str],
    *,
    answers: Mapping[str, object] | None = None,
    allow_code: bool = False,
    scale: int | None = None,
) -> Model:
    """Open a model file of another program.

    Parameters
    ----------
    path
        ``.pth``, ``.pt``, ``.ckpt``, ``.safetensors`` with weights; ``.onnx``; a bioimage.io package (zip or folder).
    answers
        To questions that the file leaves open, by their keys: see :class:`Question`.
    allow_code
        Also open what holds program code, which runs then: TorchScript, and packages with a network of their own.
    scale
        Short for ``answers={"scale": ...}``.

    Returns
    -------
    Model
        For one channel; ``card.source`` says what was found in the file.

    Raises
    ------
    OpenQuestion
        If the file can be read in several ways; its ``question`` says which.
    ModelError
        If it cannot be used, and why.
    """
    from napari_sr.models.formats.assemble import assembled
    from napari_sr.models.formats.our_exports import packed_model

    path = Path(path)
    if not path.exists():
        raise ModelError(f"There is no model file {path}.")
    given = {**(answers or {}), **({} if scale is None else {"scale": scale})}
    said = Answers(given)
    try:
        model = packed_model(path, allow_code=allow_code) if is_package(path) else None
        model = model or assembled(find(path, said, allow_code=allow_code), path)
    except OpenQuestion as error:
        raise OpenQuestion(error.question, path.name) from None
    # a scale that is its own is no fault: whoever opens many files says it of all
    known = {"scale": str(model.card.scale)}
    if wrong := [key for key in said.unasked() if known.get(key) != str(given[key])]:
        asked = f"It can be told: {', '.join(said.asked())}." if said.asked() else "It says everything itself."
        upscales = f", and upscales by {model.card.scale}" if wrong[0] == "scale" else ""
        raise ModelError(f"{path.name} has no question that goes by {wrong[0]!r}{upscales}. {asked}")
    return model


def find(path: Path, answers: Answers, *, allow_code: bool) -> Found:
    """Return the network and weights in a file, by what the file is."""
    from napari_sr.models.formats import bioimageio, graph, script

    if is_package(path):
        return bioimageio.find(path, answers, allow_code=allow_code)
    if path.is_dir():
        raise ModelError(f"{path} is a folder without a model description (rdf.yaml). Choose the model file in it.")
    if path.suffix.lower() == ".onnx":
        return graph.find(path.read_bytes(), path.name, answers)
    if _is_torchscript(path):
        return script.find(path, answers, allow_code=allow_code)
    return _checkpoint(path, answers)


def _is_torchscript(path: Path) -> bool:
    return any(name.endswith("/constants.pkl") for name in names(path))


def _checkpoint(path: Path, answers: Answers) -> Found:
    """Look for a layout that we know, then for one that spandrel knows."""
    from napari_sr.models.formats import convert, zoo
    from napari_sr.models.formats.checkpoint import read_checkpoint, weights_in
    from napari_sr.models.formats.found import first_names

    candidates = weights_in(read_checkpoint(path), path.name, answers)
    try:
        found = convert.find(candidates, answers)
        reason = ""
    except OpenQuestion:
        raise
    except ModelError as error:  # of a layout that we know; a variant of it may be known to spandrel
        found, reason = None, str(error)
    if found is not None:
        return found
    found, missing = zoo.find(candidates)
    if found is not None:
        return found
    if reason:
        raise ModelError(f"{path.name} cannot be used. {reason}{missing and f' {missing}'}")
    state = candidates[0].state
    raise ModelError(
        f"{path.name} holds {len(state)} arrays of weights but does not say which network they belong to, and their "
        f"names ({first_names(state)}) are of none that is known here. "
        f"{_what_it_may_be(state)}{missing and f' {missing}'}"
    )


def _what_it_may_be(names: Mapping[str, object]) -> str:
    if any(name.endswith(("fc.weight", "classifier.weight", "head.fc.weight")) for name in names):
        return "It looks like a network that classifies images; such a network makes none."
    return "Export the model to ONNX with the program that made it (torch.onnx.export), and open that."
