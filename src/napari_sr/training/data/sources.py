"""The images that a training is given, plane by plane, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from napari_sr.errors import TrainingError
from napari_sr.images.lazy_plane import open_planes
from napari_sr.images.listing import image_files
from napari_sr.images.pairs import matched_files
from napari_sr.images.shift import rank_correlation, reliable_shift
from napari_sr.networks.interpolation import Bicubic
from napari_sr.training.data.patches import Plane, Plane2D
from napari_sr.training.parts import Source

#: side of the middle of an image that is looked at first
LOOKED_AT = 64
#: shift between LR and HR, in HR pixels, from which it is told
SHIFTED = 0.5
#: correlation of ranks below which LR and HR are unlike: of pairs of two simulations it is 0.6 and more
UNLIKE = 0.1


def load_sources(sources: Sequence[Source], scale: int, check_stop: Callable[[], None] = lambda: None) -> list[Plane2D]:
    """Open every plane of every source, each once; the planes of one source share its weight.

    They stay in their files until a patch of them is wanted. ``check_stop`` is called between files, and may raise.

    Raises
    ------
    ImageError
        If an image cannot be read, or LR and HR files have no partner.
    TrainingError
        If a measured LR image has not the size that the scale says.
    """
    planes: list[Plane2D] = []
    for place, source in enumerate(sources):
        pairs: list[Plane2D] = []
        if not source.lr:
            for file in image_files(Path(source.path)):
                check_stop()
                pairs += [Plane2D(hr, name=file.name, file=str(file.resolve())) for hr in open_planes(file)]
        else:
            for lr_file, hr_file in matched_files(Path(source.lr), Path(source.path)):
                check_stop()
                found = pair_planes(open_planes(lr_file), open_planes(hr_file), scale, hr_file.name)
                pairs += [replace(plane, file=str(hr_file.resolve())) for plane in found]
        for number, plane in enumerate(pairs):
            check_stop()
            _check_finite(plane, number)
        planes += [replace(plane, weight=source.weight, source=place) for plane in pairs]
    return planes


def without_constant(planes: Sequence[Plane2D]) -> tuple[list[Plane2D], list[Plane2D]]:
    """Return (images, constant ones): of an image of one value there is nothing to learn.

    Raises
    ------
    TrainingError
        If all are constant.
    """
    constant = [plane for plane in planes if _is_constant(plane.hr)]
    if planes and len(constant) == len(planes):
        raise TrainingError(
            f"There is nothing to learn from {planes[0].name or 'the images'}: all pixels have the same value. "
            "Choose images with structures."
        )
    left = {id(plane) for plane in constant}
    return [plane for plane in planes if id(plane) not in left], constant


def _is_constant(plane: Plane) -> bool:
    rows, columns = (slice(max(0, n // 2 - LOOKED_AT // 2), n // 2 + LOOKED_AT // 2) for n in plane.shape)
    middle = np.asarray(plane[rows, columns])
    if middle.size and (middle != middle.flat[0]).any():  # the whole is only read if its middle is flat
        return False
    whole = np.asarray(plane)
    return bool((whole == whole.flat[0]).all())


def _check_finite(plane: Plane2D, number: int) -> None:
    """Raise :class:`TrainingError` for pixels that nothing can be learnt from."""
    for image in (plane.hr, plane.lr):
        if image is not None and image.dtype.kind == "f" and not np.isfinite(np.asarray(image)).all():
            raise TrainingError(
                f"{plane.name}, plane {number}: there are pixels that are not finite (NaN or infinite). "
                "Replace them, or leave the image out."
            )


def pair_planes(lr: Sequence[Plane], hr: Sequence[Plane], scale: int, name: str) -> list[Plane2D]:
    """Return planes with their measured LR images, whose sizes must fit."""
    if len(lr) != len(hr):
        raise TrainingError(f"{name}: {len(lr)} LR planes cannot belong to {len(hr)} HR planes.")
    for low, high in zip(lr, hr, strict=True):
        if tuple(n * scale for n in low.shape) != high.shape:
            raise TrainingError(
                f"{name}: at ×{scale} an LR image of {low.shape} belongs to an HR image of "
                f"{tuple(n * scale for n in low.shape)}, but this one has {high.shape}."
            )
    return [Plane2D(high, lr=low, name=name) for low, high in zip(lr, hr, strict=True)]


@dataclass(frozen=True)
class PairProblems:
    """What is wrong with measured pairs.

    Attributes
    ----------
    shifted
        Sentences on pairs that lie beside each other, with their shifts.
    unlike
        Names of pairs that have hardly anything in common.
    looked_at
        Number of pairs that were looked at.
    """

    shifted: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    looked_at: int = 0

    def said_of_unlike(self) -> str:
        """Return the sentence on pairs that have hardly anything in common; empty if there are none."""
        if not self.unlike:
            return ""
        found, of = len(self.unlike), self.looked_at
        which = f"{found} of the {of} pairs" if found < of else f"all {of} pairs" if of > 1 else "the one pair"
        were = "were" if of > 1 else "was"
        return (
            f"LR and HR have hardly anything in common in {which} that {were} looked at ({self.unlike[0]}): "
            "what is learnt from them is good for nothing. Are they of the same places?"
        )

    def sentences(self) -> list[str]:
        """Return all that is to be said."""
        return [*self.shifted, *filter(None, [self.said_of_unlike()])]


def pair_problems(
    planes: Sequence[Plane2D], scale: int, *, limit: int = 16, check_stop: Callable[[], None] = lambda: None
) -> PairProblems:
    """Return which measured pairs do not belong together: shifted, by phase correlation, or unlike.

    Parameters
    ----------
    planes
        Images; those without a measured LR image are passed over.
    scale
        HR pixels to an LR pixel.
    limit
        Number of pairs that are looked at, spread over all.
    check_stop
        Called between pairs, and may raise.
    """
    pairs = [p for p in planes if p.lr is not None]
    bicubic = Bicubic(scale=scale)
    shifted, unlike, looked_at = [], [], 0
    for plane in pairs[:: -(-len(pairs) // limit) if pairs else 1]:
        assert plane.lr is not None
        check_stop()
        side = 1024 // scale
        lr = np.array(plane.lr[:side, :side], dtype=np.float32)  # a copy: mapped files are read-only
        upscaled = bicubic(torch.from_numpy(lr)[None, None])[0, 0].numpy()
        hr = np.asarray(plane.hr[: upscaled.shape[0], : upscaled.shape[1]], dtype=np.float32)
        if not (np.isfinite(hr).all() and np.isfinite(upscaled).all()):
            continue
        looked_at += 1
        shift = reliable_shift(upscaled, hr)
        if shift is not None and max(abs(n) for n in shift) > SHIFTED:
            rows, columns = shift
            shifted.append(
                f"{plane.name}: LR and HR are shifted by {rows:+.1f}, {columns:+.1f} HR pixels (rows, columns)."
            )
        elif abs(rank_correlation(upscaled[::scale, ::scale], hr[::scale, ::scale])) < UNLIKE:
            unlike.append(plane.name)
    return PairProblems(tuple(shifted), tuple(unlike), looked_at)
