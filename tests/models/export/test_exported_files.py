"""ONNX and TorchScript files compute what the model computes; each runtime is run here by itself, as others would."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_models import make_model

from napari_sr.conditions import normalised
from napari_sr.errors import ConfigError, ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.export import ExportRequest, Step, export_model, iter_export
from napari_sr.models.export import request as request_module
from napari_sr.models.model import ModelCard
from napari_sr.models.store import load_model, shipped_folder
from napari_sr.networks import NETWORKS
from napari_sr.networks.base import SRNetwork
from napari_sr.networks.dfcan import power_spectrum, power_spectrum_by_products

SIZES = ((1, 15, 18), (2, 12, 12))
SHIPPED = sorted(p.stem for p in shipped_folder().glob("*.safetensors"))
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # how others load them
#: 400 convolutions, ten seconds each; a small one is exported below with all networks
SLOW = ("em-rcan-x4", "nbody-rcan-x4")


def run_onnx(path, *inputs):
    session = onnxruntime.InferenceSession(str(path))
    names = [i.name for i in session.get_inputs()]
    return session.run(None, {n: i.astype(np.float32) for n, i in zip(names, inputs, strict=True)})[0]


def run_torchscript(path, *inputs):
    with torch.inference_mode():
        return torch.jit.load(str(path))(*(torch.from_numpy(i.astype(np.float32)) for i in inputs)).numpy()


RUN = {"onnx": run_onnx, "torchscript": run_torchscript}


def network_values(model, lr, told=None):
    """What the network makes of network values, as napari-sr runs it."""
    with torch.inference_mode():
        extra = () if told is None else (torch.tensor([normalised(model.network.conditions, t) for t in told]),)
        return model.network(torch.from_numpy(lr), *extra).numpy()


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
@pytest.mark.parametrize("name", [n for n in SHIPPED if n not in SLOW])
def test_shipped_models_compute_the_same_at_every_size(name, to, tmp_path, rng):
    model = load_model(name)
    exported = export_model(model, tmp_path, to=to, values="network")
    assert exported.path.name == f"{name}{'.onnx' if to == 'onnx' else '.pt'}"
    assert exported.deviation < 1e-4
    span = model.intensity.upper - model.intensity.lower
    for count, height, width in SIZES:
        lr = rng.uniform(model.intensity.lower, model.intensity.upper, (count, 1, height, width)).astype(np.float32)
        told = None
        inputs = [lr]
        if model.network.conditions:
            told = [{"blur": 0.3 * i, "noise": 2.0 + i, "shot": 0.5 - i} for i in range(count)]
            inputs.append(np.array([list(t.values()) for t in told]))
        sr = RUN[to](exported.path, *inputs)
        assert sr.shape == (count, 1, height * model.scale, width * model.scale)
        np.testing.assert_allclose(sr, network_values(model, lr, told), atol=1e-4 * span, rtol=0)


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
@pytest.mark.parametrize("name", [n for n in NETWORKS if NETWORKS[n].trainable and not NETWORKS[n].foreign])
def test_every_network_can_be_exported(name, to, tmp_path, rng):
    model = make_model(name, 2)
    exported = export_model(model, tmp_path, to=to)
    in_tiles = any("height and width 32" in line for line in exported.how_to)
    assert in_tiles is (name in ("swinir", "singan"))  # their grids depend on the size
    size = (32, 32) if in_tiles else (22, 18)
    lr = rng.uniform(-0.8, 0.8, (1, 1, *size)).astype(np.float32)
    conditions = model.network.conditions
    inputs = [lr, np.array([[c.default for c in conditions]])] if conditions else [lr]
    expected = network_values(model, lr, [{}] if conditions else None)
    np.testing.assert_allclose(RUN[to](exported.path, *inputs), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
def test_blur_and_noise_can_be_fixed(to, tmp_path, rng):
    model = load_model("fluo-x2")
    exported = export_model(model, tmp_path / "fixed", to=to, conditions={"blur": 0.9, "noise": 12.0})
    lr = rng.uniform(0, 1, (1, 1, 20, 31)).astype(np.float32)
    sr = RUN[to](exported.path, lr)
    told = network_values(model, lr, [{"blur": 0.9, "noise": 12.0}])
    np.testing.assert_allclose(sr, told, atol=1e-4, rtol=0)
    assert np.abs(sr - network_values(model, lr, [{}])).max() > 0.01  # it is not as good as not told
    assert any("blur 0.9 LR pixels, noise 12 % of the range" in n for n in exported.how_to)
    model.network.tell({})  # and the model itself was not told
    np.testing.assert_array_equal(network_values(model, lr), network_values(model, lr, [{}]))


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
@pytest.mark.parametrize(
    "intensity",
    [
        Intensity(kind="log", low=-1.699, high=2.602, lower=-0.8, upper=0.8),
        Intensity(kind="fixed", low=100, high=4000, lower=-0.8, upper=0.8),
        Intensity(kind="identity", low=0, high=1),
    ],
    ids=lambda i: i.kind,
)
def test_a_transform_that_is_the_same_for_every_image_is_part_of_the_file(intensity, to, tmp_path, rng):
    model = make_model("wgan", 2)
    model = replace(model, card=replace(model.card, intensity=intensity.to_dict()))
    exported = export_model(model, tmp_path, to=to)
    image = {"log": 10 ** rng.uniform(-2, 2.5, (1, 1, 18, 25)), "fixed": rng.uniform(0, 5000, (1, 1, 18, 25))}.get(
        intensity.kind, rng.uniform(0, 1, (1, 1, 18, 25))
    )
    image = (image / image.mean() if intensity.kind == "log" else image).astype(np.float32)
    fitted = intensity.fit(image)
    expected = fitted.inverse(network_values(model, fitted.forward(image)))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(RUN[to](exported.path, image), expected, rtol=1e-3, atol=1e-4 * scale)
    of = " Of densities, they are in units of the mean density." if intensity.kind == "log" else ""
    assert f"Values are those of the image, in and out.{of}" in exported.how_to


def test_an_onnx_file_says_what_it_is(tmp_path):
    model = load_model("em-x2")
    path = export_model(model, tmp_path / "given", to="onnx").path
    assert path.name == "given.onnx"
    content = onnx.load(path)
    onnx.checker.check_model(content, full_check=True)
    assert content.opset_import[0].version >= 17
    shape = [d.dim_param or d.dim_value for d in content.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["batch", 1, "height", "width"]
    kept = {p.key: p.value for p in content.metadata_props}
    assert ModelCard.from_json(kept["napari_sr_card"]) == model.card
    facts = json.loads(kept["napari_sr_export"])
    assert facts["scale"] == 2
    assert facts["values"] == "network"
    assert facts["normalisation"] == {"kind": "percentile", "low": 0.5, "high": 99.5, "lower": 0.0, "upper": 1.0}
    assert [(c["name"], c["unit"], c["low"], c["high"]) for c in facts["conditions"]][:2] == [
        ("blur", "LR pixels", 0.0, 1.3), ("noise", "% of the range", 0.1, 30.0),
    ]  # fmt: skip
    assert "0.5th percentile of the whole image" not in content.doc_string  # it is about one of the two, with its name
    assert "low is the 0.5th percentile" in content.doc_string


def test_a_torchscript_file_says_what_it_is(tmp_path):
    model = load_model("em-wiener-x4")
    extra = {"napari_sr_card.json": "", "napari_sr_export.json": ""}
    torch.jit.load(str(export_model(model, tmp_path, to="torchscript").path), _extra_files=extra)
    assert ModelCard.from_json(extra["napari_sr_card.json"]) == model.card
    assert json.loads(extra["napari_sr_export.json"])["halo_lr_pixels"] == 6


def test_a_network_that_looks_at_the_whole_says_at_which_size_to_run_it(tmp_path):
    notes = export_model(make_model("dfcan", 2), tmp_path, to="torchscript").how_to
    assert any("tiles of 32 pixels" in n for n in notes)


@pytest.mark.parametrize("size", [(16, 16), (33, 20), (7, 64)])
def test_the_spectrum_by_products_is_that_by_fourier_transform(size):
    features = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(power_spectrum_by_products(features), power_spectrum(features), rtol=1e-4, atol=1e-5)


class OneSize(SRNetwork):
    """Bakes the size that it is recorded with into what it computes."""

    def __init__(self, *, scale: int, in_channels: int = 1, out_channels: int = 1) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels)
        self.gain = torch.nn.Parameter(torch.ones(1))

    @property
    def halo(self):
        return 1

    def forward(self, lr):
        ramp = torch.linspace(0, 1, int(lr.shape[-1]))
        return torch.nn.functional.interpolate(lr * self.gain + ramp, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
def test_a_network_that_works_for_one_size_only_is_exported_for_tiles(to, tmp_path, rng):
    model = replace(make_model("wgan", 2), network=OneSize(scale=2).eval())
    request = ExportRequest(model, tmp_path, to)
    steps = [e.text for e in iter_export(request) if isinstance(e, Step)]
    assert "for tiles of 32 × 32 pixels" in steps[-1]
    lr = rng.uniform(-0.8, 0.8, (1, 1, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(RUN[to](request.target, lr), network_values(model, lr), atol=1e-5)


class Random(OneSize):
    """Never gives the same twice."""

    def forward(self, lr):
        return torch.nn.functional.interpolate(lr + torch.rand_like(lr), scale_factor=2, mode="nearest")


def test_a_file_that_computes_something_else_is_not_kept(tmp_path):
    model = replace(make_model("wgan", 2), network=Random(scale=2).eval())
    with pytest.raises(ModelError, match=r"differs from small-wgan-x2 by .* of the range"):
        export_model(model, tmp_path, to="torchscript")
    assert list(tmp_path.iterdir()) == []


class Exotic(OneSize):
    """Does what ONNX has no operation for."""

    def forward(self, lr):
        return torch.nn.functional.interpolate(torch.special.i0(lr), scale_factor=2, mode="nearest")


def test_a_network_that_onnx_has_no_words_for_is_refused(tmp_path, capsys):
    model = replace(make_model("wgan", 2), network=Exotic(scale=2).eval())
    with pytest.raises(ModelError, match="does something that cannot be written as ONNX"):
        export_model(model, tmp_path, to="onnx")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""  # torch prints its whole graph


def test_what_cannot_be_exported_is_said_before_anything_is_written(model, tmp_path, monkeypatch):
    def refused(kind, match, of=model, path=tmp_path, to="torchscript", **settings):
        with pytest.raises(kind, match=match):
            export_model(of, path, to=to, **settings)

    refused(ModelError, "bicubic-x4 is an interpolation", of=load_model("bicubic-x4"))
    refused(ConfigError, "no format 'coreml'. Known: bioimageio, onnx, torchscript", to="coreml")
    refused(ConfigError, "scales every image by its own brightness", values="image")
    refused(ConfigError, "blur: small-wgan-x4 can be told nothing", conditions={"blur": 1.0})
    told = make_model("adaptive")
    refused(ConfigError, "is told blur and noise; give noise too", of=told, conditions={"blur": 1.0})
    refused(ConfigError, "noise: .* knows 0.1 to 30", of=told, conditions={"blur": 1.0, "noise": 90.0})
    refused(ConfigError, "gamma: .* can be told only blur, noise, shot", of=told, conditions={"gamma": 1.0})
    refused(ModelError, "There is no folder", path=tmp_path / "none" / "m.pt")
    there = tmp_path / "m.pt"
    there.write_bytes(b"")
    refused(ModelError, "exists already; allow overwriting", path=there)
    assert export_model(model, there, to="torchscript", overwrite=True).path == there
    monkeypatch.setattr(request_module.os, "access", lambda path, mode: False)
    refused(ModelError, "cannot be written. Choose another", path=tmp_path / "other")
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(ModelError, r'pip install "napari-sr\[onnx\]"', to="onnx")


def test_a_full_disk_leaves_nothing_behind(model, tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ModelError, match="could not be written: No space left on device"):
        export_model(model, tmp_path, to="torchscript")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_export_leaves_nothing_behind(model, tmp_path):
    events = iter_export(ExportRequest(model, tmp_path, "torchscript"))
    next(events)
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_what_another_program_computes_is_not_written_anew(tmp_path):
    exported = export_model(make_model("srvgg", 2), tmp_path, to="onnx")
    model = load_model(exported.path)
    assert model.card.network == "onnx"
    with pytest.raises(ModelError, match=rf"came from another program.*{exported.path.name}"):
        export_model(model, tmp_path / "again", to="onnx")
