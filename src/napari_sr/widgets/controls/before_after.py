"""A patch before and after a degradation, side by side, as small pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_sr.degradations import DENSITIES
from napari_sr.densities import own_log
from napari_sr.errors import SRError
from napari_sr.widgets.base.latest import Latest

if TYPE_CHECKING:
    import napari

#: side of the patch in HR pixels, and of a picture on the screen
PATCH, SHOWN = 160, 124
#: side of the part of a file that is read, in pixels
LARGEST = 2048
Pictures = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


class BeforeAfter(QWidget):
    """Two pictures: a patch of the HR image, and what the degradation makes of it.

    Parameters
    ----------
    after
        Title of the second one.
    """

    def __init__(self, after: str = "low resolution") -> None:
        super().__init__()
        self.before, self.after = QLabel(), QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for label, title in ((self.before, "high resolution"), (self.after, after)):
            column = QVBoxLayout()
            caption = QLabel(title)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(caption, 0, Qt.AlignmentFlag.AlignHCenter)
            label.setFixedSize(SHOWN, SHOWN)
            label.setWordWrap(True)
            row.addLayout(column)
        self.latest = Latest(self, self._show, self._fail)

    def show_layer(self, layer: napari.layers.Image, degradation: str, scale: int) -> None:
        """Show the middle of an image layer (of its last plane) and its degraded self, in the layer's contrast.

        Parameters
        ----------
        layer
            Without colours.
        degradation, scale
            As in :func:`napari_sr.degradations.degrade`. Densities are shown by their logarithm.
        """
        data = layer.data[0] if layer.multiscale else layer.data
        low, high = (float(v) for v in layer.contrast_limits)
        log = degradation in DENSITIES
        self.latest.ask(lambda: _pictures(data, degradation, scale, (low, high), log))

    def show_file(self, path: Path, degradation: str, scale: int) -> None:
        """Show the middle of the first image of a file or folder and its degraded self."""

        def pictures() -> Pictures:
            from napari_sr.images.lazy_plane import open_planes
            from napari_sr.images.listing import image_files

            plane = open_planes(image_files(path)[0])[0]
            # as much as the pictures show, and what its noise and its contrast depend on
            sides = [slice(max(0, (n - LARGEST) // 2), max(0, (n - LARGEST) // 2) + LARGEST) for n in plane.shape]
            part = np.asarray(plane[sides[0], sides[1]])
            low, high = (float(v) for v in np.nanpercentile(part, (0.1, 99.9)))
            return _pictures(part, degradation, scale, (low, high), degradation in DENSITIES)

        self.latest.ask(pictures)

    def clear(self) -> None:
        """Show nothing."""
        self.latest.forget()
        self.before.clear()
        self.after.clear()

    def shut_down(self) -> None:
        """Stop: the widget will be gone."""
        self.latest.forget()

    def _fail(self, message: str) -> None:
        self.before.clear()
        self.after.setText(message)

    def _show(self, pictures: Pictures) -> None:
        for label, picture in zip((self.before, self.after), pictures, strict=True):
            label.setPixmap(_pixmap(picture, self.devicePixelRatioF()))


def _pictures(hr: Any, preset: str, scale: int, limits: tuple[float, float], log: bool) -> Pictures:
    """Return both patches as grey values."""
    from napari_sr.degradations import low_resolution, make_degradation

    height, width = hr.shape[-2:]
    side = min(height, width, PATCH) // scale * scale
    if side < scale:
        raise SRError("The image is too small to be reduced.")
    y, x = (height - side) // 2, (width - side) // 2
    plane = hr[(*(n - 1 for n in hr.shape[:-2]),)] if hr.ndim > 2 else hr
    patch = np.asarray(plane[y : y + side, x : x + side])
    # noise is as strong as in the whole image, whatever the patch shows
    lr = low_resolution(patch, make_degradation(preset, scale).bound_to(plane), np.random.default_rng(0))
    return _grey(patch, limits, log), _grey(lr, limits, log)


def _grey(image: npt.NDArray[Any], limits: tuple[float, float], log: bool) -> npt.NDArray[np.uint8]:
    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = limits
    if log:
        values = own_log(values)
        low, high = float(values.min()), float(values.max())
    return np.clip((values - low) / (high - low or 1.0) * 255, 0, 255).astype(np.uint8)


def _pixmap(grey: npt.NDArray[np.uint8], ratio: float) -> QPixmap:
    """Return a picture with sharp pixels, on a screen with ``ratio`` of its own to one of the window's."""
    grey = np.ascontiguousarray(grey)
    height, width = grey.shape
    image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    side = round(SHOWN * ratio)
    pixmap = QPixmap.fromImage(image.copy()).scaled(
        side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.FastTransformation
    )
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
