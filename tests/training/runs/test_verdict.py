"""The verdict on a run, from its figures and its curves."""

from dataclasses import replace

import pytest

from napari_sr.training import Source, recipe_config
from napari_sr.training.data.sources import PairProblems
from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.verdict import Outcome, Verdict, judge


def config(recipe="wgan-pixel", **changes):
    return recipe_config(recipe, name="x", train=(Source("x"),), **{"steps": 6000, **changes})


def entry(model, bicubic, start=None):
    found = {"model": {"psnr": model}, "bicubic": {"psnr": bicubic}}
    return found if start is None else {**found, "start": {"name": "em-wgan-pixel-x4", "psnr": start}}


def curves(losses, train=None, steps=6000):
    every = steps // len(losses)
    train = train or [0.1] * len(losses)
    return [
        TrainProgress((n + 1) * every, steps, 0.0, t, val_loss=v, val_psnr=30.0, val_bicubic=29.0)
        for n, (v, t) in enumerate(zip(losses, train, strict=True))
    ]


LEVEL = curves([0.2, 0.1, 0.1, 0.1, 0.1])


def verdict(settings, figures, history=LEVEL, **outcome):
    return judge(settings, figures, history, Outcome(**{"steps": settings.steps, "images": 20, **outcome}))


def test_better_than_everything_needs_no_reasons():
    found = verdict(config(start_from="m"), entry(31.5, 29.0, 31.0))
    assert found.good
    assert found.headline == (
        "It is 2.50 dB better than bicubic interpolation: 31.50 dB instead of 29.00 dB. "
        "It is 0.50 dB better than em-wgan-pixel-x4, which it started from."
    )
    assert (found.reasons, found.advice) == ((), ())


@pytest.mark.parametrize(
    ("model", "level"), [(28.97, "bad"), (28.99, "doubtful"), (29.01, "doubtful"), (29.03, "good")]
)
@pytest.mark.parametrize("recipe", ["wgan-pixel", "wgan-gp"])
def test_two_hundredths_of_a_decibel_beside_bicubic_are_none(recipe, model, level):
    assert verdict(config(recipe), entry(model, 29.0)).level == level


@pytest.mark.parametrize(("unlike", "level"), [((), "good"), (("a", "b"), "doubtful"), (("a", "b", "c"), "bad")])
def test_pairs_that_do_not_belong_together_are_held_against_it(unlike, level):
    found = verdict(config(), entry(31.5, 29.0), pairs=PairProblems(unlike=unlike, looked_at=4))
    assert found.level == level
    assert ("2 of the 4 pairs" in found.text(), "3 of the 4 pairs" in found.text()) == (
        level == "doubtful", level == "bad",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unlike", "looked_at", "said"),
    [
        ("ab", 5, "in 2 of the 5 pairs that were"),
        ("ab", 2, "in all 2 pairs that were"),
        ("a", 1, "in the one pair that was"),
    ],
)
def test_how_many_pairs_are_unlike_is_said_in_words(unlike, looked_at, said):
    assert f"{said} looked at (a)" in PairProblems(unlike=tuple(unlike), looked_at=looked_at).said_of_unlike()


def test_what_is_bad_is_said_first():
    found = verdict(config(start_from="m"), entry(30.0, 29.0, 31.0))
    assert found.headline.startswith("It is worse than em-wgan-pixel-x4")
    assert found.headline.endswith("It is 1.00 dB better than bicubic interpolation: 30.00 dB instead of 29.00 dB.")


@pytest.mark.parametrize(
    ("model", "level"), [(30.97, "bad"), (30.99, "doubtful"), (31.01, "doubtful"), (31.03, "good")]
)
def test_a_pixel_recipe_must_not_lose_to_its_start(model, level):
    assert verdict(config(start_from="m"), entry(model, 29.0, 31.0)).level == level


@pytest.mark.parametrize(
    ("steps", "model", "level", "words"),
    [
        (60, 30.89, "bad", "worse than em-wgan-pixel-x4, which it started from: 30.89 dB instead of 31.00 dB"),
        (6000, 30.60, "good", "lost 0.40 dB to em-wgan-pixel-x4, which it started from: normal"),
        (6000, 29.50, "doubtful", "more than sharper pictures usually cost"),
        (6000, 28.50, "bad", "worse than bicubic"),
        (60, 31.10, "doubtful", "0.10 dB better than em-wgan-pixel-x4"),
    ],
)
def test_a_critic_may_cost_a_little_once_it_has_had_time(steps, model, level, words):
    found = verdict(config("wgan-gp", start_from="m", steps=steps), entry(model, 29.0, 31.0))
    assert found.level == level
    assert words in found.headline
    assert any("60 steps are too few for an adversarial recipe" in r for r in found.reasons) == (steps == 60)


def test_steps_before_the_critic_do_not_count_as_steps_with_it():
    settings = config("srgan", steps=3000)
    assert settings.adversarial.pixel_steps == 2142  # keeps the recipe's share of steps without the critic
    settings = replace(settings, adversarial=replace(settings.adversarial, pixel_steps=300))
    assert not any("too few" in r for r in verdict(settings, entry(28.0, 29.0)).reasons)
    (reason, *_) = verdict(settings, entry(28.0, 29.0), steps=1800).reasons
    assert reason.startswith("1500 steps with the critic, of 1800, are too few for an adversarial recipe")


@pytest.mark.parametrize(
    ("history", "outcome", "reason", "advice"),
    [
        (LEVEL, {"steps": 100}, "100 steps are too few", "Train longer"),
        (
            LEVEL,
            {"steps": 3000},
            "ended after 3000 of 6000 steps, before its learning rate had come down",
            "to its end",
        ),
        (LEVEL, {"rate_factor": 0.5}, "stopped being a number", "0.0002 instead of 0.0005"),
        (LEVEL, {"contrast": 0.01}, "has collapsed", "lower learning rate"),
        (LEVEL, {"images": 1}, "only 1 image to learn from", "ten are a start"),
        (LEVEL, {}, "do not show why", "Check that low-resolution images"),
        (curves([0.2, 0.1, 0.12, 0.14], [0.2, 0.1, 0.05, 0.02]), {}, "by heart since step 3000", "more images"),
        (curves([0.2, 0.1, 0.3, 0.5], [0.2, 0.1, 0.5, 0.9]), {}, "has risen since step 3000", "lower learning rate"),
        (curves([0.4, 0.3, 0.2, 0.1]), {}, "still learning when it ended", "Train longer"),
    ],
)
def test_the_reason_is_this_runs_own(history, outcome, reason, advice):
    found = verdict(config(steps=100 if outcome.get("steps") == 100 else 6000), entry(28.0, 29.0), history, **outcome)
    assert found.bad
    assert reason in " ".join(found.reasons)
    assert advice in " ".join(found.advice)
    assert len(found.reasons) == 1


def test_one_colour_is_bad_whatever_the_figures():
    found = verdict(config(), entry(31.0, 29.0), contrast=0.01)
    assert found.bad
    assert "one colour" in found.headline


def test_what_cannot_be_compared_is_doubtful():
    assert verdict(config(), {"model": {}, "bicubic": {"psnr": 20.0}}).level == "doubtful"


def test_a_card_keeps_it_and_cards_of_others_have_none():
    found = verdict(config(), entry(28.0, 29.0), images=1)
    assert Verdict.of({"verdict": found.to_dict()}) == found
    for training in ({}, {"verdict": "fine"}, {"verdict": {"level": "superb"}}):
        assert Verdict.of(training) is None
