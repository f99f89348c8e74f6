"""What a network scales its channels by, measured once for a whole image: its tiles are then those of the whole.

RCAN and DFCAN scale channels by what a tile holds, so that tiles never agree with each other, and DFCAN transforms
every tile sixteen times to know. In the models that were trained here, these factors hardly differ from place to place.
Where that is so, the mean over some patches stands in for all of them; what is left is a stack of convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from napari_sr.errors import SRError
from napari_sr.images.axes import Layout
from napari_sr.inference.device import (
    Target,
    available_devices,
    is_out_of_memory,
    kernels,
    prepare,
    trained_patch,
)
from napari_sr.inference.runner import interruptible
from napari_sr.inference.spread_patches import FEWEST, MOST, spread_patches
from napari_sr.inference.tiling import DEFAULT_TILE
from napari_sr.models.formats.sees import measured, picture
from napari_sr.models.model import Model, weights_hash
from napari_sr.networks.channel_attention import channel_factors, fix_channels
from napari_sr.networks.shallow_copy import shallow_copy

#: one in so many training patches of a plane is measured
SHARE = 32
#: training patches, and LR pixels, that a job has at least for which it is worth to measure
WORTH, WORTH_PIXELS = 24, 300**2
#: patches that are measured at a time
AT_ONCE = 8
#: largest mean deviation from the network as it is, of the patch that differs most, as a share of the intensity span:
#: a grey level of 255
TOLERANCE = 1 / 255
#: LR pixels more than a picture of blobs and edges needs: tissue needed up to two more
MARGIN = 2
#: context that was found in this process, None where none is enough; by the model's weights and its span
_HALOS: dict[tuple[str, float, float], Mapping[str, int] | None] = {}


@dataclass(frozen=True)
class FixedChannels:
    """Factors of the channels of a network, shape (number,), and the context that its tiles then need."""

    factors: Tensor
    halo: Mapping[str, int]

    def of(self, model: Model) -> Model:
        """Return a model with its channels fixed."""
        network = shallow_copy(model.network)
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
        The whole image: what is found does not depend on which part of it is worked on.
    pixels
        LR pixels that will be super-resolved: of few, it is not worth to measure.
    should_stop
        Asked at every layer of the network.

    Returns
    -------
    FixedChannels or None
        None where it does not pay, since there is one tile or there are few, or where the factors do differ from place
        to place: by so much that the result would.

    Raises
    ------
    Cancelled
        If ``should_stop`` said so.
    SRError
        If the network fails on this image.
    """
    if not worth_fixing(model, target, layout, pixels):
        return None
    if not model.card.halo and _HALOS.get(_key(model), {}) is None:
        return None
    yield "Measuring what holds for the whole image …"
    patch, (rows, columns) = trained_patch(model), layout.plane_shape
    count = min(max(rows * columns // (SHARE * patch**2), FEWEST), MOST)
    lr = spread_patches(model, image, layout, patch, count, should_stop)
    if len(lr) < FEWEST:
        return None
    try:
        factors = _factors(model, target, lr, should_stop)
        halo = None if factors is None else model.card.halo or _halo(model, should_stop)
    except RuntimeError as error:
        if is_out_of_memory(error):
            return None  # the tiles themselves can be made smaller
        raise SRError(f"{model.card.name} failed on this image: {error}") from error
    return None if factors is None or halo is None else FixedChannels(factors, halo)


def worth_fixing(model: Model, target: Target, layout: Layout, pixels: int) -> bool:
    """Return True if ``pixels`` of an image are so many that it pays to measure its factors."""
    one_tile = max(layout.plane_shape) <= DEFAULT_TILE[target.device.split(":")[0]]
    enough = pixels >= max(WORTH * trained_patch(model) ** 2, WORTH_PIXELS)
    return model.network.fixes and enough and not one_tile


def untested_channels(model: Model, lr: Tensor) -> FixedChannels | None:
    """Return the factors of patches (N, 1, height, width) as they are: for how fast they make a network only.

    None where the context that tiles need is not known: to measure it takes longer than one waits to be told a time.
    """
    if (halo := model.card.halo or _HALOS.get(_key(model))) is None:
        return None
    factors, _ = channel_factors(shallow_copy(model.network).eval(), lr)
    return FixedChannels(factors.mean(dim=0).cpu(), halo)


def _factors(
    model: Model, target: Target, lr: Tensor, should_stop: Callable[[], bool] | None
) -> Tensor | None:  # fmt: skip
    """Return the mean factors over patches, None if one of them comes out different with these."""
    # here, though workers elsewhere may compute the rest; in fp32: what low precision rounds is as large as what is
    # looked for
    here = Target(target.device if target.device in available_devices() else "cpu", "fp32")
    network = prepare(model.network, here)
    parts = [lr[start : start + AT_ONCE].to(here.device) for start in range(0, len(lr), AT_ONCE)]
    most = TOLERANCE * (model.intensity.upper - model.intensity.lower)
    with kernels(here), interruptible(network, should_stop):
        found = [channel_factors(network, part) for part in parts]
        factors = torch.cat([factors for factors, _ in found]).mean(dim=0)
        fix_channels(network, factors)
        for part, (_, before) in zip(parts, found, strict=True):
            with torch.inference_mode():
                deviations = (network(part) - before).abs().mean(dim=(1, 2, 3))
            if not float(deviations.max()) <= most:  # not a number, either
                return None
    return factors.cpu()


def _key(model: Model) -> tuple[str, float, float]:
    return weights_hash(model.network.state_dict()), model.intensity.lower, model.intensity.upper


def _halo(model: Model, should_stop: Callable[[], bool] | None) -> Mapping[str, int] | None:
    """Return the context that tiles need, None if there is none that is enough; measured once a model.

    With the factors of a picture that is always the same, so that it does not depend on the image.
    """
    if (key := _key(model)) not in _HALOS:
        lower, upper = key[1:]
        network = shallow_copy(model.network).eval()
        with interruptible(network, should_stop):
            factors, _ = channel_factors(network, picture(trained_patch(model)) * (upper - lower) + lower)
            fix_channels(network, factors[0])
            found = measured(network, lower=lower, upper=upper)
        _HALOS[key] = None if found is None else {precision: halo + MARGIN for precision, halo in found.items()}
    return _HALOS[key]
