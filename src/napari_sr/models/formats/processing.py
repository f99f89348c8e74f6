"""bioimage.io's pre- and postprocessing as an intensity transform of the whole image, and steps around the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.formats.found import PHOTOGRAPH
from napari_sr.models.formats.rdf import Image, Step
from napari_sr.networks.foreign_steps import STEPS

#: depend on the whole image
OF_IMAGE = ("scale_range", "zero_mean_unit_variance", "scale_mean_variance")
#: of no effect on numbers here
NOTHING = ("ensure_dtype",)


@dataclass(frozen=True)
class Processing:
    """The intensity transform, and steps before and after the network, as :class:`Around` takes them."""

    intensity: Intensity
    before: tuple[Mapping[str, Any], ...]
    after: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


def processing(taken: Image, made: Image) -> Processing:
    """Return what a description's steps come to.

    What depends on the image is fitted to all of it, not to a tile, and undone after the network: results come in the
    image's own values. Steps of the output that only change its unit are left out then.

    Raises
    ------
    ModelError
        For steps that are not known, or in an order that cannot be kept.
    """
    steps = [_plain(step) for step in taken.steps if step[0] not in NOTHING]
    after = [_plain(step) for step in made.steps if step[0] not in NOTHING]
    places = [number for number, (name, _) in enumerate(steps) if name in OF_IMAGE]
    if not places:
        intensity, note = _fixed(taken, bool(steps))
        kept = [step for step in after if step[0] not in OF_IMAGE]
    else:
        first = places[0]
        if len(places) > 1 or any(name != "scale_linear" or s.get("gain", 1) <= 0 for name, s in steps[:first]):
            raise ModelError(f"Its preprocessing ({', '.join(name for name, _ in steps)}) cannot be done tile by tile.")
        # a positive factor and an offset before percentiles, or mean and deviation, have no effect
        intensity, note = _of_image(*steps[first]), ""
        steps = steps[first + 1 :]
        kept = [step for step in after if step[0] not in (*OF_IMAGE, "scale_linear")]
    notes = [note] if note else []
    if len(kept) < len(after):
        left = ", ".join(dict.fromkeys(name for name, s in after if (name, s) not in kept))
        notes.append(f"Its last step ({left}) was left out: results come in the image's own values")
    return Processing(intensity, _as_dicts(steps), _as_dicts(kept), tuple(notes))


def _plain(step: Step) -> Step:
    """Return a step with single numbers, by its name of format 0.5."""
    name, given = step
    settings = {key: value for key, value in given.items() if key not in ("axes", "axis", "mode", "reference_tensor")}
    mode = given.get("mode")
    if name == "zero_mean_unit_variance" and (mode == "fixed" or "mean" in given):
        name = "fixed_zero_mean_unit_variance"
    if name in OF_IMAGE and not {"x", "y"} <= _axes(given):
        raise ModelError(f"Its processing ({name} over {given.get('axes')}) is not that of whole images.")
    for key, value in settings.items():
        if isinstance(value, (list, tuple)):
            if len(set(value)) != 1:
                raise ModelError(f"Its processing ({name}) treats channels differently; that does not run here.")
            settings[key] = value[0]
    if name not in STEPS and name not in (*OF_IMAGE, *NOTHING):
        raise ModelError(f"Its processing step {name!r} is not known here.")
    return name, settings


def _axes(given: Mapping[str, Any]) -> set[str]:
    """Return the letters of the axes that a step goes over; all if it does not say."""
    axes = given.get("axes")
    if axes is None:
        return {"x", "y"}
    return set(axes) if isinstance(axes, str) else {str(axis)[:1] for axis in axes}


def _of_image(name: str, settings: Mapping[str, Any]) -> Intensity:
    if name == "scale_range":
        low, high = float(settings.get("min_percentile", 0)), float(settings.get("max_percentile", 100))
        return Intensity(kind="percentile", low=low, high=high)
    return Intensity(kind="standard", low=0, high=1)


def _fixed(taken: Image, steps: bool) -> tuple[Intensity, str]:
    """Return the transform where no step depends on the image: its own values, or brought to what is expected."""
    low, high = taken.low, taken.high
    if (low is None or high is None) and taken.dtype.startswith("uint"):
        low, high = 0.0, float(np.iinfo(taken.dtype).max)
    if steps:  # they count on the image's own values; high is only what brightness is compared with
        top = high if high is not None and high > 0 else 1.0
        return Intensity(kind="fixed", low=0, high=top, lower=0, upper=top), "It counts on the image's own values"
    if low is None or high is None or not low < high:
        return PHOTOGRAPH, "It does not say which values it expects; 0 to 1 was assumed"
    return Intensity(kind="percentile", low=PHOTOGRAPH.low, high=PHOTOGRAPH.high, lower=low, upper=high), ""


def _as_dicts(steps: list[Step]) -> tuple[Mapping[str, Any], ...]:
    for name, _ in steps:
        if name in OF_IMAGE:
            raise ModelError(f"Its processing step {name} comes where it cannot be done tile by tile.")
    return tuple({"name": name, **settings} for name, settings in steps)
