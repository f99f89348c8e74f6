"""A model file that is dropped on napari, or opened in it, opens in *Super-resolve*."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_sr.errors import ModelError

#: files that hold a model and nothing else
SUFFIX = ".safetensors"


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[Any]] | None:
    """Return the reader of a model file; None for what is none."""
    paths = [path] if isinstance(path, str) else path
    return open_model if paths and all(p.lower().endswith(SUFFIX) for p in paths) else None


def open_model(path: str | list[str]) -> list[Any]:
    """Open *Super-resolve* with the model of a file, the last one of several; adds no layer.

    Raises
    ------
    ModelError
        If there is no viewer to open it in.
    """
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        raise ModelError("A model is opened in a viewer, in Super-resolve. There is none.")
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    for one in [path] if isinstance(path, str) else path:
        dock.open_model(Path(one))
    return [(None,)]  # napari's sign for "nothing to add"
