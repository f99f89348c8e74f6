"""Patches in an order that can be taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from napari_sr.training.data.patches import PatchDataset


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


class OneWindow(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The first patch of a data set, again and again: for what learns a single image."""

    def __init__(self, patches: PatchDataset) -> None:
        self.patches = patches
        self._first: tuple[Tensor, Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.patches)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, Tensor]:
        if self._first is None:
            self._first = self.patches[0]
        return self._first


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
