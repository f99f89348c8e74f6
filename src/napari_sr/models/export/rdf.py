"""What a bioimage.io package says of itself: its resource description, version 0.5."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from napari_sr.models.export.facts import tiling
from napari_sr.models.export.graph import ExportGraph
from napari_sr.models.export.licence import citations, spdx
from napari_sr.models.model import Model, ModelCard, read_card
from napari_sr.models.store import SUFFIX, shipped_folder

FORMAT = "0.5.4"
LICENCE_FILE = "LICENSE.txt"
#: least that is kept of a tile beside its context, LR pixels
KEPT = 8
TAGS = {"EM": "electron-microscopy", "fluorescence": "fluorescence-light-microscopy", "N-body": "cosmology"}


def description(
    model: Model,
    graph: ExportGraph,
    *,
    weights: Mapping[str, Mapping[str, Any]],
    authors: Sequence[str],
    tile: int | None,
) -> dict[str, Any]:
    """Return the resource description as plain values for YAML.

    Parameters
    ----------
    model, graph
        What was exported.
    weights
        The ``weights`` entries.
    authors
        Their names.
    tile
        The only side that the weights take, LR pixels; None if any.
    """
    card = model.card
    cite = [{"text": t, "doi": d} for t, d in citations(f"{card.citation};{card.attribution}") if d]
    entries: dict[str, Any] = {
        "format_version": FORMAT,
        "type": "model",
        "name": plain_name(card),
        "description": card.description[:1000],
        "authors": [{"name": name.replace("/", " ")} for name in authors or ["not stated"]],
        "cite": cite,
        "tags": ["super-resolution", "2d", "napari", *([TAGS[card.kind]] if card.kind in TAGS else [])],
        "documentation": "README.md",
        "covers": ["cover.png"],
        "attachments": [{"source": f"{card.name}.safetensors"}],
        "inputs": _inputs(model, graph, tile),
        "outputs": [_output(model, graph)],
        "weights": dict(weights),
    }
    if card.licence:
        entries["license"] = spdx(card.licence) or {"source": LICENCE_FILE}
    return entries


def is_shipped(card: ModelCard) -> bool:
    """Return True for a model that came with napari-sr, whatever it is called now."""
    files = shipped_folder().glob(f"*{SUFFIX}")
    return bool(card.weights_sha256) and any(read_card(f).weights_sha256 == card.weights_sha256 for f in files)


def authors_of(card: ModelCard, given: Sequence[str]) -> list[str]:
    """Return who made a model: who is given, or of a shipped one its makers; empty if that is not known."""
    return list(given) or (["The napari-sr developers"] if is_shipped(card) else [])


def plain_name(card: ModelCard) -> str:
    """Return the title in the letters that the collection allows."""
    text = re.sub(r"[^A-Za-z0-9_+\- ()]", "", (card.title or card.name).replace("×", "x"))
    text = re.sub(r" +", " ", text).strip()
    return (text if len(text) >= 5 else f"{text} x{card.scale} super-resolution").strip()[:128]


def _inputs(model: Model, graph: ExportGraph, tile: int | None) -> list[dict[str, Any]]:
    side, halo = tiling(model)
    side = tile or side
    size: Any = side if side is not None else {"min": 2 * halo + KEPT, "step": 1}
    # the size of an output pixel is 1, that of an input pixel the factor: a third is no number of the computer's
    space = [{"type": "space", "id": a, "size": size, "scale": float(model.scale)} for a in "yx"]
    channels = {"type": "channel", "channel_names": _channels(model.card.in_channels)}
    image = {
        "id": "lr", "description": "low-resolution image", "axes": [{"type": "batch"}, channels, *space],
        "data": {"type": "float32"}, "test_tensor": {"source": "test_input.npy"},
        "preprocessing": before(model, graph),
    }  # fmt: skip
    if not graph.conditions:
        return [image]
    told = {
        "id": "conditions",
        "description": ("; ".join(f"{c.name} ({c.unit})" if c.unit else c.name for c in graph.conditions))[:128],
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": [c.name for c in graph.conditions]}],
        "data": {"type": "float32"},
        "test_tensor": {"source": "test_conditions.npy"},
    }
    return [image, told]


def _output(model: Model, graph: ExportGraph) -> dict[str, Any]:
    halo = tiling(model)[1] * model.scale
    space = [
        {"type": "space", "id": a, "size": {"tensor_id": "lr", "axis_id": a}, "scale": 1.0, "halo": halo} for a in "yx"
    ]
    channels = {"type": "channel", "channel_names": _channels(model.card.out_channels)}
    return {
        "id": "sr", "description": "super-resolved image", "axes": [{"type": "batch"}, channels, *space],
        "data": {"type": "float32"}, "test_tensor": {"source": "test_output.npy"},
        "postprocessing": after(model, graph),
    }  # fmt: skip


def _channels(count: int) -> list[str]:
    return ["intensity"] if count == 1 else [f"channel{n}" for n in range(count)]


def before(model: Model, graph: ExportGraph) -> list[dict[str, Any]]:
    """Return the steps from image values to what the weights take."""
    i = model.intensity
    steps: list[dict[str, Any]] = [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}]
    if graph.fitted is not None or i.kind == "identity":
        return steps
    gain = i.upper - i.lower
    if i.kind == "fixed":
        linear = {"gain": gain / (i.high - i.low), "offset": i.lower - i.low * gain / (i.high - i.low)}
        return [*steps, {"id": "scale_linear", "kwargs": linear}]
    low, high = (i.low, i.high) if i.kind == "percentile" else (0.0, 100.0)
    limits = {"axes": ["channel", "y", "x"], "min_percentile": float(low), "max_percentile": float(high)}
    steps.append({"id": "scale_range", "kwargs": limits})
    if (i.lower, i.upper) != (0.0, 1.0):
        steps.append({"id": "scale_linear", "kwargs": {"gain": gain, "offset": i.lower}})
    return steps


def after(model: Model, graph: ExportGraph) -> list[dict[str, Any]]:
    """Return the steps from what the weights give back, as far as the specification goes.

    It has no step that undoes a scaling by percentiles of the input; the result stays in shares of them.
    """
    i = model.intensity
    steps: list[dict[str, Any]] = []
    if graph.fitted is None and i.depends_on_image and (i.lower, i.upper) != (0.0, 1.0):
        gain = 1 / (i.upper - i.lower)
        steps.append({"id": "scale_linear", "kwargs": {"gain": gain, "offset": -i.lower * gain}})
    elif graph.fitted is None and i.kind == "fixed":
        gain = (i.high - i.low) / (i.upper - i.lower)
        steps.append({"id": "scale_linear", "kwargs": {"gain": gain, "offset": i.low - i.lower * gain}})
    return [*steps, {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}]


def scaled_in_words(model: Model, graph: ExportGraph) -> list[str]:
    """Return sentences on what programs that follow the package do with values."""
    i = model.intensity
    lines = [f"Every image is made {model.scale} times as high and wide; its plane stays where it was."]
    if graph.fitted is not None or not i.depends_on_image:
        lines.append("Values are those of the image, in and out.")
    else:
        low, high = (f"{i.low:g}th percentile", f"{i.high:g}th percentile")
        low, high = (low, high) if i.kind == "percentile" else ("minimum", "maximum")
        lines.append(
            f"Images of any values go in. What comes out counts in shares of the input's range: 0 is its {low}, 1 its "
            f"{high}. To come back to the image's own values: out * (high - low) + low. The specification has no step "
            "for that."
        )
    if graph.conditions:
        listed = ", ".join(f"{c.name} ({c.unit})" if c.unit else c.name for c in graph.conditions)
        lines.append(f"A second input tells the network about the image: {listed}. Programs that give one image only "
                     "need a package with fixed values.")  # fmt: skip
    return lines
