"""From what was found in a file to a model: the network with its weights, and a card that says where it came from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sr.errors import ModelError
from napari_sr.models.formats import sees
from napari_sr.models.formats.found import Found
from napari_sr.models.model import Model, ModelCard, build_network
from napari_sr.networks import NETWORKS
from napari_sr.networks.foreign_base import ForeignNetwork

LICENCE = "unknown: see where you got it"
#: side of tiles, LR pixels, of a network that pools over them or sees them from where they begin
PATCH = 128


def assembled(found: Found, path: Path) -> Model:
    """Return a model, after a strict fit of its weights and one run.

    Raises
    ------
    ModelError
        If weights are missing or too many, or the network does not do what it should.
    """
    card = _card(found, path)
    network = build_network(card)
    network.make_room(found.state)
    expected = network.state_dict()
    wrong = sorted({*expected} ^ {*found.state})
    wrong += [n for n in expected if n in found.state and expected[n].shape != found.state[n].shape]
    if wrong:
        raise ModelError(f"{path.name} does not fit {found.detected.architecture} (first at {wrong[0]!r}).")
    network.load_state_dict(dict(found.state))
    network.eval()
    if problem := sees.tried(network):
        raise ModelError(f"{path.name} is {found.detected.architecture}, but cannot be used: {problem}.")
    return _measured(Model(network=network, card=card), found, path)


def _card(found: Found, path: Path) -> ModelCard:
    title = NETWORKS.entry(found.network).title
    about: dict[str, Any] = {
        "title": f"{path.stem} ×{found.detected.scale}", "licence": LICENCE,
        "citation": NETWORKS.entry(found.network).reference or title,
        **found.about,
    }  # fmt: skip
    about["description"] = f"{about.get('description', '')} From {path.name}: {found.detected.sentence()}".strip()
    return ModelCard(
        name=path.stem,
        network=found.network,
        hyper_parameters=dict(found.hyper_parameters),
        scale=found.detected.scale,
        intensity=found.intensity.to_dict(),
        trained_patch=found.trained_patch,
        source={"file": path.name, "sha256": sha256(path), "detected": found.detected.sentence()},
        **about,
    )


def _measured(model: Model, found: Found, path: Path) -> Model:
    """Put on the card how much context tiles need, where that is worth knowing."""
    network, card, intensity = model.network, model.card, model.intensity
    unknown = isinstance(network, ForeignNetwork) and network.around.reach is None and found.measure
    if unknown or (found.measure and not network.pools_tile and network.halo > sees.NEAR):
        halo = sees.measured(network, lower=intensity.lower, upper=intensity.upper)
        if halo and isinstance(network, ForeignNetwork) and unknown:
            around = replace(network.around, reach=max(1, *halo.values())).to_dict()
            settings = {**found.hyper_parameters, "around": around}
            return assembled(replace(found, hyper_parameters=settings, measure=False), path)
        if halo:
            return replace(model, card=replace(card, halo=halo))
    if network.pools_tile and not network.localises:
        return replace(model, card=replace(card, trained_patch=card.trained_patch or PATCH))
    return model


def sha256(path: Path) -> str:
    """Return the hash of a file, or of the files of a folder in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        with open(file, "rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
