"""What a training shows on the canvas: a box to move, and LR, SR and HR of the patch in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Shapes

from napari_sr.widgets.layers.removal import remove_layer
from napari_sr.widgets.layers.snapshot import METADATA_KEY

if TYPE_CHECKING:
    from napari_sr.training.preview import Patches, Place

#: side of the patch in LR pixels
SIDE = 32
BOX = "training: move this box"
NAMES = {"lr": "training: LR", "sr": "training: SR", "hr": "training: HR"}
#: free space between the image and the pictures beside it, as a share of the image's height
GAP = 0.07
COLOUR = "#f0b429"
CAPTIONS = "training: captions"
TITLES = ("LR", "SR now", "HR, the truth")


class TrainStage:
    """The layers of one run, which end with it.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        HR layer that the pictures are taken from.
    scale
        Of the model.
    start
        First row and column of the box in LR pixels.
    on_move
        Called when the place has changed.
    """

    def __init__(
        self, viewer: Any, layer: Image, *, scale: int, start: tuple[int, int], on_move: Callable[[], None]
    ) -> None:
        self.viewer, self.layer, self.scale, self.on_move = viewer, layer, scale, on_move
        self.rows, self.columns = (int(n) for n in layer.data.shape[-2:])
        self._corner = start
        self._plane = 0
        self._captioned = False
        self._selected = viewer.layers.selection.active
        self._remove_old()
        self.box = Shapes(
            [self._rectangle()], shape_type="rectangle", name=BOX, edge_color=COLOUR,
            edge_width=max(1, self.rows / 250), face_color="#00000000",
            metadata={METADATA_KEY: {"made_by": "training"}}, **self._transform(),
        )  # fmt: skip
        viewer.add_layer(self.box)
        self.box.mode = "select"
        self.box.events.data.connect(self._moved)
        viewer.dims.events.current_step.connect(self._stepped)
        self._stepped()

    def place(self) -> Place:
        """Return where the next picture is taken; called from the training's thread."""
        from napari_sr.training.preview import Place

        row, column = self._corner
        return Place(self._plane, row, column)

    def _transform(self) -> dict[str, Any]:
        """Return the transform of the layer's last two axes."""
        layer = self.layer
        transform: dict[str, Any] = {
            "scale": layer.scale[-2:], "translate": layer.translate[-2:], "units": layer.units[-2:],
            "axis_labels": layer.axis_labels[-2:],
        }  # fmt: skip
        if layer.ndim == 2:
            transform |= {"rotate": layer.rotate, "shear": layer.shear, "affine": layer.affine}
        return transform

    def _rectangle(self) -> np.ndarray:
        """Return the box's corners: from the outer edge of its first pixel to that of its last."""
        top, left = (n * self.scale - 0.5 for n in self._corner)
        side = SIDE * self.scale
        bottom, right = min(top + side, self.rows - 0.5), min(left + side, self.columns - 0.5)
        return np.array([[top, left], [top, right], [bottom, right], [bottom, left]])

    def _moved(self, event: Any) -> None:
        if str(getattr(event, "action", "")) not in ("ActionType.CHANGED", "changed") or not len(self.box.data):
            return
        corners = np.asarray(self.box.data[0])
        centre = corners.mean(axis=0)
        new = []
        for middle, length in zip(centre, (self.rows, self.columns), strict=True):
            most = max(0, length // self.scale - SIDE)
            new.append(int(np.clip(round((middle + 0.5) / self.scale - SIDE / 2), 0, most)))
        self._corner = (new[0], new[1])
        with self.box.events.data.blocker():
            self.box.data = [self._rectangle()]
        self.on_move()

    def _stepped(self, event: Any = None) -> None:
        shape = self.layer.data.shape[:-2]
        if shape and self.layer in self.viewer.layers:  # else the user has removed it: the sliders are of other layers
            point = np.asarray(self.viewer.dims.point)[-self.layer.ndim :] * unit_factors(self.viewer, self.layer)
            index = np.round(self.layer.world_to_data(point)).astype(int)[:-2]
            index = np.clip(index, 0, np.array(shape) - 1)
            self._plane = int(np.ravel_multi_index(tuple(index), shape))
        self.on_move()

    def show(self, patches: Patches) -> None:
        """Show the pictures in a column to the right of the image, LR above SR above HR."""
        first = not any(x.name in NAMES.values() for x in self.viewer.layers)
        active = self.viewer.layers.selection.active
        scale = np.asarray(self.layer.scale[-2:], float)
        origin = np.asarray(self.layer.translate[-2:], float) - scale / 2
        height = self.rows * scale[0]
        gap = GAP * height
        pixel = (height - 2 * gap) / 3 / patches.hr.shape[0]
        for number, name in enumerate(("lr", "sr", "hr")):
            image = np.asarray(getattr(patches, name))
            size = pixel * patches.hr.shape[0] / image.shape[0]
            top = origin[0] + number * (height + gap) / 3
            left = origin[1] + self.columns * scale[1] + gap
            where = {"scale": (size, size), "translate": (top + size / 2, left + size / 2)}
            existing = next((x for x in self.viewer.layers if x.name == NAMES[name]), None)
            if existing is not None and tuple(existing.units) != tuple(self.layer.units[-2:]):
                remove_layer(self.viewer, existing)
                existing = None
            if existing is None:
                existing = self.viewer.add_image(
                    image, name=NAMES[name], colormap=self.layer.colormap, gamma=self.layer.gamma,
                    contrast_limits=self.layer.contrast_limits, units=self.layer.units[-2:],
                    axis_labels=self.layer.axis_labels[-2:], metadata={METADATA_KEY: {"made_by": "training"}}, **where,
                )  # fmt: skip
            else:
                existing.data = image
                existing.scale, existing.translate = where["scale"], where["translate"]
                existing.gamma = self.layer.gamma
                existing.contrast_limits, existing.colormap = self.layer.contrast_limits, self.layer.colormap
        self._caption(origin, height, gap, scale)
        if first:
            self.viewer.reset_view()
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active

    def _caption(self, origin: np.ndarray, height: float, gap: float, scale: np.ndarray) -> None:
        """Write above each picture what it is."""
        if self._captioned:
            return
        self._captioned = True
        left = origin[1] + self.columns * scale[1] + gap
        corners = np.array([[origin[0] + number * (height + gap) / 3, left] for number in range(3)])
        self.viewer.add_points(
            corners, name=CAPTIONS, size=scale[0], opacity=1.0, face_color="#00000000", border_color="#00000000",
            text={"string": list(TITLES), "anchor": "upper_left", "color": COLOUR, "size": 11},
            units=self.layer.units[-2:], axis_labels=self.layer.axis_labels[-2:],
            metadata={METADATA_KEY: {"made_by": "training"}},
        )  # fmt: skip

    def close(self) -> None:
        """Take the box and its pictures away."""
        self.viewer.dims.events.current_step.disconnect(self._stepped)
        self.box.events.data.disconnect(self._moved)
        self._remove_old()
        if self.viewer.layers.selection.active is None and self._selected in self.viewer.layers:
            self.viewer.layers.selection.active = self._selected

    def _remove_old(self) -> None:
        for old in [x for x in self.viewer.layers if x.name in (BOX, CAPTIONS, *NAMES.values())]:
            remove_layer(self.viewer, old)


def unit_factors(viewer: Any, layer: Image) -> np.ndarray:
    """Return how many of the layer's units one of the viewer's is, for each dimension of the layer."""
    units = getattr(viewer.layers, "units", None)
    if units is None or len(units) < layer.ndim:
        return np.ones(layer.ndim)
    pairs = zip(tuple(units)[-layer.ndim :], layer.units, strict=True)
    return np.array([(1 * world).to(own).magnitude if world.is_compatible_with(own) else 1.0 for world, own in pairs])


def show_plane(viewer: Any, layer: Image, index: list[int]) -> None:
    """Move the viewer's sliders to a plane of a layer: the number in each dimension before the last two."""
    world = np.asarray(layer.data_to_world([*index, 0, 0])) / unit_factors(viewer, layer)
    for axis in range(layer.ndim - 2):
        viewer.dims.set_point(viewer.dims.ndim - layer.ndim + axis, world[axis])
