"""Between a faithful and a realistic model: network interpolation (Wang et al. 2019, arXiv:1809.00219, section 3.4)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.model import Model, ModelCard
from napari_sr.networks import NETWORKS
from napari_sr.networks.foreign_bytes import BytesNetwork


def can_blend(first: Model, second: Model) -> str:
    """Return why two models cannot be blended; empty if they can."""
    names = f"{first.card.name} and {second.card.name}"
    if first.card.network != second.card.network:
        return f"{names} are different networks ({first.card.network}, {second.card.network})."
    if first.network.hyper_parameters != second.network.hyper_parameters:
        return f"{names} have different sizes or scales."
    if first.intensity != second.intensity:
        return f"{names} see images in different intensities."
    if not mixes(first.card):
        return f"{names} are files of other formats, whose weights cannot be mixed."
    if not related(first.card, second.card):
        return f"{names} have no training in common: the same weight means something else in each."
    return ""


def blend(faithful: Model, realistic: Model, share: float) -> Model:
    """Return the model with weights (1 - share) W_faithful + share W_realistic.

    That works for models of which one was trained from the other: their weights still mean the same.

    Parameters
    ----------
    faithful, realistic
        Two models of one architecture: trained with a pixel loss, and further against a critic.
    share
        0 for the first, 1 for the second.

    Raises
    ------
    ModelError
        If they do not fit each other, have no training in common, or the share is not between 0 and 1.
    """
    reason = can_blend(faithful, realistic)
    if reason:
        raise ModelError(f"{reason} Only models of one network can be mixed.")
    if not 0 <= share <= 1:
        raise ModelError(f"The share of the realistic model must lie between 0 and 1, not {share}.")
    network = copy.deepcopy(faithful.network)
    other = realistic.network.state_dict()
    mixed = {
        name: value + share * (other[name] - value) if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(mixed)
    card = replace(
        faithful.card,
        name=f"{faithful.card.name} + {share:.0%} {realistic.card.name}",
        title=f"{1 - share:.0%} {faithful.card.title or faithful.card.name}, "
        f"{share:.0%} {realistic.card.title or realistic.card.name}",
        halo={}, metrics=(), weights_sha256="",  # nothing of it was measured
    )  # fmt: skip
    return Model(network=network.eval(), card=card)


def partners(card: ModelCard, cards: Sequence[ModelCard]) -> list[ModelCard]:
    """Return the models that can be mixed with one: of the same network, and with a training in common."""

    def facts(one: ModelCard) -> tuple[object, ...]:
        return one.network, one.scale, dict(one.hyper_parameters), Intensity.from_dict(one.intensity)

    if not mixes(card):
        return []
    return [c for c in cards if c.name != card.name and facts(c) == facts(card) and related(c, card)]


def mixes(card: ModelCard) -> bool:
    """Return False for a network that is kept as the bytes of a file, such as ONNX."""
    return not issubclass(NETWORKS[card.network], BytesNetwork)


def related(first: ModelCard, second: ModelCard) -> bool:
    """Return True if one model was trained from the other, or both from the same."""
    return bool(lineage(first) & lineage(second))


def lineage(card: ModelCard) -> set[str]:
    """Return names and hashes of a model, of those that it was trained from, and of its training's first phase.

    A hash stays when a model is renamed.
    """
    runs = [card.training, *card.training.get("earlier", [])]
    names = {str(run[key]) for run in runs for key in ("start_from", "start_sha256", "pixel_phase") if run.get(key)}
    own = {card.name, card.weights_sha256} - {""}
    return own | names
