"""Network interpolation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import make_model

from napari_sr import load_model, upscale
from napari_sr.errors import ModelError
from napari_sr.models.blend import blend, partners


@pytest.fixture
def pair():
    first, second = make_model(seed=1), make_model(seed=2)
    card = replace(second.card, name="b", training={"start_from": "a"})
    return replace(first, card=replace(first.card, name="a")), replace(second, card=card)


def test_weights_are_mixed_and_both_ends_are_the_models(pair, rng):
    first, second = pair
    image = rng.random((20, 24)).astype(np.float32)
    for share, expected in ((0.0, first), (1.0, second)):
        ours = upscale(image, blend(first, second, share), device="cpu", precision="fp32")
        np.testing.assert_allclose(ours, upscale(image, expected, device="cpu", precision="fp32"), atol=1e-5)
    before = {k: v.clone() for k, v in first.network.state_dict().items()}
    mixed = blend(first, second, 0.25).network.state_dict()
    for name, value in mixed.items():
        expected = 0.75 * first.network.state_dict()[name] + 0.25 * second.network.state_dict()[name]
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(first.network.state_dict()[name], before[name])  # the model itself stays


def test_the_card_says_what_it_is_and_claims_no_figures(pair):
    card = blend(*pair, 0.3).card
    assert card.name == "a + 30% b"
    assert card.metrics == ()
    assert card.halo == {}


def test_models_that_do_not_match_are_refused(pair):
    first, second = pair
    with pytest.raises(ModelError, match="different networks"):
        blend(first, load_model("em-dfcan-x4"), 0.5)
    with pytest.raises(ModelError, match="different sizes"):
        blend(first, load_model("em-wgan-pixel-x4"), 0.5)
    other = replace(second, card=replace(second.card, intensity={"kind": "identity"}))
    with pytest.raises(ModelError, match="different intensities"):
        blend(first, other, 0.5)
    with pytest.raises(ModelError, match="between 0 and 1"):
        blend(first, second, 1.5)


def test_only_models_with_a_training_in_common_are_mixed(pair):
    first, second = pair
    cards = {
        "parent": first.card,
        "child": second.card,
        "sibling": replace(second.card, name="sibling"),
        "grandchild": replace(
            second.card, name="grandchild", training={"start_from": "b", "earlier": [{"start_from": "a"}]}
        ),
        "phase": replace(first.card, name="c-pixel"),
        "adversarial": replace(first.card, name="c", training={"pixel_phase": "c-pixel"}),
        "stranger": replace(first.card, name="stranger"),
    }
    offered = {name: {c.name for c in partners(card, list(cards.values()))} for name, card in cards.items()}
    family = {"a", "b", "sibling", "grandchild"}
    for name in ("parent", "child", "sibling", "grandchild"):
        assert offered[name] == family - {cards[name].name}
    assert offered["phase"] == {"c"}
    assert offered["adversarial"] == {"c-pixel"}
    assert offered["stranger"] == set()
    with pytest.raises(ModelError, match="no training in common"):
        blend(first, replace(second, card=cards["stranger"]), 0.5)
