"""What the tests of trainings share."""

import pytest
import torch

from napari_sr.losses import perceptual


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
