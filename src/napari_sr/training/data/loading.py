"""Patches in an order that can be taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Sampler


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
