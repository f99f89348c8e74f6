"""The fields of *Advanced*, without a window: whatever is registered can be set, and what is set is trained."""

import pytest

from napari_sr.losses import LOSSES
from napari_sr.networks import CRITICS, NETWORKS
from napari_sr.training import RECIPES, Source, recipe_config
from napari_sr.training.task import resolve
from napari_sr.widgets.train.fields import changes, fields_of

IMAGES = (Source("x"),)


def config_of(recipe, **settings):
    return recipe_config(recipe, name="x", train=IMAGES, **settings)


def values_of(fields):
    return {field.path: field.value for field in fields}


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_untouched_fields_change_nothing_and_each_is_explained(recipe):
    fields = fields_of(config_of(recipe))
    assert changes(fields, values_of(fields)) == {}
    assert len({field.path for field in fields}) == len(fields)
    for field in fields:
        assert field.title
        assert field.tip.endswith(".")
        assert "{" not in f"{field.value}"  # numbers, choices and words, no notation
        assert not field.choices or field.value in [name for name, _ in field.choices]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_every_number_that_is_changed_is_in_the_configuration(recipe):
    """Each field alone: what it is set to is what the configuration then has at its path."""
    fields = fields_of(config_of(recipe))
    for field in fields:
        if field.choices or type(field.value) not in (int, float, bool) or field.path in ("epochs", "patches"):
            continue
        other = (not field.value) if isinstance(field.value, bool) else type(field.value)(field.value * 0.5 + 0.25)
        if other == field.value or field.path.startswith(("further", "intensity")):
            continue
        found = changes(fields, {**values_of(fields), field.path: other})
        where = found
        for name in field.path.split("."):
            where = where[int(name) if name.isdigit() else name]
        assert where == other


TAUGHT = [n for n in NETWORKS if NETWORKS[n].trainable and not NETWORKS[n].linear and not NETWORKS[n].foreign]


@pytest.mark.parametrize("network", TAUGHT)
def test_every_network_can_be_chosen_with_its_own_fields(network):
    config = config_of("regression", network=network)
    fields = fields_of(config)
    own = {f.path: f for f in fields if f.path.startswith("hyper_parameters.")}
    assert "hyper_parameters.num_features" in own
    found = changes(
        fields, {**values_of(fields), "hyper_parameters.num_features": 16, "hyper_parameters.num_blocks": 1}
    )
    trained = resolve(config_of("regression", network=network, **found)).start.network
    assert trained.hyper_parameters["num_features"] == 16
    assert trained.hyper_parameters["num_blocks"] == 1


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_can_be_added_with_its_options(loss):
    fields = fields_of(config_of("dfcan"))
    found = changes(fields, {**values_of(fields), "further": loss, "further_weight": 0.3})
    config = config_of("dfcan", **found)
    assert config.extra_losses == {loss: 0.3}
    again = fields_of(config)
    assert changes(again, values_of(again)) == {}
    names = [f.path for f in again if f.path.startswith("further_options.")]
    assert ("further_options.layer" in names) == (loss in ("perceptual", "texture"))


@pytest.mark.parametrize("critic", list(CRITICS))
def test_every_critic_can_be_chosen(critic):
    fields = fields_of(config_of("wgan-gp"))
    values = {**values_of(fields), "adversarial.critic": critic, "adversarial.critic_hyper_parameters.num_features": 8}
    config = config_of("wgan-gp", **changes(fields, values))
    assert config.adversarial.critic == critic
    assert config.adversarial.critic_hyper_parameters["num_features"] == 8
    assert config.adversarial.n_critic == 5  # the recipe's


def test_further_losses_can_be_taken_away():
    fields = fields_of(config_of("esrgan"))
    values = {**values_of(fields), "further": "none"}
    config = config_of("esrgan", **changes(fields, values))
    assert (config.extra_losses, config.extra_options) == ({}, {})


def test_a_model_to_go_on_from_keeps_its_network_and_its_intensities():
    paths = [f.path for f in fields_of(config_of("regression"), fixed=True)]
    assert not [p for p in paths if p.startswith(("network", "hyper_parameters", "intensity"))]
