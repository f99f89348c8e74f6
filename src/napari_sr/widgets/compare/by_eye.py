"""The buttons and keys that switch ways of comparing by eye on and off."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QPushButton

from napari_sr.errors import ImageError, SRError
from napari_sr.widgets.base.messages import WARNING
from napari_sr.widgets.compare.magnifier import Magnifier
from napari_sr.widgets.compare.side_by_side import Flicker, SideBySide
from napari_sr.widgets.compare.swipe import Swipe, too_large
from napari_sr.widgets.layers.snapshot import METADATA_KEY

#: keys over the canvas
KEYS = {"swipe": "Shift-S", "side": "Shift-G", "magnifier": "Shift-M", "flicker": "Shift-F"}
HINT = (
    "Keys over the image: Shift+S swipe, Shift+G side by side, Shift+M magnifier; hold Shift+F to see the left layer "
    "alone."
)


TWO = "Choose two different layers, Left and Right."
IN_2D = "Images are compared by eye in 2-D: press the button with the square, below the list of layers."


class SeeButtons:
    """Switches the tools; one at a time, and each once more to be off.

    Parameters
    ----------
    viewer
        The viewer.
    pair
        Returns the left and the right layer; None if two different ones are not chosen.
    reference
        Returns the reference.
    buttons
        Checkable, by the names in :data:`KEYS`.
    window
        The magnifier's parent.
    say
        Says why something cannot be switched on.
    """

    def __init__(
        self,
        viewer: Any,
        *,
        pair: Callable[[], tuple[Image, Image] | None],
        reference: Callable[[], Image | None],
        buttons: dict[str, QPushButton],
        window: Any,
        say: Callable[..., None],
    ) -> None:
        self._say = say
        self.viewer, self.pair, self.reference, self.buttons, self._window = viewer, pair, reference, buttons, window
        self.tool: Swipe | SideBySide | Magnifier | None = None
        for name, button in buttons.items():
            button.toggled.connect(lambda on, name=name: self._toggle(name, on))
            viewer.bind_key(KEYS[name], lambda _, button=button: button.click(), overwrite=True)
        viewer.bind_key(KEYS["flicker"], self._flicker, overwrite=True)

    def _toggle(self, name: str, on: bool) -> None:
        if on:
            for other, button in self.buttons.items():
                if other != name:
                    button.setChecked(False)  # which stops it
            pair = self.pair()
            if pair is None or self.viewer.dims.ndisplay != 2:
                self.buttons[name].setChecked(False)
                self._say(IN_2D if pair else TWO, WARNING)
                return
            try:
                self.tool = self._make(name, *pair)
            except SRError as error:
                self.buttons[name].setChecked(False)
                self._say(str(error), WARNING)
        elif self.tool is not None:
            self.tool.stop()
            self.tool = None

    def _make(self, name: str, left: Image, right: Image) -> Swipe | SideBySide | Magnifier:
        if name == "swipe":
            if too_large(left) or too_large(right):
                raise ImageError("These images are too large for Swipe. The magnifier shows parts of them.")
            swipe = Swipe(self.viewer, left, right)
            swipe.gone = lambda: self.buttons[name].setChecked(False)
            return swipe
        reference = self.reference()
        shown = [left, right] + ([reference] if reference not in (None, left, right) else [])
        if name == "side":
            images = [x for x in self.viewer.layers if isinstance(x, Image)]  # outlines alone show nothing
            maps = [x for x in images if x.metadata.get(METADATA_KEY, {}).get("made_by") == "comparison"]
            of_these = [x for x in maps if any(x.metadata[METADATA_KEY].get("of") == y.name for y in shown)]
            return SideBySide(self.viewer, [*shown, *of_these])
        magnifier = Magnifier(self.viewer, shown, self._window)
        magnifier.closed.connect(lambda: self.buttons[name].setChecked(False))
        magnifier.show()
        return magnifier

    def _flicker(self, viewer: Any) -> Generator[None, None, None]:
        """As long as the key is held, the left layer alone."""
        pair = self.pair()
        flicker = None if pair is None else Flicker(self.viewer, pair[0])
        yield
        if flicker is not None:
            flicker.stop()

    def shut_down(self) -> None:
        """Switch off what is on, and give the keys back."""
        if self.tool is not None:
            self.tool.stop()
            self.tool = None
        for key in KEYS.values():
            with suppress(KeyError):
                self.viewer.bind_key(key, None)
