"""ONNX files: any batch, height and width, with the card and how to use it in their metadata."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.errors import ModelError
from napari_sr.models.export.facts import CARD_KEY, FACTS_KEY
from napari_sr.models.export.graph import ExportGraph
from napari_sr.models.export.verify import RECORDED, Runner
from napari_sr.models.model import ModelCard

#: the oldest that has all that is used; what is newer only narrows who can read it
OPSET = 17


def write(graph: ExportGraph, path: Path, *, tile: int | None) -> None:
    """Write the module; ``tile`` is the only side that the file takes, None for any size.

    The exporter that records (``dynamo=False``) is meant: it is six times faster than the other one on networks of
    hundreds of layers, and its files need no folding afterwards.

    Raises
    ------
    ModelError
        If the network does something that ONNX cannot.
    """
    example = graph.example(RECORDED if tile is None else (1, tile, tile))
    names = ["lr", "conditions"][: len(example)]
    axes: dict[str, dict[int, str]] = {"lr": {0: "batch"}, "sr": {0: "batch"}, "conditions": {0: "batch"}}
    if tile is None:
        axes["lr"] |= {2: "height", 3: "width"}
        axes["sr"] |= {2: "sr_height", 3: "sr_width"}
    try:
        # torch prints the whole graph where it fails, and warns of every size that it reads
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph, example, str(path), dynamo=False, opset_version=OPSET, input_names=names, output_names=["sr"],
                dynamic_axes={n: axes[n] for n in [*names, "sr"]},
            )  # fmt: skip
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The network does something that cannot be written as ONNX: {reason}") from error


def add_metadata(path: Path, *, card: ModelCard, facts: dict[str, Any]) -> None:
    """Put the card and how to use the file into an ONNX file."""
    import onnx

    content = onnx.load(str(path))
    content.producer_name = "napari-sr"
    content.doc_string = "\n".join([card.title or card.name, card.description, *facts["how_to"]])
    onnx.helper.set_model_props(content, {CARD_KEY: card.to_json(), FACTS_KEY: json.dumps(facts, ensure_ascii=False)})
    onnx.checker.check_model(content)
    onnx.save(content, str(path))


def runner(path: Path) -> Runner:
    """Return the file in onnxruntime, on one core of the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; it need not be printed too
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]

    def run(*inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(session.run(None, dict(zip(names, inputs, strict=True)))[0])

    return run
