"""Whether values from a file or a shell are what a constructor takes, said in words before it is called."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_sr.errors import ConfigError

KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def is_kind(value: Any, kind: type) -> bool:
    """Return True if ``value`` is of one of the :data:`KINDS`; true is no number, and neither are NaN and infinity."""
    if kind is bool or kind is str:
        return isinstance(value, kind)
    if isinstance(value, bool):
        return False
    return isinstance(value, Integral) if kind is int else isinstance(value, Real) and math.isfinite(value)


def check_kind(name: str, value: Any, hint: Any) -> None:
    """Raise :class:`ConfigError` that names a value which is not what its annotation says; others are not judged."""
    if hint in KINDS and not is_kind(value, hint):
        raise ConfigError(f"{name} must be {KINDS[hint]}, not {value!r}")
    if get_origin(hint) is Literal and value not in get_args(hint):
        raise ConfigError(f"{name} must be one of {', '.join(map(str, get_args(hint)))}, not {value!r}")


def check_arguments(what: str, call: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return all keyword arguments of a call, with its defaults where ``arguments`` has nothing.

    Parameters
    ----------
    what
        Begins the message, e.g. ``network 'rcan'``.
    call
        A class, or a function.
    arguments
        By name.

    Raises
    ------
    ConfigError
        If one is unknown, missing, or of another kind than its annotation says.
    """
    parameters = inspect.signature(call).parameters
    named = [name for name, p in parameters.items() if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not any_name and (unknown := [str(name) for name in arguments if name not in named]):
        raise ConfigError(f"{what} has no setting called {', '.join(unknown)}. It has: {', '.join(named) or 'none'}.")
    if missing := [n for n in named if parameters[n].default is inspect.Parameter.empty and n not in arguments]:
        raise ConfigError(f"{what} cannot do without {', '.join(missing)}.")
    hints = get_type_hints(inspect.getattr_static(call, "__init__") if isinstance(call, type) else call)
    for name, value in arguments.items():
        check_kind(f"{what}: {name}", value, hints.get(name))
    return {name: arguments.get(name, parameters[name].default) for name in named} | dict(arguments)
