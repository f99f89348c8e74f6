"""ONNX files: axes, channels and sizes from the graph, the scale from a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from napari_sr.errors import ModelError, SRError
from napari_sr.models.formats.found import Answers, Found
from napari_sr.models.formats.our_exports import our_export
from napari_sr.models.formats.probe import probed
from napari_sr.networks.foreign_base import Around
from napari_sr.networks.foreign_bytes import as_bytes
from napari_sr.networks.foreign_onnx import TYPES, open_session

#: more channels than these, and the axis holds pixels
MOST_CHANNELS = 4


def find(contents: bytes, name: str, answers: Answers) -> Found:
    """Return the network in an ONNX file.

    Raises
    ------
    ModelError
        If it has not one image in and one out, or cannot be run.
    """
    try:
        session = open_session(contents, torch.device("cpu"))
        ours = our_export(session.get_modelmeta().custom_metadata_map, name)
        around, axes, channels = described(session)
        around = around if ours is None or around.fixed else ours.around  # what it takes now is in the graph
        found = probed("onnx", "ONNX model", as_bytes(contents), around, answers, axes=axes, channels=channels)
        return found if ours is None else ours.on(found)
    except SRError as error:
        raise ModelError(f"{name} cannot be used. {error}") from None


def described(session: Any) -> tuple[Around, dict[str, str], tuple[int, ...]]:
    """Return the sizes, axes, and possible channels of a session's graph."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"It has {len(inputs)} inputs and {len(outputs)} outputs; only models of one image in and one out run here."
        )
    taken, made = inputs[0], outputs[0]
    if taken.type not in TYPES:
        raise ModelError(f"Its input is of type {taken.type}; only models of floating-point images run here.")
    if len(taken.shape) != 4 or len(made.shape) not in (0, 4):
        raise ModelError(f"Its input has {len(taken.shape)} axes; only 2-D images with batch and channels run here.")
    axes = {"axes": _axes(taken.shape), "axes_out": _axes(made.shape) if made.shape else _axes(taken.shape)}
    sides: dict[str, Any] = dict(zip(axes["axes"], taken.shape, strict=True))
    if isinstance(sides["b"], int) and sides["b"] != 1:
        raise ModelError(f"It takes {sides['b']} images at a time; only models that take one, or any number, run here.")
    channels = (sides["c"],) if isinstance(sides["c"], int) else (1, 3)
    fixed = tuple(sides[a] for a in "yx" if isinstance(sides[a], int))
    if len(fixed) == 1:
        raise ModelError("It fixes one side of the image and leaves the other open. Export it with both, or neither.")
    axes = {} if set(axes.values()) == {"bcyx"} else axes
    return replace(Around(), fixed=fixed), axes, channels


def _axes(shape: list[Any]) -> str:
    """Return ``byxc`` where the last axis has a few channels and the second has not; ``bcyx`` otherwise."""
    last_few = isinstance(shape[3], int) and shape[3] <= MOST_CHANNELS
    second_few = isinstance(shape[1], int) and shape[1] <= MOST_CHANNELS
    return "byxc" if last_few and not second_few else "bcyx"
