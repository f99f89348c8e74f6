from dataclasses import replace

from small_models import make_model

from napari_sr.models.card_text import card_sections
from napari_sr.models.store import list_models


def test_every_model_has_something_to_say():
    for card in list_models():
        sections = card_sections(card)
        assert sections[0][1]
        assert all(text for _, rows in sections for _, text in rows)
        if card.kind != "any":
            assert [title for title, _ in sections[1:]] == [
                "Measured, beside bicubic interpolation",
                "How it was trained",
            ]


def test_every_run_of_a_fine_tuned_model_is_told():
    first = {"steps": 100, "lr_patch": 32, "batch_size": 4, "loss": "l1", "learning_rate": 1e-3, "optimizer": "Adam"}
    training = {"images": 7, **first, "steps": 20, "batch_size": 1, "minutes": 1.5, "earlier": [first]}
    card = replace(make_model().card, training=training, degradation="em")
    assert card_sections(card)[-1] == (
        "How it was trained",
        [
            ("LR images by", "em"),
            ("Images", "7"),
            ("Run 1", "100 steps, 4 patches of 32² LR pixels a step, loss l1, Adam, learning rate 0.001"),
            ("Run 2", "20 steps, 1 patch of 32² LR pixels a step, loss l1, Adam, learning rate 0.001, 1.5 min"),
        ],
    )
