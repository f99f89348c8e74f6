"""A form for those settings of a training that most people never change, made from the configuration itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, get_type_hints

import yaml
from magicgui.widgets import Container, create_widget
from qtpy.QtWidgets import QComboBox

from napari_sr.errors import ConfigError
from napari_sr.losses import LOSSES
from napari_sr.networks import NETWORKS
from napari_sr.training.config import PRECISIONS, Adversarial, TrainConfig
from napari_sr.training.lightning.optimizers import OPTIMIZERS, SCHEDULES

#: set elsewhere in the window, or not by hand
ELSEWHERE = {
    "name",
    "scale",
    "start_from",
    "recipe",
    "degradation",
    "critic",
    "train",
    "validation",
    "adversarial",
    "card",
}
REGISTRIES: Mapping[str, Any] = {"loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
#: of several values: written as in a configuration file
EXAMPLES = {
    "hyper_parameters": "{num_features: 32}", "critic_hyper_parameters": "{num_features: 32}",
    "loss_options": "{weights: vgg19.pth}", "extra_losses": "{gradient: 0.1}",
    "extra_options": "{perceptual: {layer: conv3_4}}", "intensity": "{kind: range}", "betas": "[0.9, 0.999]",
}  # fmt: skip
LABELS = {
    "hyper_parameters": "of the network", "critic_hyper_parameters": "of the critic", "loss_options": "of the loss",
    "extra_losses": "further losses", "extra_options": "of these", "intensity": "intensities",
    "betas": "moments of the optimiser",
    "lr_patch": "patch side [LR px]", "batch_size": "patches a step", "ema": "running mean of weights",
    "patience": "end early after", "augment": "turn and mirror patches", "rounded": "share rounded to 8 bit",
    "pixel_weight": "weight of the truth (γ)", "gradient_penalty": "gradient penalty (λ)",
    "pixel_steps": "steps without critic",
    "n_critic": "critic's steps to one", "weight": "weight of the critic",
}  # fmt: skip
#: what a field does
TIPS = {
    "network": "The network that is trained.", "loss": "What the training makes small.",
    "optimizer": "How steps are made of gradients.", "schedule": "How the learning rate changes over the run.",
    "learning_rate": "Length of a step. Too long: the loss jumps or blows up; too short: it hardly falls.",
    "critic_learning_rate": "Length of a step of the critic.",
    "steps": "How many times the weights are changed.",
    "lr_patch": "Side of the squares that are learnt from, in low-resolution pixels.",
    "batch_size": "How many squares each step learns from.",
    "ema": "The model is a running mean of the weights with this memory; 0: the weights themselves.",
    "precision": "What is computed in; automatic takes the fastest that is safe.",
    "validate_every": "Steps from one measurement on the images kept aside to the next.",
    "patience": "Ends after so many measurements without a better one; 0: never.",
    "seed": "The same number draws the same squares in the same order.",
    "augment": "Also learns from turned and mirrored squares.",
    "rounded": "Share of the low-resolution squares that are rounded to 8 bit.",
    "weight": "How much the critic counts beside the other losses.",
    "pixel_weight": "How much the truth counts beside the critic.",
    "gradient_penalty": "How strongly the critic is kept smooth (λ of the paper).",
    "pixel_steps": "Steps before the critic joins in.", "n_critic": "Steps of the critic to one of the generator.",
}  # fmt: skip
RATE = {"min": 1e-7, "max": 1.0, "step": 1e-5}
BOUNDS: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": RATE, "critic_learning_rate": RATE, "ema": {"min": 0.0, "max": 0.9999, "step": 1e-4},
    "rounded": {"min": 0.0, "max": 1.0, "step": 0.1}, "patience": {"min": 0, "max": 1000},
    "seed": {"min": 0, "max": 2**31 - 1}, "pixel_steps": {"min": 0, "max": 10_000_000},
}  # fmt: skip
RIVAL = "adversarial."


class ConfigForm(Container):  # type: ignore[type-arg]
    """The fields of a configuration, and of its critic's side if it has one, that are not chosen elsewhere."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        super().__init__(
            widgets=[*_widgets(config, ""), *(_widgets(config.adversarial, RIVAL) if config.adversarial else ())]
        )
        self._before = {widget.name: widget.value for widget in self}

    def changes(self) -> dict[str, Any]:
        """Return what differs from the recipe, as :func:`napari_sr.training.recipe_config` takes it.

        Raises :class:`ConfigError` if a field of several values cannot be read.
        """
        found: dict[str, Any] = {}
        for name, value in self.touched().items():
            rival, field = name.startswith(RIVAL), name.removeprefix(RIVAL)
            read = _read(field, value) if field in EXAMPLES else value
            (found.setdefault("adversarial", {}) if rival else found)[field] = read
        return found

    def touched(self) -> dict[str, Any]:
        """Return the fields, by the names of their widgets, that show something else than the recipe."""
        return {widget.name: widget.value for widget in self if widget.value != self._before[widget.name]}

    def keep(self, touched: Mapping[str, Any]) -> None:
        """Show what was changed in another form, as far as this one has the fields."""
        for widget in self:
            if widget.name in touched:
                # a choice that this recipe does not have stays the recipe's
                with suppress(ValueError):
                    widget.value = touched[widget.name]


def _written(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else dict(value)
    return str(yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)).strip()


def _read(field: str, text: str) -> Any:
    wrong = ConfigError(f"{LABELS.get(field, field)} ({field}): write it as {EXAMPLES[field]}.")
    try:
        value = yaml.safe_load(text or "{}")
    except yaml.YAMLError:
        raise wrong from None
    if field == "betas":
        if not (isinstance(value, list) and len(value) == 2):
            raise wrong
        return tuple(value)
    if not isinstance(value, dict):
        raise wrong
    return value


def _choices(name: str, prefix: str) -> list[Any] | None:
    """Return what can be chosen for a field; None if it is written or counted."""
    if name == "loss" and prefix:
        from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES

        return list(ADVERSARIAL_LOSSES)
    if name == "loss":
        return list(LOSSES)
    if name == "precision":
        return list(PRECISIONS)
    if name == "network":  # a filter has no head, which the recipe sets
        return [(NETWORKS.entry(n).title, n) for n in NETWORKS if NETWORKS[n].trainable and not NETWORKS[n].linear]
    if name in REGISTRIES:
        return [(REGISTRIES[name].entry(key).title, key) for key in REGISTRIES[name]]
    return None


def _widgets(owner: TrainConfig | Adversarial, prefix: str) -> list[Any]:
    hints = get_type_hints(type(owner))
    widgets = []
    for field in fields(owner):
        name, kind, value = field.name, hints[field.name], getattr(owner, field.name)
        fixed = name == "network" and isinstance(owner, TrainConfig) and owner.recipe != "regression"
        if name in ELSEWHERE or fixed:
            continue
        options: dict[str, Any] = dict(BOUNDS.get(name, {}))
        choices = _choices(name, prefix)
        if name in EXAMPLES:
            kind, value = str, _written(value)
            options = {"tooltip": f"For example {EXAMPLES[name]}"}
        elif choices is not None:
            options["choices"] = choices
        elif kind is int:
            options = {"min": 1, "max": 10_000_000, **options}
        elif kind is float:
            options = {"min": 0.0, "max": 1e6, "step": 0.001, **options}
        options.setdefault("tooltip", TIPS.get(name, LABELS.get(name, name.replace("_", " "))))
        widgets.append(
            create_widget(
                value=value, annotation=kind, name=prefix + name,
                label=LABELS.get(name, name.replace("_", " ")), options=options,
            )
        )  # fmt: skip
        if isinstance(box := widgets[-1].native, QComboBox):  # a long title must not widen the whole window
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(12)
    return widgets
