"""TorchScript models: they hold program code, which runs only where the user has allowed it."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch

from napari_sr.errors import SRError
from napari_sr.networks import NETWORKS
from napari_sr.networks.foreign_module import ModuleNetwork


@NETWORKS.register("torchscript", title="TorchScript model")
class TorchScriptNetwork(ModuleNetwork):
    """A module as ``torch.jit.save`` wrote it."""

    def open(self, contents: bytes, device: torch.device) -> Any:
        try:
            with warnings.catch_warnings():  # torch speaks of TorchScript's age
                warnings.simplefilter("ignore", DeprecationWarning)
                return torch.jit.load(io.BytesIO(contents), map_location=device).eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise SRError(f"torch cannot open the TorchScript model: {str(error).splitlines()[0][:300]}") from None
