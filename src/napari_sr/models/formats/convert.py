"""From the weights of a file to a network of ours: the layout, the hyper-parameters, one channel, and a strict fit."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from torch import Tensor

from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.formats.checkpoint import Weights
from napari_sr.models.formats.found import PHOTOGRAPH, Answers, Detected, Found, Question, State, shortened
from napari_sr.models.formats.layouts import LAYOUTS, Renamed
from napari_sr.models.formats.shapes import built_shapes, fitting, misfit
from napari_sr.networks import NETWORKS, SRNetwork

#: share of names below which two networks are not of one kind; options of a network add or drop some
SHARED = 0.5
HEADS = ("linear", "tanh", "sigmoid")
#: what a network ends with, and the values it was trained on: tanh and sigmoid cannot reach their limits
RANGES = {
    "linear": Intensity(), "tanh": Intensity(lower=-0.8, upper=0.8), "sigmoid": Intensity(lower=0.1, upper=0.9)
}  # fmt: skip


def find(candidates: list[Weights], answers: Answers) -> Found | None:
    """Return the network of the first state dict whose layout is known; None if none is."""
    for weights in candidates:
        for name in LAYOUTS:
            renamed = LAYOUTS[name](weights.state, answers)
            if renamed is not None:
                return _built(renamed, LAYOUTS.entry(name).title, weights, answers, PHOTOGRAPH)
    # building each of our networks to compare takes longer than looking for names
    return next((found for weights in candidates if (found := _own(weights, answers)) is not None), None)


def _own(weights: Weights, answers: Answers) -> Found | None:
    """Return the network of ours that has these very weights."""
    for name in NETWORKS:
        network = NETWORKS[name]
        if network.foreign or not network.trainable:
            continue
        renamed = Renamed(name, weights.state)
        if not _looks_like(name, weights.state) or not any(True for _ in fitting(name, weights.state, {})):
            continue
        head = "linear"
        if "head" in _parameters(name):
            head = answers.to(Question("head", f"{name} may end with any of several activations.", HEADS))
            renamed = Renamed(name, weights.state, {"head": head})
        return _built(renamed, "of napari-sr, without its card", weights, answers, RANGES[head])
    return None


def _parameters(name: str) -> Mapping[str, Any]:
    return inspect.signature(NETWORKS[name]).parameters


def _looks_like(name: str, state: State) -> bool:
    """Return True if a state dict shares most names, numbers aside, with a kind of network: a quick look."""
    own, given = _skeleton(NETWORKS[name], name), {re.sub(r"\d+", "#", key) for key in state}
    return len(own & given) >= SHARED * len(own | given)


@cache
def _skeleton(network: type[SRNetwork], name: str) -> frozenset[str]:
    """Return the names of a network's weights, without their numbers."""
    smallest = {key: 1 for key in ("num_blocks", "num_groups", "num_layers") if key in _parameters(name)}
    shapes = built_shapes(name, {"scale": network.scales[0], **smallest})
    return frozenset(re.sub(r"\d+", "#", key) for key in shapes)


def _built(renamed: Renamed, title: str, weights: Weights, answers: Answers, intensity: Intensity) -> Found:
    """Find the hyper-parameters, fold the colours, and check that every array has its place."""
    name = renamed.network
    title = f"{NETWORKS.entry(name).title}, {title}"
    fits = list(fitting(name, renamed.state, renamed.given))
    if not fits:
        raise ModelError(_misfit(renamed, weights, title))
    settings = _chosen(name, fits, answers)
    channels = (int(settings["in_channels"]), int(settings["out_channels"]))
    notes = (*weights.notes, *renamed.notes, *answers.assumed)
    detected = Detected(title, settings, int(settings["scale"]), channels, weights.where, notes)
    if channels == (1, 1):
        return Found(name, settings, renamed.state, detected, intensity)
    return _one_channel(renamed, settings, detected, intensity)


def _chosen(name: str, fits: list[dict[str, Any]], answers: Answers) -> dict[str, Any]:
    """Return the hyper-parameters that are meant, where several make the same shapes."""
    for key in fits[0]:
        choices = tuple(dict.fromkeys(str(fit[key]) for fit in fits))
        if len(choices) > 1:
            answer = answers.to(Question(key, f"Its weights fit {name} with several values of {key}.", choices))
            fits = [fit for fit in fits if str(fit[key]) == answer]
    return fits[0]


def _misfit(renamed: Renamed, weights: Weights, title: str) -> str:
    """Say which arrays are too many, missing, or of another shape."""
    names = misfit(renamed.network, renamed.state, renamed.given)
    extra = [name for name in names if name in renamed.state]
    kind = "does not belong there or has another shape" if extra else "is missing"
    more = f" ({len(names)} in all)" if len(names) > 1 else ""
    first = (extra or names)[0]
    # as the file calls it
    first = next((name for name, value in weights.state.items() if value is renamed.state.get(first)), first)
    return (
        f"It looks like {title}, but does not fit it: {shortened(first)!r} {kind}{more}. It may be a variant "
        "that is not known here, or incomplete."
    )


def _one_channel(renamed: Renamed, settings: Mapping[str, Any], detected: Detected, intensity: Intensity) -> Found:
    """Return the network for one channel that equals the mean of what the colours make of the same image in each."""
    linear = settings.get("head", "linear") == "linear" and settings.get("mean", "none") == "none"
    grey = {**settings, "in_channels": 1, "out_channels": 1}
    name = renamed.network
    if linear:
        folded = fold(renamed.state, built_shapes(name, grey))
        note = "For grey images, its first layer was summed and its last averaged over the colours"
        return Found(name, grey, folded, _noted(detected, note), intensity)
    state = {f"body.{key}": value for key, value in renamed.state.items()}
    inside = {key: value for key, value in settings.items() if key != "scale"}
    outer = {"scale": settings["scale"], "network": name, "settings": inside}
    note = "It sees grey images in all of its colours, and their mean is the result"
    return Found("colour", outer, state, _noted(detected, note), intensity)


def _noted(detected: Detected, note: str) -> Detected:
    return replace(detected, notes=(*detected.notes, note))


def fold(state: State, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return weights for one channel: inputs summed, outputs averaged, as another shape asks for it.

    Channels are the slowest index, before the pixels that a shuffle gathers or spreads.
    """
    return {name: _folded(value, shapes[name]) for name, value in state.items()}


def _folded(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    if value.ndim > 1 and value.shape[1] != shape[1]:
        value = value.reshape(value.shape[0], -1, shape[1], *value.shape[2:]).sum(1)
    if value.ndim > 0 and value.shape[0] != shape[0]:
        value = value.reshape(-1, shape[0], *value.shape[1:]).mean(0)
    return value
