"""What a run starts from: new weights, those of a model, or those of a model of another scale or channel count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Size, Tensor

from napari_sr.degradations import Chain
from napari_sr.errors import ConfigError, TrainingError
from napari_sr.intensity import Intensity
from napari_sr.models.model import Model, ModelCard
from napari_sr.models.store import load_model
from napari_sr.networks import SRNetwork, create_network
from napari_sr.training.config import TrainConfig
from napari_sr.training.data.patches import Plane2D
from napari_sr.training.fit_filters import Cuts, fit_bank, fit_wiener

#: images that linear filters are fitted on
IMAGES = 32


@dataclass(frozen=True)
class Start:
    """The network that a run starts with.

    Attributes
    ----------
    network
        With its weights.
    card
        Of the model that it comes from; None for new weights.
    fresh_filters
        Linear filters, and banks of them, that have no weights yet.
    note
        A sentence on what was changed; empty if nothing was.
    """

    network: SRNetwork
    card: ModelCard | None
    fresh_filters: list[Any]
    note: str = ""


def starting_network(config: TrainConfig) -> Start:
    """Return the network of ``start_from``, adapted to scale and one channel if need be, or a new one, seeded.

    Raises
    ------
    ConfigError
        If the network cannot be built, has nothing to train, or has more than one channel.
    TrainingError
        If the model has another intensity transform.
    """
    if not config.start_from:
        network = create_network(config.network, **{"scale": config.scale, **dict(config.hyper_parameters)})
        if not network.trainable or network.foreign:
            raise ConfigError(f"network: {config.network} has no weights to train.")
        for field in ("in_channels", "out_channels"):
            if (count := getattr(network, field)) != 1:
                raise ConfigError(f"{field}: images are trained on one channel at a time, not {count}.")
        return Start(network, None, _filters(network))
    model = load_model(config.start_from)
    if model.network.foreign:
        raise ConfigError(f"start_from: {model.card.name} is a model of another program, which is not trained further.")
    if model.network.linear or not model.network.trainable:
        raise ConfigError(f"start_from: {model.card.name} is a linear filter, which training does not change.")
    if Intensity.from_dict(config.intensity) != model.intensity:
        raise TrainingError(
            f"intensity: {model.card.name} was trained with {model.card.intensity}; fine-tuning needs the same."
        )
    if model.scale == config.scale and _channels(model.network) == (1, 1):
        return Start(model.network.train(), model.card, [])
    return _adapted(model, config.scale)


def _channels(network: SRNetwork) -> tuple[int, int]:
    return network.in_channels, network.out_channels


def _adapted(model: Model, scale: int) -> Start:
    """Take over every weight that has a place at another scale or for one channel; the rest begins anew."""
    name, (taken, given) = model.card.name, _channels(model.network)
    settings = {**model.network.hyper_parameters, "scale": scale, "in_channels": 1, "out_channels": 1}
    network = create_network(model.card.network, **settings)
    old, new = model.network.state_dict(), network.state_dict()
    if (taken, given) != (1, 1):
        old = {key: _one_channel(value, new[key].shape) if key in new else value for key, value in old.items()}
    kept = {key: value for key, value in old.items() if key in new and new[key].shape == value.shape}
    network.load_state_dict({**new, **kept})
    fresh = sorted(set(new) - set(kept))
    notes = []
    if (taken, given) != (1, 1):
        notes.append(
            f"{name} turns {taken} channels into {given}; for one, its first layer sees the same image in all of them, "
            "and the channels of its last one are averaged."
        )
    if model.scale != scale:
        taken_over = f"{len(kept)} of {len(new)} groups of weights were taken over"
        notes.append(
            f"{name} upscales by {model.scale}; for ×{scale} {taken_over}"
            + (f", and these begin anew: {', '.join(fresh)}." if fresh else ".")
        )
    filters = [
        module
        for prefix, module in network.named_modules()
        if module in _filters(network) and any(key.startswith(prefix) for key in fresh)
    ]
    return Start(network.train(), model.card, filters, " ".join(notes))


def _one_channel(weight: Tensor, shape: Size) -> Tensor:
    """Return the weights (out, in, …) of a first or last layer for one channel in or out: sum, or mean.

    A grey image in all channels of a network, and the mean of what it makes of it, is what the new one computes.
    """
    if weight.ndim > 1 and weight.shape[1] > shape[1] == 1:
        weight = weight.sum(1, keepdim=True)
    if weight.ndim > 0 and weight.shape[0] > shape[0] == 1:
        weight = weight.mean(0, keepdim=True)
    return weight


def _filters(network: SRNetwork) -> list[Any]:
    return [m for m in network.modules() if getattr(m, "fitted_as", "")]


def start_filters(
    filters: Sequence[Any],
    planes: Sequence[Plane2D],
    degradation: Chain | None,
    intensity: Intensity,
    scale: int,
    check_stop: Callable[[], None],
) -> None:
    """Start filters as the Wiener filter of (at most 32 of) the training images, banks as those of all noises."""
    single = [f for f in filters if f.fitted_as == "filter"]
    if single:
        fitted = fit_wiener(
            planes[:: -(-len(planes) // IMAGES)], degradation=degradation, intensity=intensity, scale=scale,
            kernel_size=single[0].kernel_size, check_stop=check_stop,
        )  # fmt: skip
        for one in single:
            one.load_state_dict(fitted.state_dict())
    for bank in filters:
        if bank.fitted_as == "bank":
            inverts = getattr(degradation.family, "inverts", False) if degradation is not None else False
            varies = intensity.kind != "log"
            fit_bank(bank, Cuts(planes, intensity), inverts=inverts, varies=varies, check_stop=check_stop)
