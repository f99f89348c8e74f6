"""The images of a run: sources, the split, patches in a resumable order, whole images to validate on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from napari_sr.data.folders import read_planes
from napari_sr.data.patches import Plane2D, lr_of
from napari_sr.degradations import Chain
from napari_sr.errors import TrainingError
from napari_sr.intensity import Intensity
from napari_sr.networks.interpolation import Bicubic
from napari_sr.training.config import Source


def load_sources(sources: Sequence[Source]) -> list[Plane2D]:
    """Read every plane of every source; the planes of one source share its weight."""
    planes: list[Plane2D] = []
    for source in sources:
        images = read_planes(Path(source.path))
        total = sum(image.size for image in images)
        planes += [Plane2D(image, source.weight / total) for image in images]
    return planes


def split_planes(planes: list[Plane2D]) -> tuple[list[Plane2D], list[Plane2D]]:
    """Keep every tenth image, and at least one, for validation: whole images, never neighbouring patches."""
    if len(planes) < 2:
        raise TrainingError(
            "One image is not enough to train and to validate. Give a second one, or validation images."
        )
    kept = set(range(len(planes) - 1, -1, -10))
    return (
        [p for i, p in enumerate(planes) if i not in kept],
        [p for i, p in enumerate(planes) if i in kept],
    )


class WholeImages(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Validation: each image's centre, at most ``limit`` LR pixels a side, with its bicubic upscaling."""

    def __init__(self, *, planes: Sequence[Plane2D], degradation: Chain, intensity: Intensity, limit: int) -> None:
        self.planes, self.degradation, self.intensity = planes, degradation, intensity
        self.limit = limit
        self.bicubic = Bicubic(scale=degradation.scale)

    def __len__(self) -> int:
        return len(self.planes)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        hr, s = self.planes[index].hr, self.degradation.scale
        lr = lr_of(hr, self.degradation, seed=index)
        fitted = self.intensity.fit(lr)
        start = [max(0, (n - self.limit) // 2) for n in lr.shape]
        size = [min(n, self.limit) for n in lr.shape]
        rows, columns = (slice(a, a + n) for a, n in zip(start, size, strict=True))
        target = np.asarray(hr[rows.start * s : rows.stop * s, columns.start * s : columns.stop * s])
        lr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(lr[rows, columns])))[None]
        hr_tensor = torch.from_numpy(np.ascontiguousarray(fitted.forward(target)))[None]
        return lr_tensor, hr_tensor, self.bicubic(lr_tensor[None])[0]


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


class ResumableLoader(DataLoader[tuple[Tensor, Tensor]]):
    """Tells Lightning that a run may be resumed in the middle: the sampler begins where it stopped."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
