"""Whether the values of a configuration are of the kind that its fields want."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from napari_sr.arguments import check_kind, is_kind
from napari_sr.errors import ConfigError


def check_kinds(owner: Any) -> None:
    """Raise :class:`ConfigError` that names the first field of a dataclass whose value is of another kind."""
    hints = get_type_hints(type(owner))
    for field in fields(owner):
        name, kind, value = field.name, hints[field.name], getattr(owner, field.name)
        check_kind(name, value, kind)
        if kind == tuple[float, float] and not _are_two_numbers(value):
            raise ConfigError(f"{name} must be two numbers, not {value!r}")
        if kind == Mapping[str, float] or kind == Mapping[str, Any]:
            if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
                raise ConfigError(f"{name} must be names with values, not {value!r}")
            if kind == Mapping[str, float]:
                _check_weights(name, value)


def _are_two_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(is_kind(v, float) for v in value)


def _check_weights(name: str, weights: Mapping[str, Any]) -> None:
    for key, weight in weights.items():
        if not is_kind(weight, float) or weight < 0:
            raise ConfigError(f"{name}: the weight of {key} must be a number that is not negative, not {weight!r}")


#: what YAML reads as text, for want of a point, and everybody means as a number
EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def numbers_of(value: Any) -> Any:
    """Return plain values with numbers in place of text such as ``1e-1``, at any depth."""
    if isinstance(value, str) and EXPONENT.fullmatch(value):
        return float(value)
    if isinstance(value, Mapping):
        return {key: numbers_of(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(numbers_of(inner) for inner in value)
    return value


def with_numbers(values: Mapping[str, Any], owner: type) -> dict[str, Any]:
    """Return plain values with numbers where YAML has read text: ``1e-4`` is none to it without a point."""
    hints = get_type_hints(owner)
    read = dict(values)
    for name, value in read.items():
        if hints.get(name) is not str:
            read[name] = value = numbers_of(value)
        if isinstance(value, str) and hints.get(name) is float:
            try:
                read[name] = float(value)
            except ValueError:
                raise ConfigError(f"{name} must be a number, not {value!r}") from None
    return read
