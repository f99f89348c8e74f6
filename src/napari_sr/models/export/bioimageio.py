"""Packages for bioimage.io: weights as ONNX and TorchScript, a description, a test, a picture, and the card."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml

from napari_sr.errors import ModelError
from napari_sr.models import model as model_file
from napari_sr.models.export import rdf
from napari_sr.models.export.facts import tiling
from napari_sr.models.export.graph import ExportGraph
from napari_sr.models.export.onnx import OPSET
from napari_sr.models.export.pictures import drawn_example, write_cover
from napari_sr.models.export.readme import readme
from napari_sr.models.export.request import Exported, ExportRequest, Step
from napari_sr.models.export.writing import whole

#: side of the test image, LR pixels, where any will do
TEST_SIDE = 96
#: what bioimageio.spec 0.5.12 stumbles over with pydantic 2.14, whatever the package is; mended in its 0.5.14
UNSUITED = "'index_key' is expected"


def iter_package(request: ExportRequest, folder: Path) -> Generator[Step | Exported, None, None]:
    """Make the package in ``folder``, test it, and put it in its place; events as of ``iter_export``."""
    from napari_sr.models.export.run import iter_weights

    model = request.model
    onnx = yield from iter_weights(request, "onnx", folder)
    script = yield from iter_weights(request, "torchscript", folder)
    told = None if request.conditions is None else dict(request.conditions)
    graph = ExportGraph(model=model, told=told, image_values=request.image_values)
    tiles = [w.facts["tile_lr_pixels"] for w in (onnx, script) if not w.facts["any_size"]]
    tile = tiles[0] if tiles else None
    yield Step("Making a test and a picture")
    _tests(request, graph, folder, tile)
    model_file.save(model, folder / f"{model.card.name}.safetensors", half=True)
    notes = _notes(request)
    scaled = rdf.scaled_in_words(model, graph)
    page = readme(model.card, how_to=onnx.facts["how_to"], scaled=scaled, notes=notes)
    (folder / "README.md").write_text(page, encoding="utf-8")
    (folder / rdf.LICENCE_FILE).write_text(f"{model.card.licence}\n\n{model.card.attribution}\n", encoding="utf-8")
    weights = {
        "torchscript": _weights(script.path) | {"pytorch_version": torch.__version__.split("+")[0]},
        "onnx": _weights(onnx.path) | {"opset_version": OPSET, "parent": "torchscript"},
    }
    entries = rdf.description(
        model, graph, weights=weights, authors=rdf.authors_of(model.card, request.authors), tile=tile
    )
    text = yaml.safe_dump(entries, allow_unicode=True, sort_keys=False)
    (folder / "bioimageio.yaml").write_text(text, encoding="utf-8")
    with whole(request.target) as part:
        _pack(folder, part)
        yield Step("Testing the package as bioimage.io does")
        untested = check_package(part)
    notes += [f"It was not tested as bioimage.io does: {untested}"] if untested else []
    yield Exported(request.target, max(onnx.deviation, script.deviation), tuple(scaled), tuple(notes))


def check_package(path: Path) -> str:
    """Test a package as ``bioimageio test`` does, without the network; return why it could not be, empty if it was.

    Raises
    ------
    ModelError
        With what fails, if it does not pass.
    """
    if find_spec("bioimageio") is None or find_spec("bioimageio.core") is None:
        return 'pip install "napari-sr[bioimageio]" for that.'
    from bioimageio.core import test_model
    from bioimageio.spec import ValidationContext

    with warnings.catch_warnings(), ValidationContext(perform_io_checks=False, log_warnings=False):
        warnings.simplefilter("ignore")  # of other packages, and not about the package
        summary = test_model(path)
    if summary.status == "passed":
        return ""
    failed = "; ".join(f"{d.name}: {e.msg}" for d in summary.details for e in d.errors)
    if UNSUITED in failed:
        return 'the bioimageio.spec that is installed here does not go with pydantic 2.14; pip install "pydantic<2.14".'
    raise ModelError(f"The package does not pass the test of bioimage.io, and was not kept. {failed}")


def _tests(request: ExportRequest, graph: ExportGraph, folder: Path, tile: int | None) -> None:
    """Write test inputs and outputs and the cover: what napari-sr itself makes of the example."""
    model = request.model
    side = tile or tiling(model)[0]
    needed = side or TEST_SIDE
    lr = drawn_example(needed, model.intensity) if request.example is None else np.asarray(request.example, np.float32)
    if lr.ndim != 2 or min(lr.shape) < needed:
        raise ModelError(f"The example must be one plane of at least {needed} × {needed} pixels, not {lr.shape}.")
    lr = np.ascontiguousarray(lr[:needed, :needed] if side else lr)
    batch = np.broadcast_to(lr, (1, model.card.in_channels, *lr.shape)).copy()
    inputs = [batch if graph.fitted is not None else _scaled(batch, model)]
    if graph.conditions:
        told = np.array([[c.default for c in graph.conditions]], np.float32)
        np.save(folder / "test_conditions.npy", told)
        inputs.append(told)
    with torch.inference_mode():
        sr = np.asarray(graph(*(torch.from_numpy(i) for i in inputs)).numpy())
    if graph.fitted is None and model.intensity.depends_on_image:
        sr = (sr - model.intensity.lower) / (model.intensity.upper - model.intensity.lower)
    elif graph.fitted is None:
        sr = model.intensity.fit(batch).inverse(sr).astype(np.float32)
    np.save(folder / "test_input.npy", batch)
    np.save(folder / "test_output.npy", sr.astype(np.float32))
    shown = _scaled(batch, model) if graph.fitted is None and model.intensity.depends_on_image else batch
    if graph.fitted is None and model.intensity.depends_on_image:
        shown = (shown - model.intensity.lower) / (model.intensity.upper - model.intensity.lower)
    logarithmic = model.intensity.kind == "log"
    write_cover(folder / "cover.png", shown[0, 0], sr[0, 0], scale=model.scale, logarithmic=logarithmic)


def _scaled(batch: npt.NDArray[np.float32], model: Any) -> npt.NDArray[np.float32]:
    """Return network values of a test image."""
    return np.asarray(model.intensity.fit(batch).forward(batch))


def _weights(path: Path) -> dict[str, Any]:
    return {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _notes(request: ExportRequest) -> list[str]:
    """Return what the giver should know."""
    card = request.model.card
    notes = []
    if not card.licence:
        notes.append("Its card names no licence: nobody may use it until there is one.")
    if not rdf.authors_of(card, request.authors):
        notes.append("It does not say who made it.")
    if request.example is None:
        notes.append("Its test image and its picture are drawn, not taken.")
    return notes


def _pack(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.iterdir()):
            package.write(path, path.name)
