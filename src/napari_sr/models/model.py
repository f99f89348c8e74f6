"""A model: a network, its weights, and a card that says what it is; all in one file.

The file is a safetensors file. Its header holds one JSON document, the model card, so that loading
needs no pickle and no guess. The hash of the weights is on the card.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_sr.errors import CodeRefused, ConfigError, ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.whole_file import beside
from napari_sr.networks import SRNetwork, create_network
from napari_sr.paths import exists, reason, why_not_open

__all__ = ["Model", "ModelCard", "load", "save"]

HEADER_KEY = "napari_sr_card"
FORMAT_VERSION = 1


#: what a card's entries are, of those that nothing else checks
KINDS: Mapping[str, type] = {
    "name": str, "network": str, "hyper_parameters": dict, "intensity": dict, "training": dict, "source": dict,
    "scale": int, "title": str, "description": str, "kind": str, "pixel_unit": str, "degradation": str, "licence": str,
    "attribution": str, "citation": str, "weights_sha256": str,
}  # fmt: skip


@dataclass(frozen=True)
class ModelCard:
    """What a model is, where it comes from, what it needs, and how good it was measured to be.

    Attributes
    ----------
    name, title, description
        For lists and panels.
    network, hyper_parameters, scale, in_channels, out_channels
        How to rebuild the network.
    intensity
        Fields of :class:`napari_sr.intensity.Intensity`.
    trained_patch
        Side of the LR patches it was trained on, in LR pixels; 0 for interpolations.
    halo
        Context in LR pixels a tile needs on each side so that its measured error stays below 1e-5 of the
        intensity span (``fp32``) and below 1/510 of it (``low`` precision).
    kind
        Kind of image: ``EM``, ``N-body``, ``fluorescence`` or ``any``.
    pixel_size, pixel_unit
        Smallest and largest **LR** pixel size of the training images, in ``pixel_unit``; empty if any.
    degradation
        Name of the degradation that made the LR images.
    lr_images
        What the LR images suffered: smallest and largest ``blur`` (LR pixels) and ``noise`` (per cent of the range),
        as in :mod:`napari_sr.conditions`; empty if it is not known.
    training
        Provenance: data, loss, steps, batch, seed, versions, time.
    metrics
        One entry a measured data set: ``{"data", "model": {...}, "bicubic": {...}}``.
    licence, attribution, citation
        Of the weights, of the training data, of the method.
    source
        Of a model of another program: the ``file`` it was made from, its ``sha256``, and what was ``detected`` in it.
    weights_sha256
        Filled in by :func:`save`.
    """

    name: str
    network: str
    hyper_parameters: Mapping[str, Any]
    scale: int
    title: str = ""
    description: str = ""
    in_channels: int = 1
    out_channels: int = 1
    intensity: Mapping[str, Any] = field(default_factory=lambda: Intensity().to_dict())
    trained_patch: int = 0
    halo: Mapping[str, int] = field(default_factory=dict)
    kind: str = "any"
    pixel_size: tuple[float, ...] = ()
    pixel_unit: str = ""
    degradation: str = ""
    lr_images: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[Mapping[str, Any], ...] = ()
    licence: str = ""
    attribution: str = ""
    citation: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    weights_sha256: str = ""
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Return the card as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card; raises :class:`ModelError` when it is not one."""
        try:
            values = json.loads(text)
            known = {f.name for f in fields(cls)}
            if values.get("format_version", 0) > FORMAT_VERSION:
                raise ModelError("It was written by a newer napari-sr; please update napari-sr.")
            unknown = sorted(set(values) - known)
            if unknown:
                raise ModelError(f"Its card has unknown entries: {', '.join(unknown)}.")
            values["pixel_size"] = tuple(values.get("pixel_size", ()))
            values["metrics"] = tuple(values.get("metrics", ()))
            values["lr_images"] = {k: (v[0], v[1]) for k, v in values.get("lr_images", {}).items()}
            if not all(isinstance(entry, dict) for entry in values["metrics"]):
                raise TypeError(f"metrics is {values['metrics']!r}")
            for name, kind in KINDS.items():
                if not isinstance(values.get(name, kind()), kind):
                    raise TypeError(f"{name} is {values[name]!r}")
            return cls(**values)
        except (json.JSONDecodeError, TypeError, AttributeError, IndexError, KeyError) as error:
            raise ModelError(f"Its model card cannot be read ({error}).") from None


@dataclass(frozen=True)
class Model:
    """A network ready to run, with its card."""

    network: SRNetwork
    card: ModelCard

    @property
    def scale(self) -> int:
        """Upscaling factor."""
        return self.card.scale

    @property
    def intensity(self) -> Intensity:
        """Intensity transform the network expects."""
        return Intensity.from_dict(self.card.intensity)


def build_network(card: ModelCard) -> SRNetwork:
    """Build the network that a card describes, with untrained weights."""
    try:
        network = create_network(card.network, **dict(card.hyper_parameters))
    except ConfigError as error:
        raise ModelError(str(error)) from None
    facts = {
        "scale": (network.scale, card.scale),
        "in_channels": (network.in_channels, card.in_channels),
        "out_channels": (network.out_channels, card.out_channels),
    }
    for name, (of_network, of_card) in facts.items():
        if of_network != of_card:
            raise ModelError(f"Its card says {name} = {of_card}, its network {of_network}.")
    return network


def weights_hash(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of names, shapes, types and bytes of the weights, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()


def save(model: Model, path: str | os.PathLike[str], *, half: bool = False) -> ModelCard:
    """Write ``model`` to ``path`` in one step, so that no half-written file can be found there.

    Parameters
    ----------
    model
        What to write.
    path
        Usually ends in ``.safetensors``.
    half
        Store the weights in float16 (half the size, errors far below a grey level).

    Returns
    -------
    ModelCard
        The card as written, with the weights' hash.

    Raises
    ------
    ModelError
        If the folder cannot be written.
    """
    path = Path(path)
    state = {
        name: (t.half() if half and t.is_floating_point() else t).detach().cpu().contiguous()
        for name, t in model.network.state_dict().items()
    }
    card = replace(model.card, weights_sha256=weights_hash(state))
    try:
        with beside(path) as part:
            save_file(state, part, metadata={HEADER_KEY: card.to_json()})
    except (OSError, SafetensorError) as error:  # of a full disk, safetensors raises its own
        raise ModelError(f"The model could not be written to {path}: {reason(error)}.") from error
    return card


def read_card(path: str | os.PathLike[str]) -> ModelCard:
    """Read only the card of a model file."""
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:  # safetensors raises it for every file that it cannot open
        why = why_not_open(path) if exists(path) else ""
        raise ModelError(f"{path.name} cannot be opened: {why}." if why else f"There is no file {path}.") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is damaged or not a model file. Get it again from where it came.") from error
    if HEADER_KEY not in metadata:
        raise ModelError(
            f"{path.name} holds weights but no napari-sr model card, so it is not known which network they belong to."
        )
    try:
        return ModelCard.from_json(metadata[HEADER_KEY])
    except ModelError as error:
        raise ModelError(f"{path.name} cannot be used. {error}") from None


def has_card(path: Path) -> bool:
    """Return False for a safetensors file that another program wrote: it can be read, but has no card of ours."""
    try:
        with safe_open(path, framework="pt") as file:
            return HEADER_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return True  # reading the card says what is wrong


def load(path: str | os.PathLike[str], *, allow_code: bool = False) -> Model:
    """Load a model file.

    Parameters
    ----------
    path
        Of the file.
    allow_code
        Also take a model that holds program code, which runs when the model does. Without it, nothing in a file is ever
        executed.

    Raises
    ------
    ModelError
        If the file is missing, truncated or changed, card and weights do not fit each other, or it holds code.
    """
    path = Path(path)
    card = read_card(path)
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        if card.weights_sha256 and card.weights_sha256 != weights_hash(state):
            raise ModelError("Its weights are not those its card was written for; the file was changed or damaged.")
        network = build_network(card)
        if network.runs_code and not allow_code:
            raise CodeRefused(
                "It holds program code that would run with it. If you trust where it came from, allow that (in a "
                "shell: --allow-code)."
            )
        network.make_room(state)
        expected = network.state_dict()
        missing, extra = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
        shapes = [n for n in expected if n in state and expected[n].shape != state[n].shape]
        if missing or extra or shapes:
            first = (missing + extra + shapes)[0]
            raise ModelError(f"Its weights do not fit the network on its card (first at {first!r}).")
        if any(not bool(torch.isfinite(t).all()) for t in state.values() if t.is_floating_point()):
            raise ModelError("Its weights contain values that are not finite.")
    except ModelError as error:
        raise type(error)(f"{path.name} cannot be used. {error}") from None
    network.load_state_dict({name: t.to(expected[name].dtype) for name, t in state.items()})
    return Model(network=network.eval(), card=card)
