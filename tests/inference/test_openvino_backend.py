"""OpenVINO beside torch: the same numbers, taken where it is ahead, left alone where it is not."""

import json

import numpy as np
import pytest
import torch
from rounding import lost, told_to
from small_models import make_model

from napari_sr import upscale
from napari_sr.errors import Cancelled, ConfigError, SRError
from napari_sr.inference import Finished, Upscaler, backend, openvino, timings
from napari_sr.inference.backend import Amount, iter_backend, pays
from napari_sr.inference.device import Prepared, Target
from napari_sr.inference.openvino import OpenVINONetwork
from napari_sr.inference.tiling import Tiling
from napari_sr.inference.timings import Timing
from napari_sr.models.store import load_model
from napari_sr.networks import NETWORKS, SRNetwork
from napari_sr.networks.image_conv import ImageConv

TRAINED = sorted(n for n in NETWORKS if NETWORKS[n].trainable and not NETWORKS[n].foreign)


@pytest.mark.parametrize("name", TRAINED)
def test_every_network_gives_what_torch_gives(name):
    """fp32 on the CPU, random weights, at two sizes neither of which it was recorded with."""
    torch.manual_seed(0)
    model = make_model(name, 2)
    with torch.no_grad():
        for weight in model.network.parameters():
            if weight.abs().max() == 0:  # a branch that begins with nothing
                weight.copy_(0.01 * torch.randn_like(weight))
    network = Prepared(model, Target("cpu", "fp32")).network({})
    compiled = OpenVINONetwork(network, "fp32")
    for size in ((2, 1, 48, 40), (1, 1, 33, 72)):
        lr = torch.rand(*size)
        with torch.inference_mode():
            expected = network(lr)
            found = compiled(lr)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * max(1.0, float(expected.abs().max())))


@pytest.mark.parametrize("name", ["em-x4", "em-dfcan-x4", "em-wgan-pixel-x4", "em-wgan-x4"])
def test_rounding_costs_shipped_models_no_quality(name):
    """bf16 on the CPU, where it computes in bf16: linear filters beside the network stay in fp32."""
    model = load_model(name)
    prepared, told = Prepared(model, Target("cpu", "bf16")), told_to(model)
    less = lost(model, prepared.network(told, precision="fp32"), prepared.openvino(told))
    assert less[0] < 0.02
    assert less[1] < 0.0005


class FirstFeatures(SRNetwork):
    """What the convolution that sees the image makes of it."""

    halo = 3

    def __init__(self, network):
        super().__init__(scale=network.scale, in_channels=network.in_channels, out_channels=network.out_channels)
        self.network = network
        with torch.no_grad():
            self.first().weight.sub_(self.first().weight.mean((1, 2, 3), keepdim=True))
            self.first().bias.zero_()

    def first(self):
        return next(m for m in self.network.modules() if isinstance(m, ImageConv))

    def forward(self, lr):
        found = []
        handle = self.first().register_forward_hook(lambda module, given, made: found.append(made))
        self.network.learnt(lr)
        handle.remove()
        return found[0]


@pytest.mark.parametrize("name", [name for name in TRAINED if not NETWORKS[name].full_precision])
def test_it_sees_all_of_the_image(name):
    """bf16 on the CPU, a bright image of weak structure; what rounds the image is not computed so."""
    torch.manual_seed(0)
    model = make_model(name, 2)
    if not openvino.can_run(model.network, "bf16"):
        assert model.network.rounds_badly or model.network.computes_first or model.network.localises
        return
    network = FirstFeatures(Prepared(model, Target("cpu", "fp32")).network({}))
    lr = 0.9 + 0.002 * torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        expected = network(lr)[..., 3:-3, 3:-3]
        found = OpenVINONetwork(network, "bf16")(lr)[..., 3:-3, 3:-3]
    off = found - expected
    off = off - off.mean((2, 3), keepdim=True)  # rounded weights no longer cancel
    assert off.std() < 0.05 * expected.std()


def test_the_engine_uses_it_and_says_so(image):
    """fp32 on the CPU."""
    model = make_model("wgan", 2)
    settings = {"precision": "fp32", "device": "cpu", "dtype": np.float32, "tile": 40}
    expected = upscale(image, model, backend="torch", **settings)
    upscaler = Upscaler(model, device="cpu", precision="fp32", tile=40, backend="openvino")
    (finished,) = [e for e in upscaler.iter(image, dtype=np.float32) if isinstance(e, Finished)]
    np.testing.assert_allclose(finished.image, expected, atol=1e-4 * np.ptp(expected))
    assert finished.report.backend == "openvino"
    assert "fp32 by OpenVINO" in finished.report.sentence()


def test_what_a_plane_is_told_is_told_here_too(image):
    """fp32 on the CPU: planes of other noise have another network."""
    model = load_model("em-x4")
    settings = {"precision": "fp32", "device": "cpu", "dtype": np.float32}
    for conditions in ({"blur": 0.2, "noise": 1.0}, {"blur": 1.0, "noise": 9.0}):
        by_torch = upscale(image, model, backend="torch", conditions=conditions, **settings)
        found = upscale(image, model, backend="openvino", conditions=conditions, **settings)
        np.testing.assert_allclose(found, by_torch, atol=1e-4 * np.ptp(by_torch))


def test_it_is_stopped_within_a_tile():
    network = Prepared(make_model("wgan", 2), Target("cpu", "fp32")).network({})
    compiled = OpenVINONetwork(network, "fp32")
    lr = torch.rand(1, 1, 600, 600)
    with torch.inference_mode(), pytest.raises(Cancelled):
        compiled(lr, lambda: True)
    with torch.inference_mode():  # and can be used again
        torch.testing.assert_close(compiled(lr, lambda: False), network(lr), rtol=0, atol=1e-4)


def chosen(monkeypatch, known, job, *, model=None, wanted="auto", installed=True):
    monkeypatch.setattr(openvino, "installed", lambda: installed)
    prepared = Prepared(model or make_model("wgan", 2), Target("cpu", "fp32"))
    if known:
        timings.remember(prepared.model, prepared.target, **known)
    search = iter_backend(prepared, wanted, Tiling(64, 5, 0), job, tile_given=False)
    said = []
    while True:
        try:
            said.append(next(search))
        except StopIteration as end:
            return end.value, said


FAST = {"rate": 1e5, "tile": 64, "openvino_rate": 2e5, "openvino_tile": 512, "openvino_build": 3.0}


def test_it_is_taken_where_the_job_pays_for_building_it(monkeypatch):
    long, short = Amount(10**7, 1, 4000), Amount(10**5, 1, 400)
    assert chosen(monkeypatch, FAST, long) == (("openvino", Tiling(512, 5, 0)), [])
    assert chosen(monkeypatch, FAST, short) == (("torch", Tiling(64, 5, 0)), [])
    assert chosen(monkeypatch, FAST, long, wanted="torch")[0][0] == "torch"
    assert chosen(monkeypatch, FAST, long, installed=False)[0][0] == "torch"
    assert chosen(monkeypatch, FAST, short, wanted="openvino")[0][0] == "openvino"
    assert chosen(monkeypatch, {**FAST, "openvino_rate": -1.0}, long)[0][0] == "torch"
    assert chosen(monkeypatch, FAST, long, model=load_model("bicubic-x2"))[0][0] == "torch"


def test_it_is_built_anew_for_each_plane_that_is_told_something_else(monkeypatch):
    job = Amount(10**7, 100, 400)
    assert chosen(monkeypatch, FAST, job)[0][0] == "openvino"
    assert chosen(monkeypatch, FAST, job, model=make_model("adaptive", 2))[0][0] == "torch"
    assert pays(Timing(**FAST), job, builds=1)
    assert not pays(Timing(**FAST), job, builds=100)


def test_what_is_not_known_is_measured_once_when_the_job_is_long(monkeypatch):
    model = make_model("wgan", 2)
    monkeypatch.setattr(backend, "TRY_FROM", 0.0)
    monkeypatch.setattr(backend, "TILES", (64, 96))
    _, said = chosen(monkeypatch, None, Amount(10**7, 1, 4000), model=model)
    assert len(said) == 2
    known = timings.remembered(model, Target("cpu", "fp32"))
    assert known.rate > 0
    assert known.openvino_rate > 0
    assert known.openvino_build > 0
    assert known.openvino_tile in (64, 96)
    _, said = chosen(monkeypatch, None, Amount(10**7, 1, 4000), model=model)
    assert said == []


def test_what_openvino_cannot_have_is_left_to_torch(monkeypatch):
    def fail(self, conditions):
        raise SRError("OpenVINO cannot have this network: no")

    monkeypatch.setattr(Prepared, "openvino", fail)
    monkeypatch.setattr(backend, "TRY_FROM", 0.0)
    model = make_model("wgan", 2)
    assert chosen(monkeypatch, {"rate": 1e5}, Amount(10**7, 1, 4000), model=model)[0][0] == "torch"
    assert timings.remembered(model, Target("cpu", "fp32")).openvino_rate < 0


def test_a_network_that_cannot_be_recorded_is_an_error_of_ours():
    class Unreadable(torch.nn.Module):
        in_channels = 1

        def transform_by_products(self):
            pass

        def learnt(self, lr):
            raise RuntimeError("nothing to see")

    with pytest.raises(SRError, match=r"OpenVINO cannot have this network: .*nothing to see"):
        OpenVINONetwork(Unreadable(), "fp32")


def test_settings_that_cannot_be_are_named(monkeypatch):
    with pytest.raises(ConfigError, match="use auto, torch, openvino"):
        Upscaler(make_model(), backend="nix")
    monkeypatch.setattr(openvino, "installed", lambda: False)
    with pytest.raises(ConfigError, match=r'pip install "napari-sr\[openvino\]"'):
        Upscaler(make_model(), backend="openvino")


def test_timings_are_kept_by_architecture_device_and_precision():
    one, same, other = make_model("wgan", 2), make_model("wgan", 2), make_model("wgan", 4)
    cpu = Target("cpu", "fp32")
    timings.remember(one, cpu, rate=5.0)
    timings.remember(one, cpu, tile=96)
    assert timings.remembered(same, cpu) == Timing(tile=96, rate=5.0)
    assert timings.remembered(other, cpu) == Timing()
    assert timings.remembered(one, Target("cpu", "bf16")) == Timing()


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', '{"a": {"tile": "x"}}', '{"a": null}'])
def test_a_damaged_file_of_timings_is_begun_anew(content):
    timings.path().parent.mkdir(parents=True, exist_ok=True)
    timings.path().write_text(content)
    model, cpu = make_model("wgan", 2), Target("cpu", "fp32")
    assert timings.remembered(model, cpu) == Timing()
    timings.remember(model, cpu, rate=2.0)
    assert timings.remembered(model, cpu) == Timing(rate=2.0)
    json.loads(timings.path().read_text())


def test_a_folder_that_cannot_be_written_is_no_harm(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAPARI_SR_CACHE", str(tmp_path / "file" / "below"))
    with caplog.at_level("WARNING", logger="napari_sr"):
        assert timings.remember(make_model("wgan", 2), Target("cpu", "fp32"), rate=2.0) == Timing(rate=2.0)
    assert "could not be written" in caplog.text


def test_only_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr(timings, "KEPT", 2)
    models = [make_model("wgan", scale) for scale in (2, 4, 8)]
    for number, model in enumerate(models):
        timings.remember(model, Target("cpu", "fp32"), rate=float(number + 1))
    assert [timings.remembered(m, Target("cpu", "fp32")).rate for m in models] == [0.0, 2.0, 3.0]
