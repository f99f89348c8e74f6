"""What the colours of the map mean that is seen now."""

from __future__ import annotations

from typing import Any

from napari_sr.widgets.base.messages import QUIET, MessageLabel
from napari_sr.widgets.layers.maps import is_map, legend_of


class MapLegend(MessageLabel):
    """A line with the legend of the uppermost map that is visible; empty, and hidden, while there is none.

    Parameters
    ----------
    viewer
        Its layers are followed.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(QUIET)
        self.viewer = viewer
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self._look)
        self._followed: list[Any] = []
        self._look()

    def _look(self, event: Any = None) -> None:
        for layer in [x for x in self.viewer.layers if is_map(x) and x not in self._followed]:
            layer.events.visible.connect(self._look)
            self._followed.append(layer)
        self._followed = [x for x in self._followed if x in self.viewer.layers]
        seen = [x for x in self.viewer.layers if is_map(x) and x.visible]
        self.say(f"{legend_of(seen[-1])}." if seen else "")

    def disconnect_viewer(self) -> None:
        """Follow no layers any more."""
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.disconnect(self._look)
        for layer in self._followed:
            layer.events.visible.disconnect(self._look)
        self._followed = []
