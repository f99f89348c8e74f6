"""Learned figures: what pyiqa is given, and what is said without it."""

import importlib.machinery
import sys
import types

import numpy as np
import pytest
from PIL import Image

from napari_sr.errors import ConfigError, ImageError
from napari_sr.evaluation import evaluate_images
from napari_sr.metrics import learned as module
from napari_sr.metrics.learned import LEARNED, fid, installed, learned


@pytest.fixture
def pyiqa(monkeypatch):
    """A pyiqa whose figures are simple: mean differences, and of folders the difference of their means."""
    fake = types.ModuleType("pyiqa")
    fake.__spec__ = importlib.machinery.ModuleSpec("pyiqa", None)

    def create_metric(name, device):
        assert device == "cpu"

        def with_target(pred, target):
            assert pred.shape == target.shape == (1, 3, 8, 9)
            assert 0 <= float(pred.min()) <= float(pred.max()) <= 1
            return (pred - target).abs().mean()

        def of_folders(first, second):
            means = []
            for folder in (first, second):
                files = sorted(__import__("pathlib").Path(folder).iterdir())
                means.append(np.mean([np.asarray(Image.open(file)) for file in files]))
            return means[0] - means[1]

        return {"fid": of_folders, "pi": lambda pred: pred.mean()}.get(name, with_target)

    fake.create_metric = create_metric
    monkeypatch.setitem(sys.modules, "pyiqa", fake)
    module.loaded_metric.cache_clear()
    yield fake
    module.loaded_metric.cache_clear()


def test_images_are_scaled_to_the_targets_range(pyiqa):
    target = np.arange(72, dtype=np.uint8).reshape(8, 9)
    pred = target + 10.0
    assert learned("lpips", pred, target, data_range=255) == pytest.approx(10 / 255)
    assert learned("pi", pred, target, data_range=255) == pytest.approx(pred.mean() / 255)
    shifted = target.astype(np.float32) + 1000
    assert learned("dists", shifted - 50, shifted, data_range=71) == pytest.approx(
        np.mean(np.arange(72) - np.maximum(np.arange(72) - 50, 0)) / 71
    )
    with pytest.raises(ImageError, match="differ in shape"):
        learned("lpips", pred[1:], target, data_range=255)


def test_a_table_has_them(pyiqa):
    targets = [np.full((8, 9), 40 + n, np.uint8) for n in range(2)]
    sets = {"a": [t + 10.0 for t in targets], "b": [t + 20.0 for t in targets]}
    table = evaluate_images(sets, targets, metrics=("psnr",), learned=("lpips", "fid"))
    assert table.metrics == ("psnr", "lpips", "fid")
    assert [row.means["lpips"] for row in table.rows] == pytest.approx([10 / 255, 20 / 255])
    assert [row.means["fid"] for row in table.rows] == pytest.approx([10, 20])
    assert [table.is_best(row, "fid") for row in table.rows] == [True, False]
    assert "LPIPS ↓" in table.to_markdown()
    assert fid(sets["a"], targets, data_range=255) == pytest.approx(10)


def test_what_is_missing_is_said(monkeypatch, pyiqa):
    image = np.zeros((8, 9))

    def offline(name, device):
        raise OSError("no route to host")

    pyiqa.create_metric = offline
    with pytest.raises(ConfigError, match=r"no route to host\. Its weights are downloaded once"):
        learned("lpips", image, image, data_range=1)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert not installed()
    with pytest.raises(ConfigError, match=r"pip install 'napari-sr\[iqa\]'"):
        learned("lpips", image, image, data_range=1)


def test_pyiqa_itself():
    pytest.importorskip("pyiqa", reason="needs pyiqa, which needs torchvision")
    image = np.random.default_rng(0).uniform(size=(96, 96))
    for name, entry in LEARNED.items():
        value = learned(name, image, image, data_range=1)
        if entry.with_target:
            assert value == pytest.approx(0, abs=1e-4)
