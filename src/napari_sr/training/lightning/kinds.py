"""Which Lightning module trains a network."""

from __future__ import annotations

import torch

from napari_sr.networks import SRNetwork
from napari_sr.networks.singan import SinGAN
from napari_sr.training.config import TrainConfig
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.lightning.pyramid import Pyramid
from napari_sr.training.lightning.regression import Regression


def make_module(network: SRNetwork, config: TrainConfig) -> SRModule:
    """Return the module that trains a network as a configuration has it."""
    module: SRModule
    if config.adversarial is None:
        module = Regression(network=network, config=config)
    elif isinstance(network, SinGAN):
        module = Pyramid(network=network, config=config)
    else:
        module = AdversarialTraining(network=network, config=config)
    return module.to(memory_format=torch.channels_last)
