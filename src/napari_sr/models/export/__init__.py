"""Models for other programs: ONNX and TorchScript files, and packages for bioimage.io."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sr.models.export.request import Exported, ExportRequest, Step
    from napari_sr.models.export.run import export_model, iter_export

__all__ = ["ExportRequest", "Exported", "Step", "export_model", "iter_export"]

_MODULES = {"ExportRequest": "request", "Exported": "request", "Step": "request"}


def __getattr__(name: str) -> Any:
    """Import on first use: what follows from here imports torch, and the list of formats must not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'run')}"), name)
