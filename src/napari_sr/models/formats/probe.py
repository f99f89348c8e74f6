"""Scale and channels of a network that can only be run: found by running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from napari_sr.errors import ModelError, SRError
from napari_sr.models.formats.found import Answers, Detected, Found
from napari_sr.models.formats.sees import picture
from napari_sr.networks import create_network
from napari_sr.networks.foreign_base import Around, ForeignNetwork

#: sides that are tried: windows of 7 and 8 pixels, and four halvings, fit into one of them
SIDES = (64, 112, 256)
LARGEST = 8


def probed(
    name: str,
    title: str,
    state: Mapping[str, Tensor],
    around: Around,
    answers: Answers,
    *,
    axes: Mapping[str, str] | None = None,
    channels: tuple[int, ...] = (1, 3),
) -> Found:
    """Return what a network of bytes is, after trying channels and sizes.

    Parameters
    ----------
    name, title
        In ``NETWORKS``, and for people.
    state
        Its bytes.
    around
        What is known of it; channels are tried.
    answers
        ``scale``, if the user has said it, must be the one that is found.
    axes
        ``axes`` and ``axes_out``, if they are not bcyx.
    channels
        That are tried.

    Raises
    ------
    ModelError
        If it runs with none of them, or its output is no multiple of its input.
    """
    problems = []
    for count, side in ((c, s) for c in channels for s in ([0] if around.fixed else SIDES)):
        sides = (int(around.fixed[0]), int(around.fixed[1])) if around.fixed else (side, side)
        network = _built(name, state, replace(around, channels=count), axes or {}, 1)
        try:
            with torch.inference_mode():
                image = picture(max(sides))[..., : sides[0], : sides[1]].expand(1, count, -1, -1)
                made = network.run(image.contiguous())
        except (SRError, RuntimeError, ValueError, TypeError) as error:
            problems.append(str(error).splitlines()[0])
            continue
        scale = _scale(sides, tuple(made.shape), answers)
        settings = {"scale": scale, **(axes or {}), "around": replace(around, channels=count).to_dict()}
        detected = Detected(title, {}, scale, (count, made.shape[1]), "", size_notes(around))
        patch = min(around.fixed) if around.fixed else 0
        return Found(name, settings, state, detected, trained_patch=patch, measure=not around.fixed)
    raise ModelError(f"It runs on no image of {' or '.join(map(str, channels))} channels: {problems[0][:300]}.")


def _built(
    name: str, state: Mapping[str, Tensor], around: Around, axes: Mapping[str, Any], scale: int
) -> ForeignNetwork:
    network = create_network(name, scale=scale, around=around.to_dict(), **axes)
    assert isinstance(network, ForeignNetwork)
    network.make_room(state)
    network.load_state_dict(dict(state))
    return network.eval()


def _scale(sides: tuple[int, int], made: tuple[int, ...], answers: Answers) -> int:
    factors = [(out / taken) for out, taken in zip(made[-2:], sides, strict=True)]
    if factors[0] != factors[1] or factors[0] not in range(1, LARGEST + 1):
        raise ModelError(
            f"It makes {made[-2]} x {made[-1]} pixels of {sides[0]} x {sides[1]}: that is no whole factor from 1 to "
            f"{LARGEST} along both axes."
        )
    said = answers.given("scale")
    if said is not None and int(said) != int(factors[0]):
        raise ModelError(f"It upscales by {int(factors[0])}, not by {said}.")
    return int(factors[0])


def size_notes(around: Around) -> tuple[str, ...]:
    """Return sentences on the sizes that a network takes."""
    notes = []
    if around.fixed:
        notes.append(f"It takes tiles of {around.fixed[0]} x {around.fixed[1]} pixels only")
    elif around.step > 1:
        notes.append(f"It takes sides of {around.minimum} pixels and any number of steps of {around.step} more")
    return (*notes, "It cannot be trained further here")
