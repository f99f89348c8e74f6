"""Models of other programs in lists, on images, and in words (CPU, fp32)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import tifffile
import torch
from published import MSRResNet
from scipy.ndimage import gaussian_filter
from test_wrong_files import compact
from typer.testing import CliRunner

from napari_sr.cli.app import app
from napari_sr.errors import ConfigError, ModelError
from napari_sr.inference import upscale
from napari_sr.models import store
from napari_sr.models.card_text import card_sections
from napari_sr.models.fit import fit, look
from napari_sr.networks import NETWORKS, create_network
from napari_sr.training.config import TrainConfig
from napari_sr.training.parts import Source
from napari_sr.training.start import starting_network


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    torch.save({"params_ema": MSRResNet(2, 8).state_dict()}, tmp_path / "My model.pth")
    return tmp_path / "My model.pth"


@pytest.fixture
def eight_bit():
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(64, 72)), 2)
    return np.clip(110 + 350 * smooth, 0, 255).astype(np.uint8)


def test_installed_models_are_listed_and_load_by_name(checkpoint):
    path = store.install_foreign(checkpoint)
    assert path == store.user_folder() / "My-model.safetensors"
    card = next(c for c in store.list_models() if c.name == "My-model")
    assert card.licence == "unknown: see where you got it"
    assert card.degradation == ""
    assert card.source["file"] == "My model.pth"
    assert card.source["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert "MSRResNet" in card.source["detected"]
    model, again = store.load_model(checkpoint), store.load_model("My-model")
    lr = torch.rand(1, 1, 9, 8)
    with torch.inference_mode():
        torch.testing.assert_close(again.network(lr), model.network(lr), rtol=0, atol=0)
    with pytest.raises(ModelError, match="called My-model already"):
        store.install_foreign(checkpoint)
    store.install_foreign(checkpoint, overwrite=True)
    assert store.install_foreign(checkpoint, name="other").stem == "other"


def test_a_shipped_model_is_not_hidden(checkpoint):
    shipped = next(iter(store.shipped_folder().glob("*.safetensors"))).stem
    with pytest.raises(ModelError, match=f"called {shipped} already"):
        store.install_foreign(checkpoint, name=shipped, overwrite=True)


def test_twelve_bits_look_like_eight(checkpoint, eight_bit):
    """Networks for photographs expect 0 to 1: 12 bit in 16, and floating point, must not be black to them."""
    model = store.load_model(checkpoint)
    expected = upscale(eight_bit, model, device="cpu", precision="fp32", dtype=np.float32)
    assert expected.std() > 10
    twelve = upscale(eight_bit.astype(np.uint16) * 16, model, device="cpu", precision="fp32", dtype=np.float32)
    np.testing.assert_allclose(twelve / 16, expected, atol=0.01)
    single = upscale(eight_bit / np.float32(1000), model, device="cpu", precision="fp32")
    np.testing.assert_allclose(single * 1000, expected, atol=0.01)


def test_tiles_of_a_folded_model_join(checkpoint, eight_bit):
    model = store.load_model(checkpoint)
    whole = upscale(eight_bit, model, device="cpu", precision="fp32", dtype=np.float32)
    tiled = upscale(eight_bit, model, device="cpu", precision="fp32", dtype=np.float32, tile=40)
    np.testing.assert_allclose(tiled, whole, atol=2e-5 * 255)


def test_nothing_is_known_of_what_it_was_trained_on(checkpoint, eight_bit):
    found = fit(store.load_model(checkpoint).card, look(eight_bit))
    assert found.verdict == "yellow"
    assert "not known for which blur and noise" in found.reasons[0]


def test_a_card_says_where_it_came_from(checkpoint):
    words = " ".join(text for _, rows in card_sections(store.load_model(checkpoint).card) for _, text in rows)
    assert "My model.pth" in words
    assert "SHA-256" in " ".join(
        name for _, rows in card_sections(store.load_model(checkpoint).card) for name, _ in rows
    )


def test_the_command_line_opens_it_and_says_what_it_is(checkpoint, eight_bit, tmp_path):
    tifffile.imwrite(tmp_path / "lr.tif", eight_bit)
    result = CliRunner().invoke(
        app, ["upscale", str(tmp_path / "lr.tif"), "-m", str(checkpoint), "-o", str(tmp_path / "sr.tif")]
    )
    assert result.exit_code == 0, result.output
    assert "MSRResNet (SRResNet of BasicSR), named as in BasicSR and KAIR, ×2, RGB" in result.output
    assert tifffile.imread(tmp_path / "sr.tif").shape == (128, 144)


def test_models_of_other_programs_are_not_trained_further(tmp_path):
    pytest.importorskip("onnxruntime")
    from test_graphs import graph

    graph(tmp_path / "m.onnx")
    store.install_foreign(tmp_path / "m.onnx", name="graph")
    intensity = store.load_model("graph").card.intensity
    with pytest.raises(ConfigError, match="graph is a model of another program"):
        starting_network(
            TrainConfig(name="x", train=(Source(str(tmp_path)),), start_from="graph", scale=2, intensity=intensity)
        )


@pytest.mark.parametrize("name", [n for n in NETWORKS if NETWORKS[n].foreign])
def test_a_network_of_another_program_is_nothing_without_its_weights(name):
    needed = {"spandrel": {"architecture": "HAT"}, "colour": {"network": "edsr", "settings": {"in_channels": 3}}}
    if name == "colour":
        with pytest.raises(ConfigError, match="cannot stand inside"):
            create_network(name, scale=2, network="onnx", settings={})
        return
    network = create_network(name, scale=2, **needed.get(name, {}))
    assert network.full_precision
    with pytest.raises(ModelError):
        network.make_room({})


def test_one_channel_goes_through_a_grey_model(tmp_path):
    torch.save(compact(), tmp_path / "grey.pth")
    rgb = np.random.default_rng(0).integers(0, 255, (20, 24, 3)).astype(np.uint8)
    sr = upscale(rgb, store.load_model(tmp_path / "grey.pth"), axes="YXS", device="cpu", precision="fp32")
    assert sr.shape == (40, 48, 3)
