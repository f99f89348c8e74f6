"""Recipes: complete settings with the defaults of the papers, to be changed one by one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from napari_sr.degradations import DENSITIES
from napari_sr.networks import NETWORKS
from napari_sr.registry import Registry
from napari_sr.training.config import TrainConfig
from napari_sr.training.parts import Source

RECIPES: Registry[Mapping[str, Any]] = Registry(kind="recipe", package="napari_sr.training.recipe_book")

#: of a training for which nobody has chosen one
DEFAULT_RECIPE = "adaptive"
#: for networks that no recipe is made for
ANY_NETWORK = "regression"

#: room above and below, since tanh cannot reach its limits
TANH = {"kind": "percentile", "low": 0.5, "high": 99.5, "lower": -0.8, "upper": 0.8}

#: recipes whose length a source gives, and which: see :func:`published`
PUBLISHED: dict[str, str] = {}

#: of N-body densities: log10(density + 0.02) from -1.7 (empty) to 2.6 (400 times the mean)
DENSITY = {"kind": "log", "low": -1.699, "high": 2.602, "offset": 0.02}


#: minutes that a run of the length "fitting" may take
MINUTES = 15
#: share of a run that validations, checkpoints and the reading of images add, roughly
OVERHEAD = 1.15
#: lengths of a run: title, steps (None for what fits, or the recipe's own)
LENGTHS: Mapping[str, tuple[str, int | None]] = {
    "fitting": (f"About {MINUTES} minutes here", None),
    "quick": ("Quick look (500 steps)", 500),
    "good": ("Good (5000 steps)", 5000),
    "thorough": ("As published", None),
}


def published(recipe: str) -> str:
    """Return the source that a recipe has its length from; empty if none gives it."""
    RECIPES.entry(recipe)  # they are found at the first look
    return PUBLISHED.get(recipe, "")


def grouped_recipes() -> list[tuple[str, list[str]]]:
    """Return headings and the recipes under them: faithful ones, the default first, sharp ones, and published ones."""

    def group(name: str) -> str:
        return "As published" if published(name) else "Sharp, may invent" if sharp(name) else "Faithful"

    def sharp(name: str) -> bool:
        return RECIPES[name].get("adversarial") is not None

    names = sorted(RECIPES, key=lambda name: (name != DEFAULT_RECIPE, name))
    return [
        (title, [n for n in names if group(n) == title]) for title in ("Faithful", "Sharp, may invent", "As published")
    ]


def length_title(recipe: str, length: str) -> str:
    """Return what a length is called for a recipe: *as published* stands beside numbers of a source only."""
    title, steps = LENGTHS[length]
    if length != "thorough":
        return title
    steps = int(RECIPES[recipe].get("steps", TrainConfig.steps))
    return f"{title if published(recipe) else 'Thorough'} ({steps:,} steps)".replace(",", "\u202f")


def length_changes(recipe: str, length: str, *, per_step: float | None = None) -> dict[str, int]:
    """Return the steps of a run of ``length``, a name in :data:`LENGTHS`, with about twenty validations.

    Parameters
    ----------
    recipe
        A name in :data:`RECIPES`.
    length
        ``fitting`` is as long as published, or as many steps, to two digits, as fit into a quarter of an hour.
    per_step
        Seconds that a step takes on this computer; while that is not known, ``fitting`` is ``good``.
    """
    published = int(RECIPES[recipe].get("steps", TrainConfig.steps))
    steps = LENGTHS[length][1] or published
    if length == "fitting":
        steps = LENGTHS["good"][1] or published
        if per_step is not None:
            fit = 60 * MINUTES / (OVERHEAD * per_step)
            digits = 10 ** max(0, len(str(int(fit))) - 2)
            steps = int(fit) // digits * digits
        steps = max(50, min(published, steps))
    return {"steps": steps, "validate_every": max(25, steps // 20)}


def recipe_for(network: str) -> str:
    """Return the recipe to train ``network`` further with: the first faithful one that is made for it."""
    fitting = (n for n in RECIPES if n != ANY_NETWORK and RECIPES[n]["network"] == network)
    return next((n for n in fitting if "adversarial" not in RECIPES[n]), ANY_NETWORK)


def of_length(adversarial: Mapping[str, Any], steps: int, *, of: int) -> dict[str, Any]:
    """Return the critic's side of a run of ``steps`` in place of ``of`` steps: its phases keep their shares."""
    return {**adversarial, "pixel_steps": adversarial.get("pixel_steps", 0) * steps // of}


def recipe_config(recipe: str, *, name: str, train: tuple[Source, ...], **changes: Any) -> TrainConfig:
    """Return the complete configuration of a recipe.

    Parameters
    ----------
    recipe
        A name in :data:`RECIPES`; an unknown one raises :class:`ConfigError` with the known names.
    name, train
        Of the model; images to train on.
    **changes
        Fields of :class:`TrainConfig` that replace the recipe's; those of ``adversarial`` and
        ``hyper_parameters`` one by one. Densities are learnt from by their logarithm: those of the kind ``N-body`` on
        the card, and those of a degradation of densities.
    """
    defaults = dict(RECIPES[recipe])
    if "network" in changes:  # another one may not take what the recipe sets
        taken = inspect.signature(NETWORKS[changes["network"]]).parameters
        own = defaults.get("hyper_parameters", {})
        defaults["hyper_parameters"] = {name: value for name, value in own.items() if name in taken}
    settings = {**defaults, **changes}
    for nested in ("adversarial", "hyper_parameters"):
        if nested in changes and changes[nested] is not None and defaults.get(nested) is not None:
            settings[nested] = {**defaults[nested], **changes[nested]}
    adversarial = settings.get("adversarial")
    if "steps" in changes and adversarial and "pixel_steps" not in changes.get("adversarial", {}):
        of = RECIPES[recipe].get("steps", TrainConfig.steps)
        settings["adversarial"] = of_length(adversarial, changes["steps"], of=of)
    density = settings.get("degradation") in DENSITIES or settings.get("card", {}).get("kind") == "N-body"
    if density and "intensity" not in changes:
        limits = {k: v for k, v in settings.get("intensity", {}).items() if k in ("lower", "upper")}
        settings["intensity"] = {**DENSITY, **limits}
    settings["train"] = [asdict(source) for source in train]
    if "validation" in settings:
        settings["validation"] = [asdict(s) if isinstance(s, Source) else s for s in settings["validation"]]
    return TrainConfig.from_dict({"name": name, "recipe": recipe, **settings})
