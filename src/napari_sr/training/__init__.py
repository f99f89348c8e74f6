"""Training: a configuration, Lightning modules, and :func:`fit`. Needs no GUI."""

from __future__ import annotations

from napari_sr.training.config import TrainConfig
from napari_sr.training.fit import fit
from napari_sr.training.parts import Adversarial, Source
from napari_sr.training.recipes import RECIPES, recipe_config

__all__ = ["RECIPES", "Adversarial", "Source", "TrainConfig", "fit", "recipe_config"]
