"""Networks whose weights are a file of another program, kept whole as one array of bytes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.errors import ModelError, SRError
from napari_sr.networks.foreign_base import ForeignNetwork

CONTENTS = "contents"


class BytesNetwork(ForeignNetwork):
    """Holds a file's bytes as its only array, so that a model stays one safetensors file, and opens it when it runs."""

    exportable = False

    contents: Tensor

    def __init__(
        self, *, scale: int, in_channels: int = 1, out_channels: int = 1, around: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels, around=around)
        self.register_buffer(CONTENTS, torch.zeros(0, dtype=torch.uint8))
        self._opened: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is opened: it belongs to one process and one device."""
        return {**self.__dict__, "_opened": {}}

    def make_room(self, state: Mapping[str, Tensor]) -> None:
        given = state.get(CONTENTS)
        if given is None or given.dtype != torch.uint8 or given.ndim != 1:
            raise ModelError("It does not hold the bytes of a model.")
        self.contents = torch.empty_like(given)
        self._opened = {}

    def opened(self, device: torch.device) -> Any:
        """Return what runs on a device, opened at the first call."""
        if str(device) not in self._opened:
            self._opened[str(device)] = self.open(self.contents.cpu().numpy().tobytes(), device)
        return self._opened[str(device)]

    @abstractmethod
    def open(self, contents: bytes, device: torch.device) -> Any:
        """Return what runs on a device; raises :class:`SRError` if the bytes cannot be opened there."""


def as_bytes(contents: bytes) -> dict[str, Tensor]:
    """Return the state dict of a :class:`BytesNetwork`."""
    if not contents:
        raise SRError("The file is empty.")
    return {CONTENTS: torch.from_numpy(np.frombuffer(contents, np.uint8).copy())}
