"""The curves of a run in words."""

import pytest

from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.curve_reading import Trend, reading, trend


def run(losses, *, train=None, psnr=30.0, of=None, critic_from=None):
    """Reports at steps 100, 200, …; ``of`` steps, or as many as there are."""
    train = train or [0.1] * len(losses)
    values = psnr if isinstance(psnr, list) else [psnr] * len(losses)
    return [
        TrainProgress(
            100 * (n + 1), of or 100 * len(losses), 0.0, t, val_loss=v, val_psnr=p, val_bicubic=29.0,
            losses={"critic_loss": 1.0} if critic_from is not None and n >= critic_from else {},
        )
        for n, (v, t, p) in enumerate(zip(losses, train, values, strict=True))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "train", "expected"),
    [
        ([0.5, 0.4], None, Trend("early")),
        ([0.5, 0.4, 0.3, 0.2], None, Trend("falling", 100)),
        ([0.5, 0.3, 0.2, 0.2, 0.201], None, Trend("level", 300)),
        ([0.5, 0.3, 0.2, 0.199, 0.15, 0.149], None, Trend("falling", 100)),  # it only rested
        ([0.5, 0.2, 0.22, 0.24], [0.5, 0.3, 0.2, 0.1], Trend("overfitting", 200)),
        ([0.5, 0.2, 0.5, 0.9], [0.5, 0.3, 0.6, 0.9], Trend("rising", 200)),
        ([0.2, 0.4, 0.2, 0.4, 0.2, 0.4, 0.3], None, Trend("noisy", 100)),
        ([0.5, 0.2, 0.203, 0.202], [0.5, 0.3, 0.2, 0.1], Trend("level", 200)),  # no rise to speak of
        ([0.5, float("nan"), 0.4, 0.3], None, Trend("falling", 100)),
        ([0.3] * 5, None, Trend("level", 100)),
    ],
)
def test_where_the_validation_loss_goes(losses, train, expected):
    assert trend(run(losses, train=train)) == expected


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (run([0.5, 0.4, 0.3, 0.2]), "was still falling at the end: a longer run"),
        (run([0.5, 0.4, 0.3, 0.2], of=9000), "is falling: the model is learning"),
        (run([0.5, 0.3, 0.2, 0.2, 0.2]), "levelled off since step 300: more steps"),
        (run([0.5, 0.3, 0.2, 0.2, 0.2], of=9000), "levelled off since step 300. PSNR"),
        (run([0.5, 0.2, 0.22, 0.24], train=[0.5, 0.3, 0.2, 0.1], of=9000), "by heart. Stop it, or give it more"),
        (run([0.5, 0.2, 0.5, 0.9], train=[0.5, 0.3, 0.6, 0.9]), "the learning rate is too high"),
        (run([0.2, 0.4, 0.2, 0.4, 0.2, 0.4, 0.3]), "jumps up and down"),
        (run([0.5], of=9000), "after 3 validations; so far there is 1."),
        (run([0.5]), "was validated once"),
        (run([0.3] * 4, psnr=29.85), "PSNR is 0.85 dB above"),
        (run([0.3] * 4, psnr=28.5), "PSNR is 0.50 dB below"),
        (run([0.3] * 4, psnr=29.01), "PSNR is that of bicubic"),
    ],
)
def test_it_is_said_of_this_run(history, words):
    assert words in reading(history)


def test_with_a_critic_a_falling_fidelity_is_no_fault():
    fallen = run([0.2, 0.2, 0.3, 0.4], psnr=[30.0, 31.0, 30.8, 30.69], critic_from=2)
    text = reading(fallen, critic=True)
    assert text.startswith("Since the critic came in at step 300, PSNR has fallen by 0.31 dB: the price of sharper")
    assert "by heart" not in text
    assert "look at the pictures" in reading(run([0.2, 0.3, 0.4], critic_from=0), critic=True)
    assert "has not come in yet" in reading(run([0.4, 0.3, 0.2]), critic=True)


def test_nothing_is_read_from_nothing():
    assert reading([]) == ""
    assert reading([], critic=True) == ""


def test_before_the_generator_moves_there_is_no_loss_and_that_is_said():
    assert TrainProgress(1, 9, 0.0, losses={"critic_loss": 1.0}).loss_text == "the critic is learning first"
    assert TrainProgress(1, 9, 0.0, 0.01234, losses={"critic_loss": 1.0}).loss_text == "loss 0.01234"
    assert TrainProgress(0, 9, 0.0).loss_text == ""
