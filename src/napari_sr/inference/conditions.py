"""What a network is told of an image: given by the user, or estimated from the image."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.conditions import Condition, noise_conditions, within
from napari_sr.errors import ConfigError
from napari_sr.estimation import estimate, is_blank
from napari_sr.images.axes import Layout
from napari_sr.inference.parts import PlaneFits, read_plane
from napari_sr.intensity import FittedIntensity
from napari_sr.models.model import Model

#: a number, or "auto" for what is estimated
Conditions = Mapping[str, float | str]

AUTO = "auto"
#: side of the squares of a large plane that blur and noise are estimated from
SQUARE = 512
#: side below which a plane is too small to estimate anything from
SMALLEST = 16
#: where they lie along each side
PLACES = (0.15, 0.5, 0.85)
#: planes along an axis of which one is looked for that is not blank
TRIED = 9


def checked_conditions(model: Model, given: Conditions | None) -> Conditions:
    """Return a value for every condition of a model: what was given, or ``auto``.

    Raises
    ------
    ConfigError
        If the model cannot be told one of them, or it is no number.
    """
    known = {c.name: c for c in model.network.conditions}
    for name, value in (given or {}).items():
        if name not in known:
            able = f"only {', '.join(known)}" if known else "nothing"
            raise ConfigError(f"{name}: {model.card.name} can be told {able} of an image.")
        if value != AUTO and not (isinstance(value, int | float) and math.isfinite(value)):
            raise ConfigError(f"{name} must be a number or auto, not {value!r}.")
    return dict.fromkeys(known, AUTO) | dict(given or {})


def estimate_conditions(
    conditions: Sequence[Condition], plane: npt.NDArray[Any], fitted: FittedIntensity
) -> dict[str, float]:
    """Estimate what a network can be told of a plane.

    Parameters
    ----------
    conditions
        Of the network.
    plane
        2-D, in image values.
    fitted
        The intensity transform of the whole image: noise counts in its range.

    Returns
    -------
    dict
        Values by name, within the limits of the conditions; their defaults for planes that are too small to tell, or
        blank.
    """
    if min(plane.shape) < SMALLEST or is_blank(plane):
        return {c.name: c.default for c in conditions}
    plane = plane.astype(np.float32) if plane.dtype.kind == "b" else plane
    density = fitted.log_offset is not None
    found = estimate(fitted.forward(plane) if density else plane, density=density)
    # what is told of densities in training, too: those that were simulated have no noise
    noise = (0.0, 0.0) if density else (found.noise.slope, found.noise.intercept)
    values = {"blur": found.blur.sigma, **noise_conditions(*noise, low=fitted.low, high=fitted.high)}
    return {c.name: c.clipped(values[c.name]) for c in conditions}


def estimated(
    wanted: Sequence[Condition],
    trained: Mapping[str, tuple[float, float]],
    square: npt.NDArray[Any],
    fitted: FittedIntensity,
) -> dict[str, float]:
    """Estimate conditions of a plane, within what the network was trained on; see :func:`estimate_conditions`."""
    values = estimate_conditions(wanted, square, fitted)
    return {c.name: c.clipped(within(trained.get(c.name), values[c.name])) for c in wanted}


class PlaneConditions:
    """Conditions of every plane: those that were given, the others estimated once a channel.

    Planes of a stack and times of a movie share what is estimated from one of them (:func:`telling_square`), so that no
    plane looks different for reasons of its own.
    """

    def __init__(self, image: Any, layout: Layout, model: Model, given: Conditions, fits: PlaneFits) -> None:
        self.image, self.layout, self.fits = image, layout, fits
        self.conditions = model.network.conditions
        self.trained = model.card.lr_images
        self.given = given
        self.wanted = [c for c in self.conditions if given[c.name] == AUTO]
        self._known: dict[int, dict[str, float]] = {}  # by channel

    def __call__(self, index: tuple[int, ...]) -> dict[str, float]:
        """Return the conditions of the plane at ``index``."""
        if not self.conditions:
            return {}
        others = [a for a in self.layout.axes if a not in "YX"]
        channel = index[others.index("C")] if "C" in others else 0
        if channel not in self._known:
            numbers = {c.name: c.clipped(float(self.given[c.name])) for c in self.conditions if c not in self.wanted}
            self._known[channel] = self._estimated(channel) | numbers
        return self._known[channel]

    def notes(self) -> list[str]:
        """Return sentences on what was told and what estimated, for the report; none if nothing was left to estimate.

        Who gave everything knows it, such as a window whose sliders show it.
        """
        if not self.wanted:
            return []
        given = [c for c in self.conditions if c not in self.wanted]
        told = next((in_words(given, values) for values in self._known.values()), "")
        found = {channel: in_words(self.wanted, values) for channel, values in sorted(self._known.items())}
        of = {channel: f" for channel {channel}" if len(found) > 1 else "" for channel in found}
        notes = [f"Estimated{of[channel]}: {words}" for channel, words in found.items() if words]
        return [*([f"Told: {told}"] if told else []), *notes]

    def _estimated(self, channel: int) -> dict[str, float]:
        if not self.wanted:
            return {}
        index, square = telling_square(self.image, self.layout, channel)
        return estimated(self.wanted, self.trained, square, self.fits(index)[0])


def middle_plane(layout: Layout, channel: int = 0) -> tuple[int, ...]:
    """Return the index of the middle plane of a channel; of colours, the green one."""
    lengths = {a: n for a, n in zip(layout.axes, layout.shape, strict=True) if a not in "YX"}
    fixed = {"C": channel, "S": 1}
    return tuple(fixed.get(a, n // 2) for a, n in lengths.items())


def telling_square(image: Any, layout: Layout, channel: int = 0) -> tuple[tuple[int, ...], npt.NDArray[Any]]:
    """Return the plane of a channel that is nearest to the middle one and not blank, and of a large one a square of it.

    Blank planes, such as the frames of a movie before the light went on, say nothing of blur and noise. Of long stacks
    some planes are tried; the middle one is returned if all of these are blank.
    """
    middle = middle_plane(layout, channel)
    free = [a not in "CS" for a in layout.axes if a not in "YX"]
    lengths = [n for a, n in zip(layout.axes, layout.shape, strict=True) if a not in "YX"]
    ranges = [_spread(n) if f else [at] for n, f, at in zip(lengths, free, middle, strict=True)]
    # a plane counts as far as its place along all of its axes, each as a share of it
    near = sorted(
        itertools.product(*ranges),
        key=lambda index: sum(abs(i - m) / n for i, m, n in zip(index, middle, lengths, strict=True)),
    )
    first: npt.NDArray[Any] | None = None
    for index in (middle, *(index for index in near if index != middle)):
        square = square_of(read_plane(image, layout, index), layout.plane_shape)
        if not is_blank(square):
            return index, square
        first = square if first is None else first
    assert first is not None
    return middle, first


def _spread(count: int) -> list[int]:
    """Return the places that are tried along an axis."""
    return [*range(count)] if count <= TRIED else [round(i * (count - 1) / (TRIED - 1)) for i in range(TRIED)]


def middle_square(image: Any, layout: Layout) -> npt.NDArray[Any]:
    """Return the middle plane of an image that is not blank, or of a large one a square of it."""
    return telling_square(image, layout)[1]


def square_of(plane: Any, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Return a plane, or of a large one the square with the most contrast among nine."""
    return with_most_contrast([np.asarray(plane[window]) for window in square_windows(shape)])


def square_windows(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return all of a plane, or of a large one nine squares."""
    if max(shape) <= 2 * SQUARE:
        return [(slice(None), slice(None))]
    starts = [[max(0, min(round(share * n) - SQUARE // 2, n - SQUARE)) for share in PLACES] for n in shape]
    return [
        (slice(y, y + SQUARE), slice(x, x + SQUARE)) for y in dict.fromkeys(starts[0]) for x in dict.fromkeys(starts[1])
    ]


def with_most_contrast(squares: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the square with the most contrast."""
    if len(squares) == 1:
        return squares[0]
    return max(squares, key=lambda s: float(np.nan_to_num(np.std(s.astype(np.float32)))))


def in_words(conditions: Sequence[Condition], values: Mapping[str, float]) -> str:
    """Return what a network is told, for a person: ``blur 0.62 LR pixels, noise 3.1 % of the range``."""
    told = [f"{c.name} {values[c.name]:.{c.decimals}f} {c.unit}".strip() for c in conditions if c.unit]
    return ", ".join(told)
