"""What a bioimage.io description says about an image that goes in and one that comes out (formats 0.4 and 0.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from napari_sr.errors import ModelError

#: processing: name, settings
Step = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Image:
    """One tensor of the description.

    Attributes
    ----------
    name, axes
        Identity, and one letter an axis.
    channels
        None if any.
    sizes
        Along y and x: a number, or (smallest, step), or None.
    halo
        In its own pixels, the larger of y and x.
    steps
        Pre- or postprocessing.
    dtype, low, high
        Of its values; None where nothing is said.
    factor
        Its pixels to one pixel of the input; None where nothing is said.
    """

    name: str
    axes: str
    channels: int | None
    sizes: tuple[Any, Any]
    halo: int
    steps: tuple[Step, ...]
    dtype: str
    low: float | None
    high: float | None
    factor: Fraction | None


def images(description: Mapping[str, Any]) -> tuple[Image, Image]:
    """Return the input and the output.

    Raises
    ------
    ModelError
        If there are several, or they are no 2-D images.
    """
    try:
        inputs, outputs = list(description["inputs"]), list(description["outputs"])
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"It takes {len(inputs)} images and makes {len(outputs)}; only models from one to one run here."
            )
        taken = _image(inputs[0], "preprocessing", None)
        return taken, _image(outputs[0], "postprocessing", inputs[0])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(f"Its description is incomplete ({type(error).__name__}: {error}).") from None


def _image(tensor: Mapping[str, Any], processing: str, source: Mapping[str, Any] | None) -> Image:
    old = isinstance(tensor["axes"], str)
    found = _old(tensor, processing) if old else _new(tensor, processing, source)
    if not {"y", "x"} <= set(found.axes) <= set("bcyx"):
        raise ModelError(f"Its images have the axes {found.axes}; only 2-D images run here (b, c, y, x).")
    return found


def _old(tensor: Mapping[str, Any], processing: str) -> Image:
    """Read a tensor of format 0.4, whose axes are letters."""
    axes, shape = str(tensor["axes"]), tensor.get("shape")
    sizes: dict[str, Any] = dict.fromkeys(axes)
    factor = None
    if isinstance(shape, Mapping) and "min" in shape:
        pairs = zip(axes, shape["min"], shape["step"], strict=True)
        sizes = {a: (int(least), int(step)) if step else int(least) for a, least, step in pairs}
    elif isinstance(shape, Mapping):
        scales = dict(zip(axes, shape["scale"], strict=True))
        factor = _equal(Fraction(scales["y"]).limit_denominator(64), Fraction(scales["x"]).limit_denominator(64))
    elif shape is not None:
        sizes = {a: int(n) for a, n in zip(axes, shape, strict=True)}
    halo = dict(zip(axes, tensor.get("halo") or [0] * len(axes), strict=True))
    low, high = (_finite(v) for v in tensor.get("data_range") or (None, None))
    channels = sizes.get("c")
    return Image(
        str(tensor["name"]), axes, channels if isinstance(channels, int) else None, (sizes["y"], sizes["x"]),
        max(int(halo["y"]), int(halo["x"])), _steps(tensor.get(processing), "name"), str(tensor.get("data_type", "")),
        low, high, factor,
    )  # fmt: skip


def _new(tensor: Mapping[str, Any], processing: str, source: Mapping[str, Any] | None) -> Image:
    """Read a tensor of format 0.5, whose axes are descriptions."""
    axes = {_letter(axis): axis for axis in tensor["axes"]}
    channel = axes.get("c", {"channel_names": ["one"]})
    before = (
        {_letter(a): a for a in source["axes"]} if source is not None and not isinstance(source["axes"], str) else {}
    )
    factors = [_factor(axes[a], before[a]) for a in "yx" if a in before and a in axes]
    data = tensor.get("data") or {}
    data = data if isinstance(data, Mapping) else {}  # a list: one entry a channel, of categories
    low, high = (_finite(v) for v in data.get("range") or (None, None))
    return Image(
        str(tensor["id"]), "".join(axes), len(channel["channel_names"]),
        (_size(axes["y"].get("size")), _size(axes["x"].get("size"))) if {"y", "x"} <= set(axes) else (None, None),
        max((int(axes[a].get("halo") or 0) for a in "yx" if a in axes), default=0),
        _steps(tensor.get(processing), "id"), str(data.get("type", "float32")), low, high,
        _equal(*factors) if len(factors) == 2 else None,
    )  # fmt: skip


def _letter(axis: Mapping[str, Any]) -> str:
    kind = str(axis["type"])
    return (
        str(axis.get("id", ""))[:1] if kind == "space" else {"batch": "b", "channel": "c", "time": "t"}.get(kind, "i")
    )


def _size(size: Any) -> Any:
    if isinstance(size, Mapping):
        return (int(size["min"]), int(size["step"])) if "min" in size and "step" in size else None
    return None if size is None else int(size)


def _factor(axis: Mapping[str, Any], before: Mapping[str, Any]) -> Fraction:
    """Return how many pixels of the output an input pixel has: sizes of pixels, or plain numbers of pixels."""
    taken, made = before.get("size"), axis.get("size")
    if isinstance(taken, int) and isinstance(made, int):
        return Fraction(made, taken)
    return (Fraction(before.get("scale", 1)) / Fraction(axis.get("scale", 1))).limit_denominator(64)


def _equal(first: Fraction, second: Fraction) -> Fraction:
    if first != second:
        raise ModelError(f"It upscales y by {first} and x by {second}; only equal factors run here.")
    return first


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


def _steps(steps: Sequence[Mapping[str, Any]] | None, key: str) -> tuple[Step, ...]:
    return tuple((str(step[key]), dict(step.get("kwargs") or {})) for step in steps or ())
