"""What must be known of an exported file, for programs and for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_sr.models.export.graph import ExportGraph
from napari_sr.models.model import HEADER_KEY, Model

#: keys of the metadata in ONNX files, and names of the extra files in TorchScript files
CARD_KEY, FACTS_KEY = HEADER_KEY, "napari_sr_export"


def tiling(model: Model) -> tuple[int | None, int]:
    """Return the side of tiles that a network must have, None if any, and the context of a tile; LR pixels.

    A network that pools over the tile is to be run at the size it was trained at, as napari-sr does.
    """
    if model.network.pools_tile:
        patch = model.card.trained_patch or 64
        return patch, patch // 8
    return None, int(model.card.halo.get("fp32", model.network.halo))


def facts_of(model: Model, graph: ExportGraph, *, told: Mapping[str, float] | None, tile: int | None) -> dict[str, Any]:
    """Return what a program must know to use the file, as plain values for JSON.

    Parameters
    ----------
    model, graph, told
        What was exported, and with which conditions fixed.
    tile
        The only side that the file takes, in LR pixels; None if any.
    """
    best, halo = tiling(model)
    intensity = model.intensity
    scaling: dict[str, Any] = {"kind": intensity.kind, "lower": intensity.lower, "upper": intensity.upper}
    if intensity.kind in ("percentile", "fixed", "log"):
        scaling |= {"low": intensity.low, "high": intensity.high}
    if intensity.kind == "log":
        scaling["offset"] = intensity.offset
    return {
        "scale": model.scale,
        "inputs": ["lr", "conditions"] if graph.conditions else ["lr"],
        "outputs": ["sr"],
        "values": "network" if graph.fitted is None else "image",
        "normalisation": scaling,
        "conditions": [
            {"name": c.name, "unit": c.unit, "low": c.low, "high": c.high, "default": c.default,
             "meaning": c.explanation}
            for c in graph.conditions
        ],
        "told": dict(told or {}) if model.network.conditions and told is not None else {},
        "tile_lr_pixels": tile or best,
        "any_size": tile is None,
        "halo_lr_pixels": halo,
        "how_to": how_to(model, graph, told=told, tile=tile),
    }  # fmt: skip


def how_to(model: Model, graph: ExportGraph, *, told: Mapping[str, float] | None, tile: int | None) -> list[str]:
    """Return sentences on what goes into the file and what comes out."""
    size = "any height and width" if tile is None else f"height and width {tile}"
    lines = [
        f"Input lr: float32 (batch, channel, height, width), {model.card.in_channels} channel(s), {size}.",
        f"Output sr: float32, {model.scale} times as high and wide, {model.card.out_channels} channel(s).",
        _values(model, graph),
    ]
    if graph.conditions:
        told_of = "; ".join(
            f"{c.name} ({c.unit or 'no unit'}, {c.low:g} to {c.high:g}, {c.default:g} if unknown)"
            for c in graph.conditions
        )
        lines.append(f"Input conditions: float32 (batch, {len(graph.conditions)}), in this order: {told_of}.")
    elif told is not None and model.network.conditions:
        fixed = ", ".join(
            f"{c.name} {told.get(c.name, c.default):g} {c.unit}".strip() for c in model.network.conditions
        )
        lines.append(f"Made for images with {fixed}, and for no others.")
    best, halo = tiling(model)
    if tile is None and best is not None:
        lines.append(
            f"It looks at the whole of what it is given: cut large images into tiles of {best} pixels, the size it was "
            f"trained at, and blend them where they overlap ({2 * halo} pixels)."
        )
    elif tile is None:
        lines.append(f"Of large images cut into tiles, throw {halo} input pixels away on each side of a tile.")
    return lines


def _values(model: Model, graph: ExportGraph) -> str:
    i = model.intensity
    if graph.fitted is not None or i.kind == "identity":
        of = " Of densities, they are in units of the mean density." if i.kind == "log" else ""
        return f"Values are those of the image, in and out.{of}"
    if i.kind == "log":
        return (
            f"Values: in, (log10(max(image, 0) + {i.offset:g}) - {i.low:g}) / {i.high - i.low:g} * "
            f"{i.upper - i.lower:g} + {i.lower:g}; out, the same backwards."
        )
    low, high = {
        "percentile": (f"the {i.low:g}th percentile", f"the {i.high:g}th percentile"),
        "range": ("the minimum", "the maximum"),
        "fixed": (f"{i.low:g}", f"{i.high:g}"),
    }[i.kind]
    of = "" if i.kind == "fixed" else " of the whole image (never of a tile)"
    return (
        f"Values: in, (image - low) / (high - low) * {i.upper - i.lower:g} + {i.lower:g}, where low is {low} and "
        f"high is {high}{of}; out, the same backwards with the same two numbers."
    )
