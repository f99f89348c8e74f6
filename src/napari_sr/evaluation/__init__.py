"""Evaluation: models x metrics x images -> a table that says under which conditions it holds."""

from __future__ import annotations

from napari_sr.evaluation.evaluate import evaluate_images, evaluate_models
from napari_sr.evaluation.table import Row, Table

__all__ = ["Row", "Table", "evaluate_images", "evaluate_models"]
