"""Recipes: complete settings with the defaults of the papers, to be changed one by one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from napari_sr.degradations import DENSITIES
from napari_sr.networks import NETWORKS
from napari_sr.registry import Registry
from napari_sr.training.config import Source, TrainConfig

RECIPES: Registry[Mapping[str, Any]] = Registry(kind="recipe")

#: of a training for which nobody has chosen one
DEFAULT_RECIPE = "adaptive"
#: for networks that no recipe is made for
ANY_NETWORK = "regression"

#: room above and below, since tanh cannot reach its limits
TANH = {"kind": "percentile", "low": 0.5, "high": 99.5, "lower": -0.8, "upper": 0.8}

RECIPES.register("dfcan", title="DFCAN: faithful, sees frequencies", reference="Qiao et al. 2021")(
    {
        "network": "dfcan", "hyper_parameters": {"head": "linear", "skip": "filter"}, "loss": "mse+ssim",
        "learning_rate": 3e-4, "lr_patch": 64, "batch_size": 2,
    }
)  # fmt: skip
RECIPES.register("wgan-gp", title="WGAN-GP: sharp, may invent", reference="thesis of 2021; arXiv:1704.00028")(
    {
        "network": "wgan", "loss": "l1", "intensity": TANH, "learning_rate": 5e-4, "betas": (0.5, 0.9),
        "lr_patch": 32, "batch_size": 8, "steps": 108_000, "adversarial": {},
    }
)  # fmt: skip
RECIPES.register("adaptive", title="Any microscope: fast, faithful")(
    {
        "network": "adaptive", "loss": "l1", "degradation": "microscope", "learning_rate": 1e-3, "betas": (0.9, 0.99),
        "ema": 0.999, "lr_patch": 48, "batch_size": 8, "steps": 10_000,
    }
)  # fmt: skip
RECIPES.register("wgan-pixel", title="WGAN generator, pixel loss: faithful")(
    {"network": "wgan", "loss": "l1", "intensity": TANH, "learning_rate": 5e-4, "lr_patch": 32, "batch_size": 8}
)
RECIPES.register("rcan", title="RCAN: faithful, deep and narrow", reference="Zhang et al. 2018, arXiv:1807.02758")(
    {
        # Adam, as the paper has it: with the RMSprop at 1e-3 of the thesis of 2021, an EM run blew up on its way
        "network": "rcan", "loss": "l1", "learning_rate": 3e-4,
        "lr_patch": 32, "batch_size": 8, "steps": 21_600,
    }
)  # fmt: skip
RECIPES.register("regression", title="any network, pixel loss only")(
    {"network": "srresnet", "hyper_parameters": {"head": "linear"}, "loss": "charbonnier", "learning_rate": 2e-4}
)
RECIPES.register("srgan", title="SRGAN: sharp, may invent", reference="arXiv:1609.04802")(
    {
        "network": "srresnet", "loss": "mse", "intensity": TANH, "learning_rate": 1e-4, "schedule": "multi-step",
        "lr_patch": 24, "batch_size": 16, "steps": 200_000,
        "extra_losses": {"perceptual": 1.0}, "extra_options": {"perceptual": {"layer": "conv5_4"}},
        "adversarial": {
            "loss": "standard", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4, "n_critic": 1,
            "gradient_penalty": 0.0, "weight": 1e-3, "pixel_weight": 0.0, "pixel_steps": 20_000,
        },
    }
)  # fmt: skip
RECIPES.register("esrgan", title="ESRGAN: sharp, may invent", reference="arXiv:1809.00219")(
    {
        "network": "rrdb", "loss": "l1", "learning_rate": 1e-4, "optimizer": "amsgrad", "betas": (0.9, 0.99),
        "schedule": "halving", "lr_patch": 64, "batch_size": 4, "steps": 100_000,
        "extra_losses": {"perceptual": 1e-2}, "extra_options": {"perceptual": {"layer": "conv3_4"}},
        "adversarial": {
            "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4, "n_critic": 1,
            "gradient_penalty": 0.0, "weight": 1.0, "pixel_weight": 1e-2, "pixel_steps": 50_000,
        },
    }
)  # fmt: skip


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
    "thorough": ("Thorough (as published)", None),
}


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
        ``hyper_parameters`` one by one. The degradation of densities brings their logarithm with it.
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
        # a shorter run keeps the shares of its phases
        shorter = (
            adversarial.get("pixel_steps", 0) * changes["steps"] // RECIPES[recipe].get("steps", TrainConfig.steps)
        )
        settings["adversarial"] = {**adversarial, "pixel_steps": shorter}
    if settings.get("degradation") in DENSITIES and "intensity" not in changes:
        limits = {k: v for k, v in settings.get("intensity", {}).items() if k in ("lower", "upper")}
        settings["intensity"] = {**DENSITY, **limits}
    settings["train"] = [asdict(source) for source in train]
    return TrainConfig.from_dict({"name": name, "recipe": recipe, **settings})
