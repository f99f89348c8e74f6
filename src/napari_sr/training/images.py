"""The images of a run: sources, the split, patches in a resumable order, whole images to validate on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from napari_sr.conditions import Condition
from napari_sr.degradations import Chain
from napari_sr.errors import TrainingError
from napari_sr.evaluation.grids import reliable_shift
from napari_sr.images.lazy_plane import open_planes
from napari_sr.images.listing import image_files
from napari_sr.images.pairs import matched_files
from napari_sr.intensity import Intensity
from napari_sr.networks.interpolation import Bicubic
from napari_sr.training.config import Source
from napari_sr.training.patches import Plane, Plane2D, told

#: share of a single plane that is kept for validation
KEPT = 0.2
#: images that are validated on
MOST = 16
#: shift between LR and HR, in HR pixels, from which it is told
SHIFTED = 0.5


def load_sources(sources: Sequence[Source], scale: int, check_stop: Callable[[], None] = lambda: None) -> list[Plane2D]:
    """Open every plane of every source; the planes of one source share its weight.

    They stay in their files until a patch of them is wanted. ``check_stop`` is called between files, and may raise.

    Raises
    ------
    ImageError
        If an image cannot be read, or LR and HR files have no partner.
    TrainingError
        If a measured LR image has not the size that the scale says.
    """
    planes: list[Plane2D] = []
    for source in sources:
        pairs: list[Plane2D] = []
        if not source.lr:
            for file in image_files(Path(source.path)):
                check_stop()
                pairs += [Plane2D(hr, name=file.name) for hr in open_planes(file)]
        else:
            for lr_file, hr_file in matched_files(Path(source.lr), Path(source.path)):
                check_stop()
                pairs += pair_planes(open_planes(lr_file), open_planes(hr_file), scale, hr_file.name)
        for number, plane in enumerate(pairs):
            check_stop()
            _check_finite(plane, number)
        total = sum(plane.hr.size for plane in pairs)
        planes += [replace(plane, weight=source.weight / total) for plane in pairs]
    return planes


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


def measured_shifts(
    planes: Sequence[Plane2D], scale: int, *, limit: int = 16, check_stop: Callable[[], None] = lambda: None
) -> list[tuple[str, float, float]]:
    """Return (name, rows, columns) of measured pairs that are shifted, in HR pixels, by phase correlation.

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
    found = []
    for plane in pairs[:: -(-len(pairs) // limit) if pairs else 1]:
        assert plane.lr is not None
        check_stop()
        side = 1024 // scale
        lr = np.array(plane.lr[:side, :side], dtype=np.float32)  # a copy: mapped files are read-only
        upscaled = bicubic(torch.from_numpy(lr)[None, None])[0, 0].numpy()
        hr = np.asarray(plane.hr[: upscaled.shape[0], : upscaled.shape[1]], dtype=np.float32)
        if not (np.isfinite(hr).all() and np.isfinite(upscaled).all()):
            continue
        shift = reliable_shift(upscaled, hr)
        if shift is not None and max(abs(n) for n in shift) > SHIFTED:
            found.append((plane.name, *shift))
    return found


def split_planes(planes: list[Plane2D], *, scale: int, lr_patch: int) -> tuple[list[Plane2D], list[Plane2D]]:
    """Keep a tenth, and at least one, of the images for validation: whole images, never neighbouring patches.

    Of several files every tenth is kept. The planes of one stack lie one upon another, so that its last ones are kept,
    and one in between is left out. A single plane is cut in two along its longer side, with the width of a patch in
    between.
    """
    if len(planes) == 1:
        return split_plane(planes[0], scale=scale, lr_patch=lr_patch)
    files = list(dict.fromkeys(p.name for p in planes))
    if len(files) == 1:
        trained, kept = stack_split(len(planes))
        return planes[:trained], planes[kept:]
    names = {files[i] for i in range(len(files) - 1, -1, -10)}
    return [p for p in planes if p.name not in names], [p for p in planes if p.name in names]


def stack_split(count: int) -> tuple[int, int]:
    """Return the end of the planes that are trained on, and the first of those that are kept."""
    kept = count - max(1, count // 10)
    return kept - (count >= 10), kept


def kept_part(shape: tuple[int, ...], *, scale: int, lr_patch: int) -> tuple[int, int, int]:
    """Return how a single plane is split: the axis, the end of what is trained on, the start of what is kept.

    In LR pixels along that axis.
    """
    axis = int(np.argmax(shape))
    length = shape[axis] // scale
    kept = max(lr_patch, round(KEPT * length))
    return axis, length - kept - lr_patch, length - kept


def fitting_patch(shape: tuple[int, ...], count: int, *, scale: int, patch: int) -> int:
    """Return the largest LR patch, ``patch`` at most, with which ``count`` images of ``shape`` can be trained on.

    A multiple of 8, and at least 16, whether that fits or not.
    """
    for smaller in range(patch, 16, -1):
        if smaller != patch and smaller % 8:
            continue
        trained = kept_part(shape, scale=scale, lr_patch=smaller)[1] if count == 1 else smaller
        if min(trained, min(shape) // scale) >= smaller:
            return smaller
    return min(patch, 16)


def split_plane(plane: Plane2D, *, scale: int, lr_patch: int) -> tuple[list[Plane2D], list[Plane2D]]:
    """Return the larger part of one plane to train on and the rest to validate on, one patch apart."""
    axis, trained, start = kept_part(plane.hr.shape, scale=scale, lr_patch=lr_patch)
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


#: LR and HR image, bicubic upscaling, data range, and what the network is told
#: LR, HR, bicubic; the data range and the image's own 0, both in network values; what the network is told
Whole = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


class WholeImages(Dataset[Whole]):
    """Validation: each image's centre, at most ``limit`` LR pixels a side, with its bicubic upscaling and data range.

    All in network values; the data range is that of PSNR elsewhere, 255 grey levels of 8-bit images and otherwise the
    range of the image, so that curves show the figures that the finished model is measured to have. SSIM depends on
    where 0 is, too: the image's own (of its logarithm, if that is what the network sees). A network with
    ``conditions`` is told what its images suffered, exactly.

    Of many images, ``MOST`` are taken, spread evenly: a stack of a thousand planes must not hold up its training. They
    are made once and kept.
    """

    def __init__(
        self, *, planes: Sequence[Plane2D], degradation: Chain | None, scale: int, intensity: Intensity, limit: int,
        conditions: Sequence[Condition] = (),
    ) -> None:  # fmt: skip
        chosen = sorted({int(i) for i in np.linspace(0, len(planes) - 1, min(MOST, len(planes)))})
        self.planes = [planes[i] for i in chosen]
        self.degradation, self.intensity, self.conditions = degradation, intensity, conditions
        self.limit, self.scale = limit, scale
        self.bicubic = Bicubic(scale=scale)
        self._made: dict[int, Whole] = {}

    def __len__(self) -> int:
        return len(self.planes)

    def __getitem__(self, index: int) -> Whole:
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]

    def _make(self, index: int) -> Whole:
        hr, s = self.planes[index].hr, self.scale
        lr, suffered = self.planes[index].low_told(self.degradation, seed=index)
        fitted = self.intensity.fit(lr)
        start = [max(0, (n - self.limit) // 2) for n in lr.shape]
        size = [min(n, self.limit) for n in lr.shape]
        rows, columns = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        target = np.asarray(hr[rows.start * s : rows.stop * s, columns.start * s : columns.stop * s])
        lr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(lr[rows, columns])))[None]
        hr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(target)))[None]
        grey = hr.dtype == np.uint8 and fitted.log_offset is None
        span = 255 * fitted.gain if grey else float(hr_tensor.max() - hr_tensor.min()) or 1.0
        bicubic = self.bicubic(lr_tensor[None])[0]
        zero = fitted.lower - fitted.low * fitted.gain
        conditions = told(self.conditions, suffered, fitted)
        return lr_tensor, hr_tensor, bicubic, torch.tensor(span), torch.tensor(zero), conditions


class FromItem(Sampler[int]):
    """Items in order, beginning with ``start``; of several processes, each takes its part of every batch.

    Parameters
    ----------
    start
        First item: batches that are done times ``batch_size``.
    length
        Number of items of a run from the beginning.
    batch_size
        Of all processes together.
    """

    def __init__(self, *, start: int, length: int, batch_size: int) -> None:
        self.start, self.length, self.batch_size = start, length, batch_size

    def __iter__(self) -> Iterator[int]:
        rank, world = _process()
        part = self.batch_size // world
        for batch in range(self.start, self.length, self.batch_size):
            yield from range(batch + rank * part, batch + (rank + 1) * part)

    def __len__(self) -> int:
        # the length of a run from the beginning, as Lightning counts batches when it resumes
        return self.length // _process()[1]


def _process() -> tuple[int, int]:
    """Return the number of this process, and of all."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


class ResumableLoader(DataLoader[tuple[Tensor, Tensor, Tensor]]):
    """Tells Lightning that a run may be resumed in the middle: the sampler begins where it stopped."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
