"""What the tests of trainings share."""

import numpy as np
import pytest
import torch

from napari_sr.losses import perceptual
from napari_sr.training import fit_filters


@pytest.fixture
def images(tmp_path, rng):
    from scipy.ndimage import gaussian_filter

    stack = gaussian_filter(rng.normal(size=(4, 72, 72)), (0, 2, 2))
    np.save(tmp_path / "hr.npy", (stack * 500 + 1000).astype(np.uint16))
    return tmp_path / "hr.npy"


@pytest.fixture
def few_for_filters(monkeypatch):
    """Fit the filters that *adaptive* starts from on fewer patches, which is faster; test_fit_filters has them all."""
    monkeypatch.setattr(fit_filters, "BANK_PATCHES", 24)


@pytest.fixture
def small_vgg(monkeypatch):
    """VGG19 of one channel a block, with random weights."""
    monkeypatch.setattr(perceptual, "BLOCKS", ((2, 2), (2, 2), (2, 4), (2, 4), (2, 4)))

    def read(file):
        torch.manual_seed(3)
        state, width, number = {}, 3, 0
        for channels, count in perceptual.BLOCKS:
            for _ in range(count):
                state[f"features.{number}.weight"] = torch.randn(channels, width, 3, 3) / 3
                state[f"features.{number}.bias"] = torch.zeros(channels)
                width, number = channels, number + 2
            number += 1
        return state

    monkeypatch.setattr(perceptual, "read_weights", read)
