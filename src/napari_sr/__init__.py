"""napari-sr: super-resolution of microscopy and cosmology images that shows how far it can be trusted."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: public name -> module it lives in; imported when first used, so that `import napari_sr` stays fast
_PUBLIC = {
    "degrade": "napari_sr.degradations",
    "evaluate_images": "napari_sr.evaluation",
    "evaluate_models": "napari_sr.evaluation",
    "fit": "napari_sr.training",
    "iter_upscale": "napari_sr.inference",
    "list_models": "napari_sr.models.store",
    "load_model": "napari_sr.models.store",
    "load_sample": "napari_sr.images.samples",
    "upscale": "napari_sr.inference",
    "upscale_lazy": "napari_sr.inference.lazy_array",
}

__all__ = [
    "__version__",
    "degrade",
    "evaluate_images",
    "evaluate_models",
    "fit",
    "iter_upscale",
    "list_models",
    "load_model",
    "load_sample",
    "upscale",
    "upscale_lazy",
]

if TYPE_CHECKING:  # "as" marks them as public for type checkers
    from napari_sr.degradations import degrade
    from napari_sr.evaluation import evaluate_images, evaluate_models
    from napari_sr.images.samples import load_sample
    from napari_sr.inference import iter_upscale, upscale
    from napari_sr.inference.lazy_array import upscale_lazy as upscale_lazy
    from napari_sr.models.store import list_models, load_model
    from napari_sr.training.fit import fit as fit


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'napari_sr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
