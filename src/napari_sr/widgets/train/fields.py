"""The settings of a training as fields with titles, limits and explanations. Nothing here knows Qt.

A field is known by its path in a configuration, joined by points: ``steps``, ``betas.0``,
``hyper_parameters.num_features``, ``adversarial.critic_learning_rate``. What a network, a critic or a loss can be set
to is read from its constructor, so that one that is added has its fields without a second place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_sr.intensity import Intensity
from napari_sr.losses import LOSSES
from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES
from napari_sr.networks import CRITICS, NETWORKS
from napari_sr.registry import Registry
from napari_sr.training.config import MONITORS, PRECISIONS, TrainConfig
from napari_sr.training.lightning.optimizers import OPTIMIZERS, SCHEDULES
from napari_sr.widgets.train.field_words import INTENSITIES, LAYERS, MONITOR_TITLES, WORDS

#: what is set elsewhere: by the run, or by who builds the network or the loss
GIVEN = {"scale", "in_channels", "out_channels", "lower", "upper", "patch", "lr_channels"}
#: none of the further losses
NONE = "none"
#: a change of one of these brings other fields
STRUCTURE = ("network", "loss", "further", "intensity.kind", "adversarial.critic")
RATE = {"min": 1e-7, "max": 1.0, "step": 1e-5}
BOUNDS: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": RATE, "critic_learning_rate": RATE, "ema": {"min": 0.0, "max": 0.9999, "step": 1e-4},
    "rounded": {"min": 0.0, "max": 1.0, "step": 0.1}, "patience": {"min": 0, "max": 1000},
    "validation_share": {"min": 0.02, "max": 0.5, "step": 0.05},
    "seed": {"min": 0, "max": 2**31 - 1}, "pixel_steps": {"min": 0, "max": 10_000_000},
    "betas.0": {"min": 0.0, "max": 0.9999, "step": 0.01}, "betas.1": {"min": 0.0, "max": 0.9999, "step": 0.001},
    "low": {"min": -1e9, "max": 1e9, "step": 0.5}, "high": {"min": -1e9, "max": 1e9, "step": 0.5},
    "lower": {"min": -1.0, "max": 1.0, "step": 0.1}, "upper": {"min": -1.0, "max": 1.0, "step": 0.1},
    "epochs": {"min": 0.01, "max": 1e6, "step": 1.0}, "patches": {"min": 1, "max": 1_000_000},
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One setting.

    Attributes
    ----------
    path
        Its place in a configuration, joined by points.
    value
        What the recipe has; its type is the field's.
    title, tip
        For people.
    group
        Title of the group it stands in.
    choices
        Names and titles to choose from; empty if it is counted or written.
    bounds
        ``min``, ``max`` and ``step`` of a number.
    """

    path: str
    value: Any
    title: str
    tip: str
    group: str
    choices: tuple[tuple[str, str], ...] = ()
    bounds: Mapping[str, Any] = field(default_factory=dict)


def fields_of(config: TrainConfig, *, fixed: bool = False) -> list[Field]:
    """Return the fields of a configuration, those of its network, losses and critic included.

    Parameters
    ----------
    config
        With the values of the recipe.
    fixed
        The network and its intensities are those of a model to go on from, and cannot be changed.
    """
    make = _Maker(config)
    found = [
        *make.plain("Length", "steps"),
        make.field("Length", "epochs", 1.0),
        make.field("Length", "patches", 100),
        *make.plain("Patches", "lr_patch", "batch_size", "rotate", "flip", "rounded", "seed"),
        *make.plain("Optimiser", "optimizer", "learning_rate", "schedule"),
        *(make.field("Optimiser", f"betas.{i}", float(config.betas[i])) for i in range(2)),
        *make.plain("Optimiser", "ema", "precision"),
        *make.plain("Images kept aside", "validation_share", "validate_every", "monitor", "patience"),
    ]
    if not fixed:
        found += make.network() + make.intensity()
    found += make.losses()
    return found + (make.critic() if config.adversarial is not None else [])


def changes(fields: list[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from the recipe, as :func:`napari_sr.training.recipe_config` takes it.

    Parameters
    ----------
    fields
        Of the recipe, as :func:`fields_of` has them.
    values
        By path.
    """
    touched = {f.path: values[f.path] for f in fields if f.path in values and values[f.path] != f.value}
    found: dict[str, Any] = {}
    for path, value in touched.items():
        if path in ("epochs", "patches", "further", "further_weight") or path.startswith("further_options."):
            continue
        if path.startswith("betas."):
            found["betas"] = tuple(values[f"betas.{i}"] for i in range(2))
        elif path.startswith("intensity."):
            names = [f.path for f in fields if f.path.startswith("intensity.")]
            found["intensity"] = {name.removeprefix("intensity."): values[name] for name in names}
        else:
            *parents, name = path.split(".")
            where = found
            for parent in parents:
                where = where.setdefault(parent, {})
            where[name] = value
    if any(path.startswith("further") for path in touched):
        found |= _further(fields, values)
    return found


def _further(fields: list[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the further loss with its weight and options, or that there is none."""
    name = values["further"]
    if name == NONE:
        return {"extra_losses": {}, "extra_options": {}}
    prefix = "further_options."
    options = {f.path.removeprefix(prefix): values[f.path] for f in fields if f.path.startswith(prefix)}
    return {"extra_losses": {name: values["further_weight"]}, "extra_options": {name: options} if options else {}}


class _Maker:
    """Makes the fields of one configuration."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def field(self, group: str, path: str, value: Any, choices: tuple[tuple[str, str], ...] = ()) -> Field:
        name = path.rsplit(".", 1)[-1] if not path.startswith("betas.") else path
        title, tip = WORDS.get(path) or WORDS.get(name) or (name.replace("_", " "), f"{name} of the {group.lower()}.")
        bounds: Mapping[str, Any] = BOUNDS.get(path) or BOUNDS.get(name) or {}
        if not bounds and type(value) is int:
            bounds = {"min": 1, "max": 10_000_000}
        elif not bounds and type(value) is float:
            bounds = {"min": 0.0, "max": 1e6, "step": 0.001}
        return Field(path, value, title, tip, group, choices, bounds)

    def plain(self, group: str, *names: str) -> list[Field]:
        lists: dict[str, tuple[tuple[str, str], ...]] = {
            "optimizer": _titles(OPTIMIZERS), "schedule": _titles(SCHEDULES),
            "precision": tuple((name, name) for name in PRECISIONS),
            "monitor": tuple((name, MONITOR_TITLES[name]) for name in MONITORS),
        }  # fmt: skip
        return [self.field(group, name, getattr(self.config, name), lists.get(name, ())) for name in names]

    def network(self) -> list[Field]:
        config, group = self.config, "Network"
        found = []
        if config.recipe == "regression":  # the others are about one network
            # a filter is fitted, not trained, and models of other programs stay as they are
            kinds = {n: NETWORKS[n] for n in NETWORKS}
            taught = [n for n, kind in kinds.items() if kind.trainable and not kind.linear and not kind.foreign]
            every = {n: NETWORKS.entry(n).title for n in taught}
            found.append(self.field(group, "network", config.network, tuple(every.items())))
        return found + self.options(group, "hyper_parameters", NETWORKS[config.network], config.hyper_parameters)

    def intensity(self) -> list[Field]:
        intensity = Intensity.from_dict(self.config.intensity)
        group = "Intensities"
        found = [self.field(group, "intensity.kind", intensity.kind, tuple(INTENSITIES.items()))]
        shown = {"percentile": ("low", "high"), "fixed": ("low", "high"), "log": ("low", "high", "offset")}
        names = (*shown.get(intensity.kind, ()), *(("lower", "upper") if intensity.kind != "identity" else ()))
        return found + [self.field(group, f"intensity.{n}", float(getattr(intensity, n))) for n in names]

    def losses(self) -> list[Field]:
        config, group = self.config, "Losses"
        found = [self.field(group, "loss", config.loss, _titles(LOSSES))]
        found += self.options(group, "loss_options", LOSSES[config.loss], config.loss_options)
        further = next(iter(config.extra_losses), NONE)
        found.append(self.field(group, "further", further, ((NONE, "none"), *_titles(LOSSES))))
        if further == NONE:
            return found
        found.append(self.field(group, "further_weight", float(config.extra_losses[further])))
        given = config.extra_options.get(further, {})
        return found + self.options(group, "further_options", LOSSES[further], given)

    def critic(self) -> list[Field]:
        adversarial, group = self.config.adversarial, "Critic"
        assert adversarial is not None
        path, made = "adversarial.", CRITICS[adversarial.critic]
        given = adversarial.critic_hyper_parameters
        found = [
            self.field(group, path + "loss", adversarial.loss, _titles(ADVERSARIAL_LOSSES)),
            self.field(group, path + "critic", adversarial.critic, _titles(CRITICS)),
            *self.options(group, path + "critic_hyper_parameters", made, given),
        ]
        names = (
            "critic_learning_rate", "n_critic", "n_generator", "gradient_penalty", "clip", "weight", "pixel_weight",
            "pixel_steps",
        )  # fmt: skip
        return found + [self.field(group, path + n, getattr(adversarial, n)) for n in names]

    def options(self, group: str, path: str, made: Callable[..., Any], given: Mapping[str, Any]) -> list[Field]:
        """Return a field for every number, choice and word that a constructor takes."""
        hints = get_type_hints(made.__init__)
        found = []
        for name, parameter in inspect.signature(made).parameters.items():
            hint = hints.get(name)
            literal = get_origin(hint) is Literal
            if name in GIVEN or not (literal or hint in (int, float, bool, str)):
                continue
            names = get_args(hint) if literal else LAYERS if name == "layer" else ()
            value = given.get(name, parameter.default)
            if value is inspect.Parameter.empty:
                continue
            value = float(value) if hint is float else value
            found.append(self.field(group, f"{path}.{name}", value, tuple((n, n.replace("_", " ")) for n in names)))
        return found


def _titles(registry: Registry[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, registry.entry(name).title) for name in registry)
