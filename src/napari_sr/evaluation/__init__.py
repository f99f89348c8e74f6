"""Evaluation: models x metrics x images -> a table that says under which conditions it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sr.evaluation.table import Row, Table
    from napari_sr.evaluation.test_set import evaluate_images, evaluate_models

__all__ = ["Row", "Table", "evaluate_images", "evaluate_models"]


def __getattr__(name: str) -> Any:
    # imported when first used: dock widgets want grids and texts on the GUI thread, where torch would take seconds
    if name in __all__:
        from napari_sr.evaluation import test_set as evaluate

        return getattr(evaluate, name)
    raise AttributeError(f"module 'napari_sr.evaluation' has no attribute {name!r}")
