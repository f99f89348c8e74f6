"""Blocks computed by OpenVINO: the numbers that torch gives, and one library from a run's beginning to its end."""

import shutil

import numpy as np
import pytest
from small_models import make_model

from napari_sr import load_model
from napari_sr.errors import ConfigError
from napari_sr.images.axes import Layout
from napari_sr.inference import Finished, Upscaler, blocks, timings
from napari_sr.inference.block_job import iter_library, planned
from napari_sr.inference.block_tiling import block_tiling
from napari_sr.inference.device import Target
from napari_sr.inference.to_zarr import iter_upscale_to_zarr
from napari_sr.inference.unfinished import folder_of

#: a network that OpenVINO is twice as fast with, and takes three seconds to build
FAST = {"rate": 1e3, "tile": 64, "openvino_rate": 2e3, "openvino_tile": 512, "openvino_build": 3.0}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SIDE", 128)
    monkeypatch.setattr(blocks, "SMALLEST", 64)


@pytest.fixture
def stack(rng):
    image = rng.integers(0, 60000, (2, 130, 101)).astype(np.uint16)
    image[:, 60:] //= 9
    return image


def run(image, target, model, backend, **settings):
    upscaler = Upscaler(model, device="cpu", precision="fp32", backend=backend)
    return iter_upscale_to_zarr(image, target, upscaler, axes="ZYX", **settings)


def last(events) -> Finished:
    return list(events)[-1]


@pytest.mark.parametrize(("network", "scale"), [("wgan", 2), ("edsr", 4), ("adaptive", 4), ("swinir", 2), ("dfcan", 2)])
def test_blocks_are_those_of_torch(network, scale, stack, tmp_path):
    """fp32 on the CPU: kernels sum in another order."""
    model = make_model(network, scale)
    by_torch = last(run(stack, tmp_path / "torch.zarr", model, "torch", dtype=np.float32))
    by_openvino = last(run(stack, tmp_path / "openvino.zarr", model, "openvino", dtype=np.float32))
    expected = by_torch.image[...]
    np.testing.assert_allclose(by_openvino.image[...], expected, atol=1e-4 * np.ptp(expected))
    assert (by_torch.report.backend, by_openvino.report.backend) == ("torch", "openvino")


@pytest.mark.parametrize(("begun", "other"), [("openvino", "torch"), ("torch", "openvino")])
def test_a_run_keeps_the_library_that_it_was_begun_with(begun, other, stack, tmp_path):
    model, target = make_model("wgan", 2), tmp_path / "a.zarr"
    expected = last(run(stack, tmp_path / "whole.zarr", model, begun))

    def cut_off(backend):
        events = run(stack, target, model, backend)
        for event in events:
            if event.fraction > 0.3:
                break
        events.close()
        assert (folder_of(target) / "journal").exists()

    cut_off(begun)
    found = last(run(stack, target, model, "auto"))
    assert found.report.backend == begun
    assert any("was gone on with" in note for note in found.report.notes)
    np.testing.assert_array_equal(found.image[...], expected.image[...])
    shutil.rmtree(target)
    cut_off(begun)
    found = last(run(stack, target, model, other))
    assert found.report.backend == other
    assert any("differs in: library" in note for note in found.report.notes)


def chosen(model, *, wanted="auto", begun_with="", alone=True, known=None):
    upscaler = Upscaler(model, device="cpu", precision="fp32", backend=wanted)
    if known:
        timings.remember(model, Target("cpu", "fp32"), **known)
    image = np.zeros((3, 700, 500), np.uint8)
    layout = Layout("CYX", image.shape)
    conditions = {"blur": 0.3, "noise": 2.0} if model.network.conditions else {}
    job, _ = planned(image, layout, upscaler, selection=None, conditions=conditions, dtype=None)
    search = iter_library(job, layout, upscaler, begun_with=begun_with, alone=alone)
    while True:
        try:
            next(search)
        except StopIteration as end:
            return end.value


def test_it_is_taken_alone_where_it_pays_and_elsewhere_where_it_is_asked_for():
    model = make_model("wgan", 2)
    assert chosen(model).backend == "torch"  # it is not known how fast it is, and the image is small
    assert chosen(model, known=FAST).backend == "openvino"
    assert chosen(model, alone=False).backend == "torch"  # the workers may be other computers
    assert chosen(model, alone=False, begun_with="openvino").backend == "openvino"
    assert chosen(model, alone=False, wanted="openvino").backend == "openvino"
    assert chosen(model, begun_with="torch").backend == "torch"
    assert chosen(load_model("bicubic-x2"), wanted="openvino").backend == "torch"
    assert chosen(make_model("rcan", 2), wanted="openvino").backend == "torch"  # it would take minutes to compile
    # one network for three channels, since they are told the same
    assert chosen(make_model("adaptive", 2), known=FAST).backend == "openvino"


def test_its_tiles_do_not_depend_on_a_measurement():
    """Whoever goes on with a run elsewhere has the same ones."""
    model = make_model("wgan", 4, num_features=64)
    job = chosen(model, wanted="openvino")
    assert chosen(model, wanted="openvino", known={**FAST, "openvino_tile": 96}).tiling == job.tiling
    assert chosen(make_model("dfcan", 2), wanted="openvino").tiling.tile == 4 * 32  # patches that it was trained on
    settings = {"plane": (4000, 4000), "side": 4096, "tile": None, "overlap": None}
    target = Target("cpu", "fp32")
    by_torch = block_tiling(model, target, **settings)
    by_openvino = block_tiling(model, target, backend="openvino", **settings)
    assert by_openvino.tile > by_torch.tile
    assert block_tiling(model, target, backend="openvino", **{**settings, "tile": 100}).tile == 100


def test_what_is_not_there_is_said():
    with pytest.raises(ConfigError, match=r"backend: 'onnx' is not known; use auto, torch, openvino"):
        Upscaler(make_model("wgan", 2), backend="onnx")
