"""How a layer feels whose tiles are computed where it is looked at: time to the first tile, and panning meanwhile.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/lazy_layer.py [--side 100000] [--seconds 8]

A large synthetic image (a dask array with its own pyramid, drawn when it is read) is opened, *as I look around* is
chosen and Run is pressed. The view is then zoomed with the wheel and dragged with the mouse, by events of Qt. A 10-ms
QTimer runs in the GUI thread; its gaps are measured while panning over the image alone, over the image and a copy of
it, and over the layer while its tiles are computed, in turns and in one process.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication
from responsiveness import Gaps, start, wait

from napari_sr.images.samples import load_sample
from napari_sr.inference.lazy.lazy_image import LazyImage
from napari_sr.widgets.super_resolve.dock import SuperResolve
from napari_sr.widgets.super_resolve.preview_layer import camera
from napari_sr.widgets.super_resolve.state import AROUND

CHUNK = 1024


def image(side: int) -> list[Any]:
    """Return an image of ``side`` x ``side`` pixels and its pyramid."""
    import dask.array as da

    drawn = load_sample("em-phantom").hr
    levels = []
    for step in (2**n for n in range(20)):
        pattern = drawn[::step, ::step] if step < 64 else drawn[::64, ::64]
        n = side // step

        def block(block_info: Any = None, pattern: Any = pattern) -> Any:
            (top, bottom), (left, right) = block_info[None]["array-location"]
            rows, columns = (np.arange(a, b) % len(pattern) for a, b in ((top, bottom), (left, right)))
            return pattern[np.ix_(rows, columns)]

        chunks = tuple((*(CHUNK,) * (n // CHUNK), *((n % CHUNK,) if n % CHUNK else ())) for _ in range(2))
        levels.append(da.map_blocks(block, chunks=chunks, dtype=drawn.dtype, meta=np.empty((0, 0), drawn.dtype)))
        if n < CHUNK:
            break
    return levels


class Mouse:
    """A hand on the mouse over the canvas."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.middle = QPoint(self.canvas.width() // 2, self.canvas.height() // 2)
        self.timer = QTimer()
        self.timer.setInterval(16)
        self.timer.timeout.connect(self._step)
        self.path: list[QPoint] = []

    def _send(self, kind: Any, at: QPoint, button: Any, buttons: Any) -> None:
        glob = QPointF(self.canvas.mapToGlobal(at))
        event = QMouseEvent(kind, QPointF(at), glob, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.canvas, event)

    def wheel(self, notches: int) -> None:
        """Turn the wheel."""
        for _ in range(abs(notches)):
            event = QWheelEvent(
                QPointF(self.middle), QPointF(self.canvas.mapToGlobal(self.middle)), QPoint(0, 0),
                QPoint(0, int(math.copysign(120, notches))), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(self.canvas, event)
            wait(lambda: False, 0.03)

    def pan(self, seconds: float) -> None:
        """Drag the image to and fro, ever further, as a hand does: 60 moves a second."""
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        reach, end = min(self.middle.x(), self.middle.y()) * 0.8, time.monotonic() + seconds
        sign = 1
        while time.monotonic() < end:
            steps = 50
            self.path = [
                self.middle + QPoint(int(sign * reach * (2 * n / steps - 1)), int(reach * 0.4 * (2 * n / steps - 1)))
                for n in range(steps + 1)
            ]
            first = self.path[0]
            self._send(QMouseEvent.Type.MouseButtonPress, first, left, left)
            self.timer.start()
            wait(lambda: not self.path, 10)
            self.timer.stop()
            self._send(QMouseEvent.Type.MouseButtonRelease, self.middle, left, none)
            wait(lambda: False, 0.1)
            sign = -sign if np.random.default_rng().random() < 0.3 else sign

    def _step(self) -> None:
        if self.path:
            self._send(QMouseEvent.Type.MouseMove, self.path.pop(0), Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--model", default="em-x4")
    parser.add_argument("--zoom", type=float, default=2.0, help="pixels of the screen to one of the image")
    arguments = parser.parse_args()
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1600, 1000)
    source = viewer.add_image(image(arguments.side), multiscale=True, name="slide", contrast_limits=(0, 255))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: not widget.busy and widget.form.model_box.card() is not None, 120)
    widget.choose_model(arguments.model)
    wait(lambda: not widget.busy, 120)
    measure(viewer, widget, source, arguments)
    viewer.close()


def measure(viewer: napari.Viewer, widget: SuperResolve, source: Any, arguments: argparse.Namespace) -> None:
    """Print all figures."""
    mouse, gaps = Mouse(viewer), Gaps()
    canvas, shape = mouse.canvas, source.level_shapes[0]
    print(f"image of {shape[0]} x {shape[1]} pixels, canvas of {canvas.height()} x {canvas.width()}")
    widget.form.part_box.setCurrentText(AROUND)
    begin = time.perf_counter()
    start(widget)
    wait(lambda: len(viewer.layers) == 2, 60)
    print(f"the layer is there after {1000 * (time.perf_counter() - begin):.0f} ms")
    lazy, layer = widget.looking.shown().lazy, viewer.layers[-1]
    copy = viewer.add_image(list(source.data), multiscale=True, name="copy", contrast_limits=(0, 255), visible=False)
    while camera(viewer).zoom < arguments.zoom:
        mouse.wheel(1)
    begin = time.perf_counter()
    wait(lambda: lazy.seen().computed >= 1, 300)
    took = time.perf_counter() - begin
    print(
        f"zoomed in, the first tile is there {took:.1f} s later; the model was loaded and the plane measured on the way"
    )
    # in turns, since other programs may be at work on the computer, too; drawing two layers takes longer than one
    for _ in range(arguments.turns):
        for title, shown in (("the image", ()), ("the image and a copy of it", (copy,)), ("tiles that come", (layer,))):
            for one in (copy, layer):
                one.visible = one in shown
            wait(lambda: False, 1)
            before, begin = lazy.seen().computed, time.perf_counter()
            gaps.reset()
            mouse.pan(arguments.seconds)
            gaps.report(f"panning over {title}")
            done, took = lazy.seen().computed - before, time.perf_counter() - begin
        print(f"{done} tiles meanwhile, {done / took:.1f} a second")
    begin = time.perf_counter()
    wait(lambda: lazy.seen().there == lazy.seen().wanted > 0, 300)
    print(f"all {lazy.seen().wanted} tiles in view {time.perf_counter() - begin:.1f} s after panning")
    print(f"cache: {lazy.cache.nbytes / 2**20:.0f} of {lazy.cache.limit / 2**20:.0f} MiB")
    reads("of a dask array", lazy)
    small = LazyImage([np.tile(load_sample("em-phantom").hr, (8, 8))], "YX", scale=4, load=lambda: None)
    reads("of an array in memory", small)


def reads(what: str, lazy: LazyImage) -> None:
    """Print how long a view takes that is read anew: 1600 x 1000 pixels of the finest level."""
    level, times = lazy.levels[0], []
    for n in range(1, 16):
        rows, columns = (slice(1200 * n, 1200 * n + length) for length in (1000, 1600))
        for _ in range(2):
            begin = time.perf_counter()
            np.asarray(level[rows, columns])
            times.append(1000 * (time.perf_counter() - begin))
    print(
        f"reading 1600 x 1000 pixels {what}: {np.median(times[::2]):.1f} ms new, {np.median(times[1::2]):.1f} ms again"
    )


if __name__ == "__main__":
    main()
