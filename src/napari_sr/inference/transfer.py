"""Results on their way from a device, which goes on computing meanwhile."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

#: parts of a result that a device may owe while it computes the next ones
OWED = 4


def owed_by(device: torch.device) -> int:
    """Return how many parts of a result may be waited for later: those of a GPU, which is never to stand idle."""
    return OWED if device.type == "cuda" else 0


class Fetched:
    """A tensor that is copied into the computer's memory; :meth:`wait` returns it as an array.

    From a CUDA device it is copied without waiting, behind what the device was given before; from others at once.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        if not tensor.is_cuda:
            self._host = tensor.cpu()
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        with torch.cuda.device(tensor.device):
            self._host.copy_(tensor, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def wait(self) -> npt.NDArray[Any]:
        """Return the array, once it is whole."""
        if self._event is not None:
            self._event.synchronize()
        array: npt.NDArray[Any] = self._host.numpy()
        return array
