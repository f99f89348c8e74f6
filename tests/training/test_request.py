"""What a person asks for, as a configuration: one rule for the viewer and the shell."""

from pathlib import Path

import numpy as np
import pytest

from napari_sr.errors import Cancelled, ConfigError, ImageError, ModelError
from napari_sr.images.stack import Stack
from napari_sr.models.store import load_model
from napari_sr.networks import NETWORKS
from napari_sr.training import RECIPES
from napari_sr.training.recipes import ANY_NETWORK, DEFAULT_RECIPE, recipe_for
from napari_sr.training.request import TrainRequest, copied, make_config, with_kind


def config_of(lr="", **settings):
    return make_config(TrainRequest(name="mine", hr="hr", **settings), "hr", lr)


def test_nothing_said_is_the_default_recipe_as_it_is():
    config = config_of()
    assert config.recipe == DEFAULT_RECIPE
    assert config.network == RECIPES[DEFAULT_RECIPE]["network"]
    assert config.degradation == RECIPES[DEFAULT_RECIPE]["degradation"]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_what_is_said_counts_and_the_rest_is_the_recipes(recipe):
    config = config_of(recipe=recipe, scale=2, degradation="area", changes={"seed": 7})
    assert (config.recipe, config.scale, config.degradation, config.seed) == (recipe, 2, "area", 7)
    assert config.network == RECIPES[recipe]["network"]


def test_measured_images_need_no_degradation():
    config = config_of(lr="lr", degradation="area")
    assert (config.degradation, config.train[0].lr) == ("", "lr")


@pytest.mark.parametrize("name", ["em-wgan-pixel-x4", "em-dfcan-x4", "fluo-x2", "nbody-x4"])
def test_a_model_keeps_its_network_its_intensity_and_unless_said_its_scale_and_degradation(name):
    card = load_model(name).card
    config = config_of(start_from=name)
    assert (config.network, config.scale, config.degradation) == (card.network, card.scale, card.degradation)
    assert dict(config.intensity) == dict(card.intensity)
    assert config.recipe == recipe_for(card.network)
    other = config_of(start_from=name, recipe="regression", degradation="area")
    assert (other.network, other.degradation, other.recipe) == (card.network, "area", "regression")


TAUGHT = [n for n in NETWORKS if NETWORKS[n].trainable and not NETWORKS[n].linear and not NETWORKS[n].foreign]


@pytest.mark.parametrize("network", TAUGHT)
def test_there_is_a_faithful_recipe_for_every_network(network):
    recipe = recipe_for(network)
    assert "adversarial" not in RECIPES[recipe]
    assert recipe == ANY_NETWORK or RECIPES[recipe]["network"] == network
    assert config_of(network=network).network == network


def test_contradictions_are_refused():
    with pytest.raises(ConfigError, match="keeps its own"):
        config_of(start_from="fluo-x2", network="rcan")
    with pytest.raises(ConfigError, match="the recipe dfcan has its own"):
        config_of(recipe="dfcan", network="rcan")
    with pytest.raises(ModelError, match="no model called"):
        config_of(start_from="nix")


def test_layers_and_the_model_to_start_from_are_copied_and_files_are_not(tmp_path, rng):
    stack = Stack(rng.integers(0, 9, (2, 8, 6)).astype(">u2"), "ZYX", name="cells")
    request = TrainRequest(name="mine", hr=stack, lr=str(tmp_path / "lr.tif"), start_from="fluo-x2")
    config = copied(request, tmp_path, should_stop=lambda: False)
    written = np.load(config.train[0].path)
    np.testing.assert_array_equal(written, stack.data)
    assert written.dtype == np.uint16
    assert config.train[0].lr == str(tmp_path / "lr.tif")
    assert load_model(config.start_from).card.name == "fluo-x2"
    assert config.start_from.startswith(str(tmp_path))
    with pytest.raises(Cancelled):
        copied(request, tmp_path, should_stop=lambda: True)
    colour = Stack(np.zeros((8, 6, 3), np.uint8), "YXS", name="colour")
    with pytest.raises(ImageError, match="colour image"):
        copied(TrainRequest(name="mine", hr=colour), tmp_path, should_stop=lambda: False)


@pytest.mark.parametrize(
    ("name", "file"), [("my cells", "my-cells"), ("[:/]", "layer"), pytest.param("ä" * 200, "ä" * 60, id="long")]
)
def test_the_copy_of_a_layer_is_called_after_it(name, file, tmp_path, rng):
    stack = Stack(rng.integers(0, 255, (3, 64, 64)).astype(np.uint8), "ZYX", name=name)
    config = copied(TrainRequest(name="mine", hr=stack), tmp_path, should_stop=lambda: False)
    assert Path(config.train[0].path).name == f"{file} (HR).npy"
    np.testing.assert_array_equal(np.load(config.train[0].path), stack.data)


@pytest.fixture
def density(tmp_path, rng):
    """Densities and a coarser run of them, as files."""
    hr = np.exp(rng.normal(0, 1.5, (3, 64, 64))).astype(np.float32)
    hr /= hr.mean()
    np.save(tmp_path / "hr.npy", hr)
    np.save(tmp_path / "lr.npy", hr.reshape(3, 16, 4, 16, 4).mean((2, 4)))
    return tmp_path / "hr.npy", tmp_path / "lr.npy"


@pytest.mark.parametrize("recipe", ["adaptive", "wgan-gp", "rcan", "regression", "dfcan"])
def test_measured_pairs_of_densities_are_learnt_from_by_their_logarithm(recipe, density):
    hr, lr = density
    for images in (str(hr), Stack(np.load(hr), "ZYX", name="hr")):
        request = TrainRequest(name="mine", hr=images, lr=str(lr), recipe=recipe)
        config = make_config(with_kind(request), str(hr), str(lr))
        assert config.degradation == ""
        assert (config.intensity["kind"], config.intensity["offset"]) == ("log", 0.02)
        assert config.card["kind"] == "N-body"


def test_what_is_said_of_the_kind_counts(density, tmp_path, rng):
    hr, lr = density
    request = TrainRequest(name="mine", hr=str(hr), lr=str(lr), kind="EM")
    assert make_config(with_kind(request), str(hr), str(lr)).intensity["kind"] == "percentile"
    own = TrainRequest(name="mine", hr=str(hr), changes={"intensity": {"kind": "range"}})
    assert make_config(with_kind(own), str(hr), "").intensity == {"kind": "range"}
    np.save(tmp_path / "em.npy", rng.integers(0, 255, (64, 64)).astype(np.uint8))
    counts = TrainRequest(name="mine", hr=str(tmp_path / "em.npy"), kind="N-body", degradation="area")
    assert make_config(counts, counts.hr, "").intensity["kind"] == "log"
    plain = TrainRequest(name="mine", hr=str(tmp_path / "em.npy"))
    assert make_config(with_kind(plain), plain.hr, "").intensity["kind"] == "percentile"
    unread = TrainRequest(name="mine", hr=str(hr))
    assert make_config(unread, str(hr), str(lr)).intensity["kind"] == "percentile"  # nothing is read for it
    with pytest.raises(ConfigError, match="EM, fluorescence, N-body"):
        make_config(TrainRequest(name="mine", hr=str(hr), kind="nix"), str(hr), "")
