"""Taking layers out of a viewer."""

from __future__ import annotations

from typing import Any


def remove_layer(viewer: Any, layer: Any) -> None:
    """Remove a layer.

    napari frees a layer's textures and buffers at once, in whichever OpenGL context is current. If that is not the
    canvas's, what is freed goes on being used there, and the program ends at the next drawing ("access violation",
    "segmentation fault": seen with napari 0.9.2 and Mesa). Here, the canvas's is made current first.
    """
    window = getattr(viewer, "window", None)
    canvas = getattr(getattr(window, "_qt_viewer", None), "canvas", None)
    scene = getattr(canvas, "_scene_canvas", None)
    if scene is not None:
        scene.set_current()
    viewer.layers.remove(layer)
