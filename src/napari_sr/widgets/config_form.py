"""A form for those settings of a training that most people never change, made from the configuration itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from magicgui.widgets import Container, create_widget
from qtpy.QtWidgets import QComboBox

from napari_sr.losses import LOSSES
from napari_sr.training.config import PRECISIONS, Adversarial, TrainConfig
from napari_sr.training.optimizers import OPTIMIZERS, SCHEDULES

#: set elsewhere in the window, or not for forms
ELSEWHERE = {"name", "network", "scale", "start_from", "recipe", "degradation", "critic"}
REGISTRIES: Mapping[str, Any] = {"loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
LABELS = {
    "lr_patch": "patch side [LR px]", "batch_size": "patches a step", "ema": "running mean of weights",
    "patience": "end early after", "augment": "turn and mirror patches", "rounded": "share rounded to 8 bit",
    "pixel_weight": "weight of the truth (γ)", "gradient_penalty": "gradient penalty (λ)",
    "pixel_steps": "steps without critic",
    "n_critic": "critic's steps to one", "weight": "weight of the critic",
}  # fmt: skip
RATE = {"min": 1e-7, "max": 1.0, "step": 1e-5}
BOUNDS: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": RATE, "critic_learning_rate": RATE, "ema": {"min": 0.0, "max": 0.9999, "step": 1e-4},
    "rounded": {"min": 0.0, "max": 1.0, "step": 0.1}, "patience": {"min": 0, "max": 1000},
    "seed": {"min": 0, "max": 2**31 - 1}, "pixel_steps": {"min": 0, "max": 10_000_000},
}  # fmt: skip
RIVAL = "adversarial."


class ConfigForm(Container):  # type: ignore[type-arg]
    """The plain fields of a configuration, and of its critic's side if it has one."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        super().__init__(
            widgets=[*_widgets(config, ""), *(_widgets(config.adversarial, RIVAL) if config.adversarial else ())]
        )

    def changes(self) -> dict[str, Any]:
        """Return what differs from the recipe, as :func:`napari_sr.training.recipe_config` takes it."""
        found: dict[str, Any] = {}
        for widget in self:
            name = widget.name
            rival = name.startswith(RIVAL)
            field = name.removeprefix(RIVAL)
            before = getattr(self.config.adversarial if rival else self.config, field)
            if widget.value != before:
                (found.setdefault("adversarial", {}) if rival else found)[field] = widget.value
        return found


def _widgets(owner: TrainConfig | Adversarial, prefix: str) -> list[Any]:
    hints = get_type_hints(type(owner))
    widgets = []
    for field in fields(owner):
        name, kind = field.name, hints[field.name]
        if name in ELSEWHERE or kind not in (int, float, bool, str):
            continue
        options: dict[str, Any] = dict(BOUNDS.get(name, {}))
        if name == "loss":
            from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES

            options["choices"] = list(ADVERSARIAL_LOSSES if prefix else LOSSES)
        elif name == "precision":
            options["choices"] = list(PRECISIONS)
        elif name in REGISTRIES:
            options["choices"] = [(REGISTRIES[name].entry(key).title, key) for key in REGISTRIES[name]]
        elif kind is int:
            options = {"min": 1, "max": 10_000_000, **options}
        elif kind is float:
            options = {"min": 0.0, "max": 1e6, "step": 0.001, **options}
        widgets.append(
            create_widget(
                value=getattr(owner, name), annotation=kind, name=prefix + name,
                label=LABELS.get(name, name.replace("_", " ")), options=options,
            )
        )  # fmt: skip
        if isinstance(box := widgets[-1].native, QComboBox):  # a long title must not widen the whole window
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(12)
    return widgets
