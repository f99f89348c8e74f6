"""The swipe: a line over the image that is dragged, left of it one layer, right of it another."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from napari.layers import Image

from napari_sr.widgets.layers.pictures import Picture, finer, picture
from napari_sr.widgets.layers.places import GEOMETRY, pixels, plane_dims, plane_point
from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.snapshot import METADATA_KEY, snapshot
from napari_sr.widgets.super_resolve.preview_layer import camera

#: pixels of the finer image for which it takes no second to begin
LARGEST_SWIPE = 200_000_000
SWIPE = "swipe: drag the line"
#: half the width of the divider, as a share of the image's width
LINE = 0.002
LINE_COLOUR = (240, 180, 41)


def too_large(layer: Image) -> bool:
    """Return True for a layer whose planes are too large for a swipe."""
    return prod(int(layer.level_shapes[0][dim]) for dim in plane_dims(layer)) > LARGEST_SWIPE


class Swipe:
    """A line over the image: left of it one layer is seen, right of it another. It is dragged with the mouse.

    Parameters
    ----------
    viewer, left, right
        The viewer and two of its layers.
    """

    def __init__(self, viewer: Any, left: Image, right: Image) -> None:
        self.viewer, self.left, self.right = viewer, left, right
        #: called when the picture, or one of the two layers, was taken out of the viewer: to stop it
        self.gone: Callable[[], None] = self.stop
        self._grid, self._shape, self._like = finer(viewer, left, right)
        self._active, self._pan = viewer.layers.selection.active, camera(viewer).mouse_pan
        self.column = self._shape[1] // 2
        self._pictures = self._taken()
        geometry = {key: getattr(self._like, key) for key in GEOMETRY}
        self.layer: Image = viewer.add_image(
            self._composite(), name=SWIPE, rgb=True, metadata={METADATA_KEY: {"made_by": "swipe"}}, **geometry
        )
        camera(viewer).mouse_pan = False  # the mouse moves the line; the wheel still zooms
        # napari gives the mouse back whenever another layer is selected
        viewer.layers.selection.events.active.connect(self._keep_mouse, position="last")
        viewer.mouse_drag_callbacks.append(self._drag)
        viewer.dims.events.current_step.connect(self._on_slice)
        viewer.layers.events.removed.connect(self._on_removed)

    def _taken(self) -> tuple[Picture, Picture]:
        left, right = (picture(x, self.viewer, self._grid, self._shape) for x in (self.left, self.right))
        return left, right

    def _composite(self) -> Picture:
        left, right = self._pictures
        image = right.copy()
        image[:, : self.column] = left[:, : self.column]
        half = max(1, round(LINE * self._shape[1]))
        image[:, max(0, self.column - half) : self.column + half] = LINE_COLOUR
        return self._in_every_plane(image)

    def _in_every_plane(self, image: Picture) -> Picture:
        """Return an image as one of the shape of the finer layer, the same in every plane; it takes no memory."""
        row, column = plane_dims(self._like)
        shape = snapshot(self._like).data.shape[: self._like.ndim]
        others = tuple(dim for dim in range(len(shape)) if dim not in (row, column))
        turned = image if row < column else image.swapaxes(0, 1)
        return np.broadcast_to(np.expand_dims(turned, others), (*shape, 3))

    def move_to(self, column: int) -> None:
        """Put the line at a column of the finer image."""
        self.column = int(np.clip(column, 0, self._shape[1]))
        self.layer.data = self._composite()

    def _drag(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Follow the mouse as long as a button is held."""
        self._follow(event)
        yield
        while event.type == "mouse_move":
            self._follow(event)
            yield

    def _follow(self, event: Any) -> None:
        _, column = pixels(self._grid, plane_point(self._like, self.viewer, event.position))
        self.move_to(round(float(column)))

    def _keep_mouse(self, event: Any = None) -> None:
        camera(self.viewer).mouse_pan = False

    def _on_slice(self, event: Any = None) -> None:
        self._pictures = self._taken()
        self.move_to(self.column)

    def _on_removed(self, event: Any = None) -> None:
        if not all(layer in self.viewer.layers for layer in (self.left, self.right, self.layer)):
            self.gone()

    def stop(self) -> None:
        """Take the line away."""
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.viewer.layers.selection.events.active.disconnect(self._keep_mouse)
        camera(self.viewer).mouse_pan = self._pan
        with suppress(ValueError):
            self.viewer.mouse_drag_callbacks.remove(self._drag)
        self.viewer.dims.events.current_step.disconnect(self._on_slice)
        if self.layer in self.viewer.layers:
            remove_layer(self.viewer, self.layer)
        if self._active in self.viewer.layers:
            self.viewer.layers.selection.active = self._active
        camera(self.viewer).mouse_pan = self._pan  # selecting may have changed it
