"""Any field of a configuration by its path: ``steps``, ``adversarial.pixel_weight``, ``train.0.weight``."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import yaml

from napari_sr.errors import ConfigError
from napari_sr.training.config import TrainConfig
from napari_sr.training.parts import Adversarial
from napari_sr.training.recipes import of_length

#: mappings whose names are not known beforehand
OPEN = (
    "hyper_parameters",
    "loss_options",
    "extra_losses",
    "extra_options",
    "intensity",
    "card",
    "critic_hyper_parameters",
)


@dataclass(frozen=True)
class Axis:
    """One setting of a grid, and the values that it takes."""

    path: str
    values: tuple[Any, ...]


def parse_setting(text: str) -> tuple[str, Any]:
    """Return path and value of ``path=value``; the value is read as YAML.

    Raises
    ------
    ConfigError
        If it is not of that form.
    """
    path, sign, value = text.partition("=")
    if not (sign and path.strip()):
        raise ConfigError(
            f"{text!r} sets nothing; write it as field=value, for example learning_rate=1e-4 (in a grid: field=a,b,c)."
        )
    try:
        return path.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"{path.strip()}: {value!r} cannot be read as a value.") from None


def parse_axis(text: str) -> Axis:
    """Return the axis of ``path=value,value,…``; raises :class:`ConfigError` if it is not of that form."""
    path, _ = parse_setting(text)
    parts = [part.strip() for part in text.partition("=")[2].split(",")]
    if not all(parts):
        raise ConfigError(f"{text!r}: write the values of {path} with commas between them, and none left out.")
    values = tuple(parse_setting(f"{path}={part}")[1] for part in parts)
    if len(set(map(str, values))) < len(values):
        raise ConfigError(f"{path}: a value stands there twice.")
    return Axis(path, values)


def changed(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """Return a configuration with other values.

    Parameters
    ----------
    config
        To start from.
    settings
        Values by path; numbers between points count in a list.

    Raises
    ------
    ConfigError
        If there is no such field, or it cannot have the value.
    """
    values = config.to_dict()
    for path, value in settings.items():
        _put(values, path, value)
    steps = settings.get("steps")
    if isinstance(steps, int) and config.adversarial is not None and "adversarial.pixel_steps" not in settings:
        values["adversarial"] = of_length(values["adversarial"], steps, of=config.steps)
    return TrainConfig.from_dict(values)


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set one value in plain values."""
    *parents, last = path.split(".")
    here: Any = values
    open_names = False
    for parent in parents:
        here = _step(here, parent, path)
        open_names = parent in OPEN or open_names
        if here is None:
            raise ConfigError(f"{path}: this training has no {parent}.")
    if isinstance(here, list):
        _step(here, last, path)
        here[int(last)] = value
    elif isinstance(here, dict) and (last in here or open_names):
        here[last] = value
    else:
        raise _unknown(path, here)


def _step(here: Any, name: str, path: str) -> Any:
    if isinstance(here, list) and name.isdigit() and int(name) < len(here):
        return here[int(name)]
    if isinstance(here, dict) and name in here:
        return here[name]
    raise _unknown(path, here)


def _unknown(path: str, here: Any) -> ConfigError:
    known = ", ".join(here) if isinstance(here, dict) else f"0 to {len(here) - 1}" if isinstance(here, list) else ""
    known = known or ", ".join([*(f.name for f in fields(TrainConfig)), *(f.name for f in fields(Adversarial))])
    return ConfigError(f"{path}: there is no such field. There are: {known}.")


def grid(config: TrainConfig, axes: Sequence[Axis]) -> list[tuple[dict[str, Any], TrainConfig]]:
    """Return every combination of the axes' values, and the configuration that each stands for.

    The models are called after the run, ``name-1``, ``name-2``, ….

    Raises
    ------
    ConfigError
        If a combination is not possible; nothing has been trained then.
    """
    if len({axis.path for axis in axes}) < len(axes):
        raise ConfigError("A field stands in the grid twice.")
    found = []
    for number, values in enumerate(itertools.product(*(axis.values for axis in axes)), start=1):
        settings = dict(zip((axis.path for axis in axes), values, strict=True))
        one = changed(config, settings)
        found.append((settings, replace(one, name=f"{config.name}-{number}")))
    return found
