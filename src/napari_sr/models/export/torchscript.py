"""TorchScript files: any batch, height and width, with the card and how to use it beside the weights."""

from __future__ import annotations

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


def write(graph: ExportGraph, path: Path, *, tile: int | None, card: ModelCard, facts: dict[str, Any]) -> None:
    """Record the module and write it; ``tile`` is the side it is recorded at, None if any size must do.

    Raises
    ------
    ModelError
        If the network cannot be recorded.
    """
    example = graph.example(RECORDED if tile is None else (1, tile, tile))
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of every size that it reads: whether that does harm is tested afterwards
            recorded = torch.jit.trace(graph, example, check_trace=False)  # type: ignore[no-untyped-call]
            extra = {f"{CARD_KEY}.json": card.to_json(), f"{FACTS_KEY}.json": json.dumps(facts, ensure_ascii=False)}
            torch.jit.save(recorded, str(path), _extra_files=extra)
    except (RuntimeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The network does something that cannot be written as TorchScript: {reason}") from error


def runner(path: Path) -> Runner:
    """Return the file, loaded again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]

    def run(*inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(loaded(*(torch.from_numpy(i) for i in inputs)).numpy())

    return run
