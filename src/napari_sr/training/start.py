"""What a run starts from: new weights, those of a model, or those of a model of another scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_sr.data.patches import Plane2D
from napari_sr.degradations import Chain
from napari_sr.errors import ConfigError, TrainingError
from napari_sr.intensity import Intensity
from napari_sr.model import Model
from napari_sr.networks import SRNetwork, create_network
from napari_sr.networks.wiener import WienerFilter
from napari_sr.store import load_model
from napari_sr.training.config import TrainConfig
from napari_sr.training.wiener import fit_wiener

#: images that linear filters are fitted on
IMAGES = 32


@dataclass(frozen=True)
class Start:
    """The network that a run starts with.

    Attributes
    ----------
    network
        With its weights.
    history
        Of the model that it comes from: its runs.
    fresh_filters
        Linear filters in it that have no weights yet.
    note
        A sentence on what was changed; empty if nothing was.
    """

    network: SRNetwork
    history: list[dict[str, Any]]
    fresh_filters: list[WienerFilter]
    note: str = ""


def starting_network(config: TrainConfig) -> Start:
    """Return the network of ``start_from``, adapted to the scale if need be, or a new one with seeded weights.

    Raises
    ------
    ConfigError
        If the network cannot be built, or has nothing to train.
    TrainingError
        If the model has another intensity transform.
    """
    if not config.start_from:
        network = create_network(config.network, **{"scale": config.scale, **dict(config.hyper_parameters)})
        if not network.trainable:
            raise ConfigError(f"network: {config.network} has no weights to train.")
        return Start(network, [], _filters(network))
    model = load_model(config.start_from)
    if Intensity.from_dict(config.intensity) != model.intensity:
        raise TrainingError(
            f"intensity: {model.card.name} was trained with {model.card.intensity}; fine-tuning needs the same."
        )
    earlier = dict(model.card.training)
    history = [*earlier.pop("earlier", []), earlier]
    if model.scale == config.scale:
        return Start(model.network.train(), history, [])
    return _adapted(model, config.scale, history)


def _adapted(model: Model, scale: int, history: list[dict[str, Any]]) -> Start:
    """Take over every weight that has a place of its size at another scale; the rest begins anew."""
    name = model.card.name
    network = create_network(model.card.network, **{**model.network.hyper_parameters, "scale": scale})
    old, new = model.network.state_dict(), network.state_dict()
    kept = {key: value for key, value in old.items() if key in new and new[key].shape == value.shape}
    network.load_state_dict({**new, **kept})
    fresh = sorted(set(new) - set(kept))
    note = f"{name} upscales by {model.scale}; for ×{scale} {len(kept)} of {len(new)} groups of weights were taken over"
    note += f", and these begin anew: {', '.join(fresh)}." if fresh else "."
    filters = [
        module
        for prefix, module in network.named_modules()
        if isinstance(module, WienerFilter) and any(key.startswith(prefix) for key in fresh)
    ]
    return Start(network.train(), history, filters, note)


def _filters(network: SRNetwork) -> list[WienerFilter]:
    return [m for m in network.modules() if isinstance(m, WienerFilter)]


def start_filters(
    filters: Sequence[WienerFilter],
    planes: Sequence[Plane2D],
    degradation: Chain | None,
    intensity: Intensity,
    scale: int,
    check_stop: Callable[[], None],
) -> None:
    """Start linear filters as the Wiener filter of (at most 32 of) the training images."""
    fitted = fit_wiener(
        planes[:: -(-len(planes) // IMAGES)],
        degradation=degradation,
        intensity=intensity,
        scale=scale,
        kernel_size=filters[0].kernel_size,
        check_stop=check_stop,
    )
    for one in filters:
        one.load_state_dict(fitted.state_dict())
