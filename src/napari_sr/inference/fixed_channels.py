"""What a network scales its channels by, measured once for a whole image: its tiles are then those of the whole.

RCAN and DFCAN scale channels by what a tile holds, so that tiles never agree with each other, and DFCAN transforms
every tile sixteen times to know. In the models that were trained here, these factors hardly differ from place to place.
Where that is so, the mean over some patches stands in for all of them; what is left is a stack of convolutions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.errors import Cancelled
from napari_sr.images.axes import Layout
from napari_sr.inference.conditions import middle_plane
from napari_sr.inference.device import Target, kernels, prepare, trained_patch
from napari_sr.inference.parts import PlaneFits, read_plane
from napari_sr.inference.tiling import DEFAULT_TILE
from napari_sr.models.formats.sees import measured
from napari_sr.models.model import Model, weights_hash
from napari_sr.networks.channel_attention import channel_factors, fix_channels

#: training patches that are measured, at least and at most: one in so many that there are
FEWEST, MOST, SHARE = 4, 12, 32
#: training patches that a job has at least for which it is worth to measure
WORTH = 24
#: patches that are measured at a time
AT_ONCE = 4
#: places along each side of a plane that patches are chosen from
PLACES = 6
#: largest mean deviation from the network as it is, of the patch that differs most, as a share of the intensity span:
#: a grey level of 255
TOLERANCE = 1 / 255

#: LR pixels more than a picture of blobs and edges needs: tissue needed up to two more
MARGIN = 2
#: what was measured in this process, by the hash of a model's weights
_HALOS: dict[str, Mapping[str, int] | None] = {}


@dataclass(frozen=True)
class FixedChannels:
    """Factors of the channels of a network, shape (number,), and the context that its tiles then need."""

    factors: Tensor
    halo: Mapping[str, int]

    def of(self, model: Model) -> Model:
        """Return a model with its channels fixed."""
        network = copy.deepcopy(model.network)
        fix_channels(network, self.factors)
        return replace(model, network=network, card=replace(model.card, halo=self.halo))


def iter_fixed_channels(
    model: Model,
    target: Target,
    image: Any,
    layout: Layout,
    *,
    pixels: int,
    should_stop: Callable[[], bool] | None = None,
) -> Generator[str, None, FixedChannels | None]:
    """Measure what a network scales its channels by; yields a sentence before it begins.

    Parameters
    ----------
    model, target
        What computes, and where.
    image, layout
        The whole image.
    pixels
        LR pixels that will be super-resolved.
    should_stop
        Asked after every few patches.

    Returns
    -------
    FixedChannels or None
        None where it does not pay, since there is one tile or there are few, or where the factors do differ from place
        to place: by so much that the result would.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    """
    network, patch = model.network, trained_patch(model)
    one_tile = max(layout.plane_shape) <= DEFAULT_TILE[target.device.split(":")[0]]
    if not network.fixes or one_tile or pixels < WORTH * patch**2:
        return None
    yield "Measuring what holds for the whole image …"
    count = min(max(pixels // (SHARE * patch**2), FEWEST), MOST)
    # in fp32: what low precision rounds is as large as what is looked for
    plain = prepare(network, Target(target.device, "fp32"))
    lr = _patches(model, image, layout, patch, count).to(target.device)
    parts = [lr[start : start + AT_ONCE] for start in range(0, len(lr), AT_ONCE)]
    most = TOLERANCE * (model.intensity.upper - model.intensity.lower)

    def ask() -> None:
        if should_stop is not None and should_stop():
            raise Cancelled("cancelled")

    found: list[tuple[Tensor, Tensor]] = []
    with kernels(Target(target.device, "fp32")):
        for part in parts:
            found.append(channel_factors(plain, part))
            ask()
        factors = torch.cat([factors for factors, _ in found]).mean(dim=0)
        fix_channels(plain, factors)
        for part, (_, before) in zip(parts, found, strict=True):
            with torch.inference_mode():
                deviations = (plain(part) - before).abs().mean(dim=(1, 2, 3))
            if float(deviations.max()) > most:
                return None
            ask()
    halo = model.card.halo or _halo(model, factors.cpu())
    return None if halo is None else FixedChannels(factors.cpu(), halo)


def _halo(model: Model, factors: Tensor) -> Mapping[str, int] | None:
    """Return the context that tiles need, None if there is none that is enough; measured once a model."""
    weights = weights_hash(model.network.state_dict())
    if weights not in _HALOS:
        network = FixedChannels(factors, {}).of(model).network.eval()
        found = measured(network, lower=model.intensity.lower, upper=model.intensity.upper)
        _HALOS[weights] = None if found is None else {precision: halo + MARGIN for precision, halo in found.items()}
    return _HALOS[weights]


def _patches(model: Model, image: Any, layout: Layout, side: int, count: int) -> Tensor:
    """Return patches of the middle planes of an image in network values, (``count`` or more, 1, height, width).

    Of each plane the same number. Empty ones, which say little and decide little, are left out where there are others.
    """
    fits = PlaneFits(image, layout, model)
    planes = _planes(layout)
    found = []
    for index in planes:
        plane = read_plane(image, layout, index)
        fitted, stand_in = fits(index)
        windows = [np.asarray(plane[window]) for window in _windows(layout.plane_shape, side)]
        values = [fitted.forward(np.where(np.isfinite(w), w, np.asarray(stand_in, w.dtype))) for w in windows]
        ranked = sorted(values, key=lambda v: float(np.std(v)))[len(values) // 4 :]
        wanted = min(len(ranked), -(-count // len(planes)))
        found += [ranked[int(i)] for i in np.linspace(0, len(ranked) - 1, wanted).round()]
    return torch.from_numpy(np.stack(found))[:, None]


def _planes(layout: Layout) -> list[tuple[int, ...]]:
    """Return the middle plane of each channel, or of each colour."""
    others = [a for a in layout.axes if a not in "YX"]
    letter = next((a for a in "CS" if a in others), "")
    if not letter:
        return [middle_plane(layout)]
    number, middle = others.index(letter), middle_plane(layout)
    channels = range(layout.shape[layout.axes.index(letter)])
    every = ((*middle[:number], n, *middle[number + 1 :]) for n in channels)
    return [index for index in every if not layout.is_alpha(index)]


def _windows(shape: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """Return squares all over a plane, or what there is room for."""
    sides = [min(side, n) for n in shape]
    starts = [
        dict.fromkeys(int(i) for i in np.linspace(0, n - s, PLACES).round()) for n, s in zip(shape, sides, strict=True)
    ]
    return [(slice(y, y + sides[0]), slice(x, x + sides[1])) for y in starts[0] for x in starts[1]]
