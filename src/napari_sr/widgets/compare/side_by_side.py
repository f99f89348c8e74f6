"""Layers beside each other, or one of them alone. Each leaves the layers as they were."""

from __future__ import annotations

from typing import Any

from napari.layers import Image

from napari_sr.widgets.layers.maps import show_name
from napari_sr.widgets.super_resolve.preview_layer import camera


def grid_mode(viewer: Any) -> Any:
    """Return the viewer's grid, which moved to its canvas with napari 0.9."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


class SideBySide:
    """Some layers beside each other, moved and zoomed together; the others are hidden meanwhile."""

    def __init__(self, viewer: Any, layers: list[Image]) -> None:
        self.viewer = viewer
        self._visible = {layer: bool(layer.visible) for layer in viewer.layers}
        bars = [x for x in viewer.layers if getattr(getattr(x, "colorbar", None), "visible", False)]
        self._bars = bars  # they would cover a good part of small pictures
        for layer in bars:
            layer.colorbar.visible = False
        self._named = [x for x in layers if not getattr(getattr(x, "name_overlay", None), "visible", True)]
        for layer in self._named:  # beside each other, it must be said which is which
            show_name(layer, position="top_left")
        grid = grid_mode(viewer)
        self._grid = (bool(grid.enabled), int(grid.stride), tuple(grid.shape))
        self._view = (tuple(camera(viewer).center), float(camera(viewer).zoom))
        for layer in viewer.layers:
            layer.visible = layer in layers
        grid.stride, grid.shape, grid.enabled = 1, (-1, -1), True
        viewer.reset_view()

    def stop(self) -> None:
        """Show the layers as they were."""
        grid = grid_mode(self.viewer)
        grid.enabled, grid.stride, grid.shape = self._grid
        for layer in self._bars:
            layer.colorbar.visible = True
        for layer in self._named:
            show_name(layer, visible=False, position="top_left")
        for layer, visible in self._visible.items():
            if layer in self.viewer.layers:
                layer.visible = visible
        camera(self.viewer).center, camera(self.viewer).zoom = self._view


class Flicker:
    """Shows one layer alone until it is stopped: held and let go again and again, the eye sees what changes."""

    def __init__(self, viewer: Any, layer: Image) -> None:
        self.viewer = viewer
        self._visible = {other: bool(other.visible) for other in viewer.layers}
        for other in viewer.layers:
            other.visible = other is layer

    def stop(self) -> None:
        """Show the layers as they were."""
        for layer, visible in self._visible.items():
            if layer in self.viewer.layers:
                layer.visible = visible
