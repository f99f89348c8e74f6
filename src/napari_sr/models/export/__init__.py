"""Models for other programs: ONNX and TorchScript files, and packages for bioimage.io."""

from __future__ import annotations

from napari_sr.models.export.request import Exported, ExportRequest, Step
from napari_sr.models.export.run import export_model, iter_export

__all__ = ["ExportRequest", "Exported", "Step", "export_model", "iter_export"]
