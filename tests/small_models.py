"""Small models with random weights, for tests."""

from __future__ import annotations

import torch

from napari_sr.intensity import Intensity
from napari_sr.models.model import Model, ModelCard
from napari_sr.networks import create_network

SMALL = {
    "wgan": {"num_blocks": 2, "num_features": 8},
    "dfcan": {"num_groups": 1, "num_blocks": 2, "num_features": 8, "reduction": 4},
    "srresnet": {"num_blocks": 2, "num_features": 8},
    "rrdb": {"num_blocks": 1, "num_features": 8, "growth": 4},
    "adaptive": {"num_blocks": 1, "num_features": 8, "kernel_size": 5},
    "drcn": {"num_blocks": 2, "num_features": 8},
    "edsr": {"num_blocks": 2, "num_features": 8},
    "esrgan-plus": {"num_blocks": 1, "num_features": 8, "growth": 4},
    "fsrcnn": {"num_blocks": 2, "num_features": 8, "num_shrunk": 6},
    "msrresnet": {"num_blocks": 2, "num_features": 8},
    "singan": {"num_blocks": 1, "num_features": 8, "steps_per_octave": 2},
    "srcnn": {"num_features": 8, "num_maps": 4},
    "srvgg": {"num_blocks": 2, "num_features": 8},
    "swinir": {"num_blocks": 1, "num_layers": 2, "num_features": 8, "num_heads": 2, "window_size": 4},
    "vdsr": {"num_blocks": 2, "num_features": 8},
    "wdsr": {"num_blocks": 2, "num_features": 8, "expansion": 2},
    "rcan": {"num_groups": 2, "num_blocks": 2, "num_features": 8, "reduction": 4},
}


def make_model(network: str = "wgan", scale: int = 4, *, seed: int = 0, **hyper_parameters: object) -> Model:
    """A small model with random weights."""
    torch.manual_seed(seed)
    built = create_network(network, scale=scale, **{**SMALL.get(network, {}), **hyper_parameters})
    _shake(built)
    card = ModelCard(
        name=f"small-{network}-x{scale}",
        network=network,
        hyper_parameters=built.hyper_parameters,
        scale=scale,
        intensity=Intensity(lower=-0.8, upper=0.8).to_dict(),
        trained_patch=32 if built.trainable else 0,
    )
    return Model(network=built.eval(), card=card)


def _shake(network: torch.nn.Module) -> None:
    """Give weights that begin at zero others: a network that begins as an interpolation would tell nothing."""
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1 and not weights.any():
                weights.normal_(std=0.05)
