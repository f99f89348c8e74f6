"""A model on its way to another process: as the bytes of its file, and prepared there once."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from napari_sr.inference.device import Target
from napari_sr.inference.upscaler import Upscaler
from napari_sr.models.model import Model, load, save, weights_hash

#: a network belongs to one thread at a time
LOCK = threading.Lock()
#: models that a process keeps prepared
KEPT = 2
_PREPARED: OrderedDict[tuple[Any, ...], Upscaler] = OrderedDict()


class SentModel:
    """A model and its settings; pickled, it is the bytes of the model's file.

    Parameters
    ----------
    upscaler
        The model with its device, precision, tile and overlap.
    """

    def __init__(self, upscaler: Upscaler) -> None:
        target = upscaler.prepared.target
        self.target = Target(target.device, target.precision)
        self.tile, self.overlap, self.channels = upscaler.tile, upscaler.overlap, upscaler.channels
        self._model: Model | None = upscaler.model
        self._bytes = b""
        weights = weights_hash(upscaler.model.network.state_dict())
        factors = b"" if self.channels is None else self.channels.factors.numpy().tobytes()
        self.key = weights, upscaler.model.card.to_json(), factors, self.tile, self.overlap, self.target

    def __getstate__(self) -> dict[str, Any]:
        if not self._bytes:
            assert self._model is not None
            self._bytes = bytes_of(self._model)
        return {**self.__dict__, "_model": None}

    def __dask_tokenize__(self) -> Any:
        return self.key[:-1], self.target.device, self.target.precision

    def upscaler(self, device: str = "") -> Upscaler:
        """Return what this process super-resolves with, prepared once; on another device if one is given."""
        key = *self.key, device
        if key not in _PREPARED:
            model = self._model or self._received()
            _PREPARED[key] = Upscaler(
                model, device=device or self.target.device, precision=self.target.precision, tile=self.tile or "auto",
                overlap=self.overlap,
            )  # fmt: skip
            if len(_PREPARED) > KEPT:
                _PREPARED.popitem(last=False)
        return _PREPARED[key]

    def _received(self) -> Model:
        """Return the model from the bytes of its file, which know nothing of the image."""
        model = model_of(self._bytes)
        return model if self.channels is None else self.channels.of(model)


def bytes_of(model: Model) -> bytes:
    """Return the file of a model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(model, path)
        return path.read_bytes()


def model_of(content: bytes) -> Model:
    """Return the model of :func:`bytes_of`; code in it was allowed where it was sent from."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(content)
        return load(path, allow_code=True)
