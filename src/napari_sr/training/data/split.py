"""Which images are trained on, and which are validated on: never one and the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import TrainingError
from napari_sr.images.lazy_plane import DiskPlane
from napari_sr.training.data.patches import Plane, Plane2D

#: share of the images that is kept for validation, unless another one is wanted
SHARE = 0.1
#: and of a single plane at least: a tenth of it shows too little
KEPT = 0.2
#: side of the part of an image by whose content it is known
KNOWN_BY = 64


def split_planes(
    planes: list[Plane2D], *, scale: int, lr_patch: int, share: float = SHARE
) -> tuple[list[Plane2D], list[Plane2D]]:
    """Keep a ``share``, and at least one, of the images for validation: whole images, never neighbouring patches.

    Each source gives its own. Of several files every tenth is kept, if the share is a tenth. The planes of one stack
    lie one upon another, so that its last ones are kept, and one in between is left out. A source of a single plane is
    trained on, if another one gives something to validate on; otherwise it is cut in two along its longer side, with
    the width of a patch in between. What is kept is nowhere trained on, whatever name it has there.
    """
    if len(planes) == 1:
        return split_plane(planes[0], scale=scale, lr_patch=lr_patch, share=share)
    by_source: dict[int, list[Plane2D]] = {}
    for plane in planes:
        by_source.setdefault(plane.source, []).append(plane)
    train: list[Plane2D] = []
    kept: list[Plane2D] = []
    for group in by_source.values():
        trained, validated = _split_source(group, share)
        train += trained
        kept += validated
    if not kept:  # sources of a single plane each
        train, kept = planes[:-1], planes[-1:]
    return without(train, kept), kept


def _split_source(planes: list[Plane2D], share: float) -> tuple[list[Plane2D], list[Plane2D]]:
    if len(planes) == 1:
        return planes, []
    files = list(dict.fromkeys(p.file or p.name for p in planes))
    if len(files) == 1:
        trained, kept = stack_split(len(planes), share)
        return planes[:trained], planes[kept:]
    names = {files[i] for i in range(len(files) - 1, -1, -max(2, round(1 / share)))}
    return (
        [p for p in planes if (p.file or p.name) not in names],
        [p for p in planes if (p.file or p.name) in names],
    )


def without(planes: list[Plane2D], kept: Sequence[Plane2D]) -> list[Plane2D]:
    """Leave out of ``planes`` what is among ``kept``: the same plane of the same file, or one of the same content."""
    shapes = {(tuple(p.hr.shape), str(p.hr.dtype)) for p in kept}
    places = {place for p in kept if (place := _place(p)) is not None}
    contents = {identity(p.hr) for p in kept}

    def is_kept(plane: Plane2D) -> bool:
        if _place(plane) in places:
            return True
        return (tuple(plane.hr.shape), str(plane.hr.dtype)) in shapes and identity(plane.hr) in contents

    return [plane for plane in planes if not is_kept(plane)]


def _place(plane: Plane2D) -> tuple[Any, ...] | None:
    hr = plane.hr
    return (hr.path.resolve(), hr.index, hr.corner, hr.shape) if isinstance(hr, DiskPlane) else None


def identity(plane: Plane) -> bytes:
    """Return what a plane is known by: shape, type, and the content of its middle, or of all of it if that is flat."""
    corner = [max(0, (n - KNOWN_BY) // 2) for n in plane.shape]
    rows, columns = (slice(a, a + KNOWN_BY) for a in corner)
    part: npt.NDArray[Any] = np.ascontiguousarray(np.asarray(plane[rows, columns]))
    if part.size and (part == part.flat[0]).all():
        part = np.ascontiguousarray(np.asarray(plane))
    about = f"{tuple(plane.shape)} {plane.dtype}".encode()
    return blake2b(about + part.tobytes(), digest_size=16).digest()


def stack_split(count: int, share: float = SHARE) -> tuple[int, int]:
    """Return the end of the planes that are trained on, and the first of those that are kept."""
    kept = count - max(1, int(count * share + 1e-9))
    return kept - (count >= 10), kept


def kept_part(shape: tuple[int, ...], *, scale: int, lr_patch: int, share: float = SHARE) -> tuple[int, int, int]:
    """Return how a single plane is split: the axis, the end of what is trained on, the start of what is kept.

    In LR pixels along that axis.
    """
    axis = int(np.argmax(shape))
    length = shape[axis] // scale
    kept = max(lr_patch, round(max(KEPT, share) * length))
    return axis, length - kept - lr_patch, length - kept


def fitting_patch(shape: tuple[int, ...], count: int, *, scale: int, patch: int, share: float = SHARE) -> int:
    """Return the largest LR patch, ``patch`` at most, with which ``count`` images of ``shape`` can be trained on.

    A multiple of 8, and at least 16, whether that fits or not.
    """
    for smaller in range(patch, 16, -1):
        if smaller != patch and smaller % 8:
            continue
        trained = kept_part(shape, scale=scale, lr_patch=smaller, share=share)[1] if count == 1 else smaller
        if min(trained, min(shape) // scale) >= smaller:
            return smaller
    return min(patch, 16)


def split_plane(
    plane: Plane2D, *, scale: int, lr_patch: int, share: float = SHARE
) -> tuple[list[Plane2D], list[Plane2D]]:
    """Return the larger part of one plane to train on and the rest to validate on, one patch apart."""
    axis, trained, start = kept_part(plane.hr.shape, scale=scale, lr_patch=lr_patch, share=share)
    length = plane.hr.shape[axis] // scale
    if trained < lr_patch:
        raise TrainingError(
            f"One image of {plane.hr.shape} is too small to train and to validate with patches of {lr_patch} LR pixels "
            f"({lr_patch * scale} HR pixels). Give a second image, validation images, or choose smaller patches."
        )

    def part(start: int, stop: int) -> Plane2D:
        def cut(image: Plane, factor: int) -> Plane:
            along = slice(start * factor, stop * factor)
            return image[along, :] if axis == 0 else image[:, along]

        return replace(plane, hr=cut(plane.hr, scale), lr=None if plane.lr is None else cut(plane.lr, 1))

    return [part(0, trained)], [part(start, length)]
