"""How long the viewer keeps a user waiting while a run, or a training, is going on.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/responsiveness.py [--seconds 30]
    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/responsiveness.py --train wgan-gp --seconds 60
    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/responsiveness.py --live

A 10-ms QTimer runs in the GUI thread; its gaps are measured idle, during a run, and while the layer is
added (or during a training, with its curves and pictures), in one process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer

from napari_sr.images.samples import load_sample
from napari_sr.widgets.super_resolve.dock import SuperResolve


class Gaps:
    """Gaps between the ticks of a 10-ms timer."""

    def __init__(self) -> None:
        self.timer = QTimer()
        self.timer.setInterval(10)
        self.timer.timeout.connect(self.tick)
        self.reset()

    def reset(self) -> None:
        self.last, self.values = time.perf_counter(), []
        self.timer.start()

    def tick(self) -> None:
        now = time.perf_counter()
        self.values.append(1000 * (now - self.last))
        self.last = now

    def report(self, title: str) -> float:
        p99 = float(np.percentile(self.values, 99))
        print(f"{title}: {len(self.values)} ticks, 99th percentile {p99:.0f} ms, longest {max(self.values):.0f} ms")
        return p99


def wait(condition: object, seconds: float) -> None:
    """Run an event loop until the condition holds or the time is over.

    A loop of its own: when the application's ends, napari takes it for the end of the viewer and stops all workers.
    """
    end = time.monotonic() + seconds
    loop = QEventLoop()
    timer = QTimer()
    timer.setInterval(20)
    timer.timeout.connect(lambda: loop.exit() if time.monotonic() > end or condition() else None)
    timer.start()
    loop.exec()
    timer.stop()


def train(viewer: napari.Viewer, recipe: str, seconds: float) -> None:
    """Measure a training with everything that it shows."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_SR_RUNS"] = folder
        viewer.open_sample("napari-sr", "em-phantom")
        _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Train")
        wait(lambda: widget.ready and widget.job is None, 60)
        widget.form.recipe_box.setCurrentIndex(widget.form.recipe_box.findData(recipe))
        widget.recipe.advanced["validate_every"].value = 25
        wait(lambda: "on this computer" in widget.form.estimate.text(), 120)
        gaps = Gaps()
        wait(lambda: False, 10)
        idle = gaps.report("idle")
        widget.form.train_button.click()
        wait(lambda: widget.run.step >= 2, 120)
        if widget.run.step < 2:
            raise SystemExit(f"The training did not start: {widget.form.status.text()}")
        gaps.reset()
        wait(lambda: False, seconds)
        busy = gaps.report(f"training with {recipe}, step {widget.run.step}")
        print(f"above idle: {busy - idle:.0f} ms")
        widget.form.stop_button.click()
        asked = time.perf_counter()
        wait(lambda: widget.job is None, 120)
        print(f"Stop took {time.perf_counter() - asked:.1f} s")


def live(viewer: napari.Viewer) -> None:
    """Measure the preview that follows a slider: how long an update takes, and how the window feels meanwhile."""
    viewer.add_image(np.tile(load_sample("em-phantom").hr[:400, :400], (2, 2)), name="image")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: not widget.busy and widget.form.model_box.card() is not None, 60)
    widget.choose_model("em-x4")
    for _ in range(3):  # the first ones find out how large a preview may be
        widget.preview()
        wait(lambda: not widget.busy, 60)
    slider = widget.form.conditions.sliders["blur"].slider
    took = []
    for step in range(20, 180, 4):
        start = time.perf_counter()
        slider.setValue(step)
        while widget.busy:
            wait(lambda: not widget.busy, 0.02)
        took.append(1000 * (time.perf_counter() - start))
    print(f"one update: median {np.median(took):.0f} ms, 90th percentile {np.percentile(took, 90):.0f} ms")
    print(widget.form.status.text())
    gaps = Gaps()
    wait(lambda: False, 5)
    gaps.report("idle")
    gaps.reset()
    moves = iter(np.tile(np.r_[20:180:2, 180:20:-2], 20).tolist())
    drag = QTimer()
    drag.setInterval(30)  # as a hand drags
    drag.timeout.connect(lambda: slider.setValue(next(moves)))
    drag.start()
    wait(lambda: False, 15)
    drag.stop()
    gaps.report("while the slider is dragged")
    wait(lambda: not widget.busy, 60)


def start(widget: SuperResolve) -> None:
    """Press Run, and once more if the model is said not to suit the image."""
    for _ in range(2):
        if not widget.running:
            widget.form.run_button.click()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--model", default="em-wgan-pixel-x4")
    parser.add_argument("--train", metavar="RECIPE", help="Measure a training with this recipe instead.")
    parser.add_argument("--live", action="store_true", help="Measure the preview that follows a slider instead.")
    arguments = parser.parse_args()
    viewer = napari.Viewer(show=True)
    if arguments.live:
        live(viewer)
        viewer.close()
        return
    if arguments.train:
        train(viewer, arguments.train, arguments.seconds)
        viewer.close()
        return
    lr = load_sample("em-phantom").hr
    viewer.add_image(np.tile(lr, (3, 3)), name="image")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: widget.job is None and widget.form.model_box.card() is not None, 60)
    widget.choose_model(arguments.model)
    wait(lambda: not widget.busy, 60)
    gaps = Gaps()
    wait(lambda: False, 10)
    idle = gaps.report("idle")
    start(widget)
    wait(lambda: False, 1)
    gaps.reset()
    wait(lambda: not widget.running, arguments.seconds)
    busy = gaps.report("running")
    print(f"above idle: {busy - idle:.0f} ms")
    widget.cancel()
    wait(lambda: widget.job is None, 60)
    viewer.layers.clear()
    wait(lambda: False, 0.5)  # napari crashes in OpenGL if layers come before it has drawn that there are none
    viewer.add_image(lr[:320, :320], name="small")
    wait(lambda: not widget.busy, 60)
    gaps.reset()
    start(widget)
    wait(lambda: not widget.busy, 300)
    gaps.report("a whole run of 320 x 320 pixels, adding the layer included")
    viewer.close()


if __name__ == "__main__":
    main()
