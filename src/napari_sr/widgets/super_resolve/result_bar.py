"""What can be done with a result right after it came: looking at it in several ways, measuring it, undoing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets.compare.side_by_side import Flicker
from napari_sr.widgets.compare.swipe import Swipe, too_large
from napari_sr.widgets.layers.results import result_maps

#: pixels up to which both sides of a swipe are drawn into one picture


class ResultBar(QWidget):
    """Buttons beside a result; hidden while there is none. ``pressed`` tells the name of one, and whether it is on."""

    pressed = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self.before, self.swipe, self.maps = QPushButton("Before"), QPushButton("Swipe"), QPushButton("Maps")
        self.compare, self.undo = QPushButton("Compare…"), QPushButton("Undo")
        tips = {
            self.before: "Shows the image as it was, and the result again when pressed once more.",
            self.swipe: "A line over the image, dragged with the mouse: the image left of it, the result right.",
            self.maps: "Shows or hides the SSIM and error maps of the result.",
            self.compare: "Opens Compare: figures, maps and curves of this result, with or without a reference.",
            self.undo: "Takes the result and its maps away, and brings back what they replaced.",
        }
        self.write = QPushButton("Write whole image…")
        self.write.setToolTip(
            "Asks for a file (OME-Zarr), super-resolves all of the image into it in the background, and then shows "
            "what was written in place of the layer."
        )
        self.write.clicked.connect(lambda: self.pressed.emit("write", False))
        self.write.hide()
        layout, row = QVBoxLayout(self), QHBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        row.setSpacing(3)
        layout.addLayout(row)
        layout.addWidget(self.write)
        for button, tip in tips.items():
            button.setToolTip(tip)
            button.setCheckable(button in (self.before, self.swipe, self.maps))
            button.setStyleSheet("padding: 4px 2px;")  # five of them have to fit into a narrow dock
            row.addWidget(button, 1)
            name = button.text().rstrip("…").lower()
            # clicked, not toggled: what is switched by the program was not pressed
            button.clicked.connect(lambda on=False, name=name: self.pressed.emit(name, bool(on)))
        self.hide()

    def show_lazy(self, lazy: bool) -> None:
        """Offer what can be done with a layer that is looked around in: it is not there as a whole."""
        self.write.setVisible(lazy)
        for button in (self.swipe, self.compare):
            button.setVisible(not lazy)

    def release(self) -> None:
        """Show no way of looking as switched on."""
        self.before.setChecked(False)
        self.swipe.setChecked(False)


class ResultTools:
    """Switches the ways of looking at one result beside its image.

    Parameters
    ----------
    viewer
        The viewer.
    bar
        Where they are switched.
    say
        Says why one cannot be switched on.
    """

    def __init__(self, viewer: Any, bar: ResultBar, say: Callable[[str, str], None]) -> None:
        self.viewer, self.bar, self._say = viewer, bar, say
        self._tool: Swipe | Flicker | None = None
        self.layer: Image | None = None
        self.result: Image | None = None

    def take(self, layer: Image, result: Image) -> None:
        """Look at another result from now on."""
        self.stop()
        self.layer, self.result = layer, result
        self.bar.maps.setChecked(bool(self.maps()))

    def forget(self) -> None:
        """There is no result any more."""
        self.stop()
        self.layer = self.result = None

    def there(self) -> bool:
        """Return True if the result is in the viewer."""
        return self.result is not None and self.result in self.viewer.layers

    def maps(self) -> list[Image]:
        """Return the maps of the result."""
        return [] if self.result is None else result_maps(self.viewer, self.result)

    def switch(self, name: str, on: bool) -> None:
        """Switch a way of looking on or off."""
        if name == "maps":
            shown = self.maps()
            for layer in shown:
                layer.visible = on and layer is shown[0]
            return
        self.stop(but=name if on else "")
        if not on or self.result is None:
            return
        if self.layer is None or self.layer not in self.viewer.layers or self.viewer.dims.ndisplay != 2:
            self.bar.release()
            why = "The image is not in the viewer any more." if self.viewer.dims.ndisplay == 2 else "This works in 2-D."
            self._say(why, "warning")
            return
        if name == "swipe" and too_large(self.result):
            self.bar.release()
            self._say("The result is too large for Swipe. Before shows the image in its place.", "warning")
        elif name == "swipe":
            self._tool = swipe = Swipe(self.viewer, self.layer, self.result)
            swipe.gone = self.stop
        else:
            self._tool = Flicker(self.viewer, self.layer)

    def stop(self, *, but: str = "") -> None:
        """Show the layers as they were."""
        if self._tool is not None:
            self._tool.stop()
            self._tool = None
        for name, button in (("before", self.bar.before), ("swipe", self.bar.swipe)):
            button.setChecked(name == but)
