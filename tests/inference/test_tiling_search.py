"""The search for a tile size tells what it does, ends early on slow machines, and a tile can be interrupted."""

import numpy as np
import pytest
import torch
from small_models import make_model

from napari_sr.errors import Cancelled
from napari_sr.inference import iter_upscale, tiling
from napari_sr.inference.device import choose
from napari_sr.inference.tiling import choose_tiling, iter_tiling
from napari_sr.models.export import export_model
from napari_sr.models.formats import load_foreign


def sentences(model, shape=(3000, 3000)):
    target = choose("cpu", "fp32")
    search = iter_tiling(model, model.network, target, shape=shape, planes=1, tile=None, overlap=None)
    told = []
    while True:
        try:
            told.append(next(search))
        except StopIteration as end:
            return told, end.value


def test_every_candidate_is_announced(model):
    told, found = sentences(model)
    assert told == [f"Looking for the fastest tile size ({n} of 7)" for n in range(1, 8)]
    assert found.tile in tiling.CANDIDATES["cpu"]
    target = choose("cpu", "fp32")
    again = choose_tiling(model, model.network, target, shape=(3000, 3000), planes=1, tile=None, overlap=None)
    assert (again.halo, again.blend) == (found.halo, found.blend)  # the fastest may be another next time


def test_larger_tiles_are_not_tried_when_a_layer_would_fill_the_memory(model, monkeypatch):
    with torch.inference_mode(), tiling.largest_layer(model.network) as sizes:
        model.network(torch.zeros(1, 1, 192, 192))
    assert max(sizes) >= 4 * (4 * 192) ** 2  # what the network returns is among them, in single precision
    assert not model.network._forward_hooks
    monkeypatch.setattr(tiling, "LARGEST_LAYER", max(sizes))
    told, found = sentences(model)
    assert len(told) == 4  # 64, 96, 128, 192
    assert found.tile <= 192


def test_networks_that_cannot_be_looked_into_have_no_larger_tiles_than_that(tmp_path):
    exported = export_model(make_model("wgan", 2), tmp_path / "exported", to="torchscript")
    again = load_foreign(exported.path, allow_code=True)
    told, found = sentences(again)
    assert told
    assert all(" of 5)" in sentence for sentence in told)
    assert found.tile <= tiling.LARGEST_UNSEEN


def test_small_images_need_no_search(model):
    assert sentences(model, (300, 200))[0] == []


def test_larger_tiles_are_not_tried_when_one_takes_too_long(model, monkeypatch):
    clock = iter(range(0, 1000, 3))  # every look at the clock is three seconds later
    monkeypatch.setattr(tiling.time, "perf_counter", lambda: next(clock))
    told, found = sentences(model)
    assert len(told) == 1
    assert found.tile == 64


def test_a_run_can_be_stopped_in_the_middle_of_a_tile(rng):
    model = make_model(num_blocks=6)
    layers = []
    handle = torch.nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: layers.append(module))
    try:
        with pytest.raises(Cancelled):
            list(iter_upscale(rng.random((40, 40)), model, should_stop=lambda: len(layers) > 8))
    finally:
        handle.remove()
    assert len(layers) < 14  # the network has more than twenty
    # and nothing of it stays behind
    assert not any(m._forward_pre_hooks for m in model.network.modules())
    assert list(iter_upscale(rng.random((40, 40)), model))[-1].image.shape == (160, 160)


def test_the_search_can_be_stopped(model):
    stopped = []
    run = iter_upscale(np.zeros((2200, 2200), np.uint8), model, device="cpu", should_stop=lambda: bool(stopped))
    assert "fastest tile" in next(run).stage
    stopped.append(True)
    with pytest.raises(Cancelled):
        list(run)
