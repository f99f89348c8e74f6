"""The verdict on a finished run: is the model better than what there was before it, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from napari_sr.training.config import TrainConfig
from napari_sr.training.data.sources import PairProblems
from napari_sr.training.progress import TrainProgress
from napari_sr.training.runs.curve_reading import MARGIN, trend

Level = Literal["good", "doubtful", "bad"]
LEVELS: tuple[Level, ...] = ("good", "doubtful", "bad")
#: steps from which a run has had time to learn: against a critic, from new weights, from those of a model
STEPS_WITH_CRITIC, STEPS_FROM_NEW, STEPS_FROM_MODEL = 2000, 500, 200
#: dB of fidelity that sharper pictures usually cost at most
COST_OF_A_CRITIC = 1.0
#: standard deviation of the output, as a share of the truth's, below which it is one colour
CONSTANT = 0.05
#: images from which there is something to learn
IMAGES = 3
#: schedules that end with a low learning rate, and need all of their steps for it
TO_THE_END = ("one-cycle", "cosine")


@dataclass(frozen=True)
class Verdict:
    """What a run came to.

    Attributes
    ----------
    level
        ``bad``: nobody should use the model without having been asked.
    headline
        The comparison with bicubic, and with the model that the run started from.
    reasons, advice
        Why it is not better, and what to do; sentences, both empty if all is well.
    """

    level: Level
    headline: str
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """True if nothing has to be said against the model."""
        return self.level == "good"

    @property
    def bad(self) -> bool:
        """True if the user has to be asked before the model is taken."""
        return self.level == "bad"

    def text(self) -> str:
        """Return all sentences."""
        return " ".join((self.headline, *self.reasons, *self.advice))

    def to_dict(self) -> dict[str, Any]:
        """Return what a model card keeps under ``training["verdict"]``."""
        return {**asdict(self), "reasons": list(self.reasons), "advice": list(self.advice)}

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> Verdict | None:
        """Return the verdict in a card's ``training``; None if the model was not measured, or has another origin."""
        kept = training.get("verdict")
        if not isinstance(kept, Mapping) or kept.get("level") not in LEVELS:
            return None
        reasons, advice = (tuple(str(s) for s in kept.get(name) or ()) for name in ("reasons", "advice"))
        return cls(kept["level"], str(kept.get("headline", "")), reasons, advice)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of a finished run beside its figures.

    Attributes
    ----------
    steps
        That were done.
    images
        That were trained on.
    contrast
        Standard deviation of the output as a share of the truth's.
    rate_factor
        By how much the learning rate was lowered on the way, because the loss had stopped being a number.
    pairs
        What is wrong with the measured pairs that were validated on.
    """

    steps: int
    images: int
    contrast: float = 1.0
    rate_factor: float = 1.0
    pairs: PairProblems = field(default_factory=PairProblems)


def judge(config: TrainConfig, entry: Mapping[str, Any], history: Sequence[TrainProgress], outcome: Outcome) -> Verdict:
    """Judge a run by the figures of its model card.

    Parameters
    ----------
    config, history
        Of the run.
    entry
        Of the card's ``metrics``: ``model``, ``bicubic`` and, if there was one, ``start``.
    outcome
        What else is known.
    """
    few = too_few_steps(config, outcome.steps)
    found = [_beside_bicubic(entry), _beside_start(entry, few=bool(few), critic=config.adversarial is not None)]
    if outcome.contrast < CONSTANT:
        found = [("bad", "It paints every image in nearly one colour.")]
    if config.adversarial is not None and few:  # its figures say nothing of what the critic was to bring
        found.append(("doubtful", ""))
    if outcome.pairs.unlike:  # of such pairs, its figures say as little as bicubic's
        most = 2 * len(outcome.pairs.unlike) > outcome.pairs.looked_at
        found.append(("bad" if most else "doubtful", "Its low- and high-resolution images hardly belong together."))
    level = max((one[0] for one in found), key=LEVELS.index)
    worst_first = sorted(found, key=lambda one: -LEVELS.index(one[0]))
    headline = " ".join(text for _, text in worst_first if text)
    if level == "good":
        return Verdict(level, headline)
    why = _why(config, history, outcome, few)
    advice = list(dict.fromkeys(advice for _, advice in why if advice))
    return Verdict(level, headline, tuple(reason for reason, _ in why if reason), tuple(advice))


def _decibels(entry: Mapping[str, Any], name: str) -> float | None:
    value = entry.get(name, {}).get("psnr")
    return None if value is None else float(value)


def _beside_bicubic(entry: Mapping[str, Any]) -> tuple[Level, str]:
    ours, bicubic = _decibels(entry, "model"), _decibels(entry, "bicubic")
    if ours is None or bicubic is None:
        return "doubtful", "It could not be compared with bicubic interpolation: the validation images are empty."
    figures = f"{ours:.2f} dB instead of {bicubic:.2f} dB"
    if ours < bicubic - MARGIN:
        return "bad", f"It is worse than bicubic interpolation: {figures}."
    if ours <= bicubic + MARGIN:
        return "doubtful", f"It is no better than bicubic interpolation: {figures}."
    return "good", f"It is {ours - bicubic:.2f} dB better than bicubic interpolation: {figures}."


def _beside_start(entry: Mapping[str, Any], *, few: bool, critic: bool) -> tuple[Level, str]:
    ours, before = _decibels(entry, "model"), _decibels(entry, "start")
    if ours is None or before is None:
        return "good", ""
    name, figures = entry["start"].get("name", "the model"), f"{ours:.2f} dB instead of {before:.2f} dB"
    lost = before - ours
    if lost < -MARGIN:
        return "good", f"It is {-lost:.2f} dB better than {name}, which it started from."
    if lost <= MARGIN:
        level: Level = "good" if critic else "doubtful"
        return level, f"It is no better than {name}, which it started from: {figures}."
    if not critic or few:
        return "bad", f"It is worse than {name}, which it started from: {figures}."
    if lost <= COST_OF_A_CRITIC:
        return "good", f"It has lost {lost:.2f} dB to {name}, which it started from: normal, since a critic trades " \
            "fidelity for sharper pictures."  # fmt: skip
    return "doubtful", (
        f"It has lost {lost:.2f} dB to {name}, which it started from: more than sharper pictures usually cost."
    )


def too_few_steps(config: TrainConfig, steps: int) -> str:
    """Return why ``steps`` were too few for the recipe; empty if they were not."""
    if config.adversarial is not None:
        against = max(0, steps - config.adversarial.pixel_steps)
        if against >= STEPS_WITH_CRITIC:
            return ""
        what = f"{steps} steps are" if against == steps else f"{against} steps with the critic, of {steps}, are"
        return (
            f"{what} too few for an adversarial recipe: generator and critic need thousands to learn from each other."
        )
    needed = STEPS_FROM_MODEL if config.start_from else STEPS_FROM_NEW
    if steps >= needed:
        return ""
    least = f"at least {needed}, better several thousand"
    return f"{steps} steps are too few: it takes {least}."


def _why(config: TrainConfig, history: Sequence[TrainProgress], outcome: Outcome, few: str) -> list[tuple[str, str]]:
    """Return reasons, each with what to do about it, the likeliest first."""
    now = trend(history) if config.adversarial is None else trend([])  # with a critic, its loss is no measure
    slower = f"Start with a lower learning rate, e.g. {config.learning_rate / 3:.1g} instead of "
    slower += f"{config.learning_rate:.1g}."
    longer = "Train longer: 5000 steps are a good length."
    more = "Give it more images: ten are a start, a hundred are good."
    found = []
    if outcome.pairs.unlike:
        found.append((outcome.pairs.said_of_unlike(), "Check which LR image belongs to which HR image."))
    if outcome.contrast < CONSTANT:
        found.append(("The network has collapsed.", slower))
    if outcome.rate_factor < 1:
        found.append(("On its way the loss stopped being a number: the learning rate is too high.", slower))
    if now.kind in ("rising", "noisy"):
        how = f"has risen since step {now.since}" if now.kind == "rising" else "jumps up and down"
        found.append((f"The validation loss {how}: the learning rate is too high.", slower))
    if few:
        found.append((few, longer))
    if outcome.steps < config.steps:
        down = ", before its learning rate had come down" if config.schedule in TO_THE_END else ""
        wait = "Let it go on to its end." if not config.patience else "Let it wait longer for better (patience)."
        found.append((f"It ended after {outcome.steps} of {config.steps} steps{down}.", wait))
    if now.kind == "overfitting":
        found.append((f"It has learnt its images by heart since step {now.since}.", more))
    if now.kind == "falling" and not few:
        found.append(("It was still learning when it ended.", longer))
    if outcome.images < IMAGES and outcome.images != config.images:  # so few were wanted
        found.append((f"It had only {outcome.images} image{'s' * (outcome.images > 1)} to learn from.", more))
    if not found:
        check = "Check that low-resolution images are made as your instrument makes them"
        go_on = "." if config.start_from else ", or start from a model that comes with napari-sr."
        found.append(("The curves do not show why.", check + go_on))
    return found
