from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sr.intensity import Intensity
from napari_sr.model import Model, ModelCard
from napari_sr.networks import create_network

# one thread is fast enough for small networks, and leaves the rest of the machine alone
torch.set_num_threads(min(2, os.cpu_count() or 1))

SMALL = {
    "wgan": {"num_blocks": 2, "num_features": 8},
    "dfcan": {"num_groups": 1, "num_blocks": 2, "num_features": 8, "reduction": 4},
    "rcan": {"num_groups": 2, "num_blocks": 2, "num_features": 8, "reduction": 4},
}


def make_model(network: str = "wgan", scale: int = 4, *, seed: int = 0, **hyper_parameters: object) -> Model:
    """A small model with random weights."""
    torch.manual_seed(seed)
    built = create_network(network, scale=scale, **{**SMALL.get(network, {}), **hyper_parameters})
    card = ModelCard(
        name=f"small-{network}-x{scale}",
        network=network,
        hyper_parameters=built.hyper_parameters,
        scale=scale,
        intensity=Intensity(lower=-0.8, upper=0.8).to_dict(),
        trained_patch=32 if built.trainable else 0,
    )
    return Model(network=built.eval(), card=card)


@pytest.fixture
def model() -> Model:
    return make_model()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    """A smooth image with structure, uint8."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=(96, 80)), 2)
    return np.clip(128 + 400 * noise, 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or touches the user's models and downloads."""
    monkeypatch.setenv("NAPARI_SR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_SR_CACHE", str(tmp_path / "cache"))
