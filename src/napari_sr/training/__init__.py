"""Training: a configuration, Lightning modules, and :func:`fit`. Needs no GUI."""

from __future__ import annotations

from napari_sr.training.config import Source, TrainConfig
from napari_sr.training.fit import fit

__all__ = ["Source", "TrainConfig", "fit"]
