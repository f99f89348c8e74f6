"""Tiles in batches, and results that are waited for later, as on a GPU: the same picture, whatever the device owes."""

import numpy as np
import pytest
import torch
from small_models import make_model

from napari_sr.errors import MemoryLimitError, SRError
from napari_sr.inference import iter_upscale, tiling, transfer
from napari_sr.inference.runner import Runner
from napari_sr.inference.tiling import Tiling


@pytest.fixture(params=[0, 1, 4])
def owed(request, monkeypatch):
    """Let the processor owe results as a GPU does."""
    monkeypatch.setattr(transfer, "owed_by", lambda device: request.param)
    return request.param


def run(image, model, **settings):
    return list(iter_upscale(image, model, device="cpu", precision="fp32", **settings))


@pytest.mark.parametrize("name", ["wgan", "dfcan"])
@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_batches_change_nothing(name, batch, dtype, owed, rng, monkeypatch):
    model = make_model(name, 2)
    image = (rng.random((90, 77)) * 200).astype(dtype)
    image = np.stack([image, image[::-1]])
    if dtype == "float32":
        image[0, 40:43, 20] = [np.nan, np.inf, -np.inf]
    tile = 2 * model.network.halo + 9 if name == "wgan" else "auto"
    settings = {"axes": "ZYX", "tile": tile}
    with monkeypatch.context() as alone:
        alone.setattr(transfer, "owed_by", lambda device: 0)
        expected = run(image, model, **settings)[-1]
    monkeypatch.setitem(tiling.AT_ONCE, "cpu", batch * expected.report.tile**2)
    *progress, result = run(image, model, **settings)
    # kernels of another batch size sum in another order: of whole numbers, one may be rounded the other way
    got, wanted = result.image.astype(float), expected.image.astype(float)
    np.testing.assert_allclose(got, wanted, atol=0.02 if dtype == "float32" else 1)
    if dtype != "float32":
        assert np.mean(got != wanted) < 1e-3
    assert (result.report.saturated, result.report.non_finite) == (
        expected.report.saturated,
        expected.report.non_finite,
    )
    assert result.report.problems == expected.report.problems
    fractions = [event.fraction for event in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)


def test_a_batch_in_which_one_tile_fails_is_redone_in_that_tile_only(owed, rng, monkeypatch):
    model = make_model("wgan", 2)
    image = rng.random((60, 60)).astype(np.float32)
    expected = run(image, model, tile=30, overlap=4)[-1].image
    monkeypatch.setitem(tiling.AT_ONCE, "cpu", 4 * 30**2)
    original = Runner.infer

    def infer(self, lr):
        sr = original(self, lr).clone()
        sr[-1, 5, 5] = torch.inf
        return sr

    monkeypatch.setattr(Runner, "infer", infer)
    done = list(iter_upscale(image, model, device="cpu", precision="bf16", tile=30, overlap=4))[-1]
    assert done.report.tiles_redone == -(-9 // 4)  # the last of each batch
    np.testing.assert_allclose(done.image, expected, atol=0.05)
    with pytest.raises(SRError, match="not finite, also in fp32"):
        run(image, model, tile=30, overlap=4)


def test_memory_that_runs_out_halves_the_batch_before_the_tile(owed, rng, monkeypatch):
    model = make_model("wgan", 2)
    image = rng.random((80, 80)).astype(np.float32)
    monkeypatch.setitem(tiling.AT_ONCE, "cpu", 8 * 30**2)
    original, sizes = Runner.infer, []

    def infer(self, lr):
        sizes.append(len(lr))
        if len(lr) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, lr)

    monkeypatch.setattr(Runner, "infer", infer)
    result = run(image, model, tile=30, overlap=4)[-1]
    assert sizes[:3] == [8, 4, 2]
    assert result.report.tile == 30
    monkeypatch.setattr(
        Runner, "infer", lambda self, lr: (_ for _ in ()).throw(torch.OutOfMemoryError("out of memory"))
    )
    with pytest.raises(MemoryLimitError, match="the tile size that was set"):
        run(image, model, tile=30, overlap=4)


def test_a_tiling_is_halved_down_to_the_smallest():
    found = [Tiling(128, 8, 0, batch=4)]
    while (smaller := found[-1].halved(longest=100)) is not None:
        found.append(smaller)
    assert [(t.tile, t.batch) for t in found] == [(128, 4), (128, 2), (128, 1), (50, 1)]
