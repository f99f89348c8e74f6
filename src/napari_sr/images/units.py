"""Units of length and time as files spell them, as people write them, and how they convert."""

from __future__ import annotations

import math
import re
from typing import Any

_PREFIXES = {
    "Y": ("yotta", 24), "Z": ("zetta", 21), "E": ("exa", 18), "P": ("peta", 15), "T": ("tera", 12), "G": ("giga", 9),
    "M": ("mega", 6), "k": ("kilo", 3), "h": ("hecto", 2), "da": ("deca", 1), "d": ("deci", -1), "c": ("centi", -2),
    "m": ("milli", -3), "µ": ("micro", -6), "n": ("nano", -9), "p": ("pico", -12), "f": ("femto", -15),
    "a": ("atto", -18), "z": ("zepto", -21), "y": ("yocto", -24),
}  # fmt: skip
#: metres in a unit of length
METRES = {"m": 1.0, "Å": 1e-10, "in": 0.0254, "ft": 0.3048, "thou": 2.54e-5, "pt": 0.0254 / 72, "pc": 3.0856776e16} | {
    f"{short}m": 10.0**power for short, (_, power) in _PREFIXES.items()
}
#: seconds in a unit of time
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0} | {
    f"{short}s": 10.0**power for short, (_, power) in _PREFIXES.items()
}
#: what files write for what people write; lower case
_SPELLINGS = {
    **{f"{long}{unit}{s}": f"{short}m" for short, (long, _) in _PREFIXES.items()
       for unit in ("meter", "metre") for s in ("", "s")},
    **{f"{long}second{s}": f"{short}s" for short, (long, _) in _PREFIXES.items() for s in ("", "s")},
    **dict.fromkeys(("micron", "microns", "um", "µ"), "µm"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("angstrom", "angstroms", "ångström", "ångstrom", "å"), "Å"),
    **dict.fromkeys(("inch", "inches", '"'), "in"),
    **dict.fromkeys(("foot", "feet"), "ft"),
    **dict.fromkeys(("second", "seconds", "sec", "secs"), "s"),
    **dict.fromkeys(("usec", "us"), "µs"), **dict.fromkeys(("msec", "msecs"), "ms"),
    **dict.fromkeys(("minute", "minutes"), "min"), **dict.fromkeys(("hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("pixel", "pixels", "px", "arbitrary", "undefined", "none", "unknown"), ""),
}  # fmt: skip


def unit_of(text: Any) -> str:
    r"""Return a unit as people write it: ``µm``, ``nm``, ``Å``, ``s``; empty for pixels and for nothing.

    Escapes (``\u00B5m``), other letters that look the same (μ, Å), and text that was decoded wrongly (``Âµm``) are
    understood. What is not known is left as it is: a name such as ``Mpc/h`` means something to its user.
    """
    if text is None:
        return ""
    plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), str(text))
    plain = plain.strip().strip("\0").replace("Â", "").replace("\u03bc", "µ").replace("\u212b", "Å")
    if plain == "?m":  # µm, written where there are only ASCII letters
        return "µm"
    return plain if plain in METRES or plain in SECONDS else _SPELLINGS.get(plain.lower(), plain)


def conversion(unit: str, to: str) -> float | None:
    """Return how many ``to`` one ``unit`` is; None if they do not convert."""
    if unit == to:
        return 1.0
    for known in (METRES, SECONDS):
        if unit in known and to in known:
            return known[unit] / known[to]
    return None


def positive(value: Any) -> float | None:
    """Return a distance that a file states; None for what cannot be one: 0, negative, NaN, ``"0,1"``, nothing."""
    found = number(value)
    return found if found is not None and found > 0 else None


def number(value: Any) -> float | None:
    """Return a finite number that a file states; None if it is none."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
