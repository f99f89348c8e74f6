from __future__ import annotations

import os
from pathlib import Path

# one thread is fastest for small networks, in processes and workers that tests start, too; torch reads it when imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from small_models import make_model

from napari_sr.model import Model


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
    monkeypatch.setenv("NAPARI_SR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NAPARI_SR_CACHE", str(tmp_path / "cache"))
