"""Recipes, each with where its settings come from; found by name in :data:`napari_sr.training.recipes.RECIPES`."""
