"""Train in a real viewer with real clicks, and take the screenshots of it in docs/images.

xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/make_training_screenshots.py [STEPS]

Fine-tunes a shipped model with `wgan-gp`, and another with `dfcan`, each for 200 steps, on the EM phantom; then
super-resolves the phantom with the model before and after, and prints how they differ.
"""

from __future__ import annotations

import os
import sys
import tempfile

import napari
import numpy as np
from make_screenshots import click, shoot, wait
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_sr.widgets.super_resolve.preview_layer import camera
from napari_sr.widgets.train.stage import BOX


def drag(viewer: napari.Viewer, start: np.ndarray, end: np.ndarray) -> None:
    """Drag the mouse from one place of the world to another."""
    canvas = viewer.window._qt_viewer.canvas.native

    def pixel(world: np.ndarray) -> QPointF:
        view = camera(viewer)
        y, x = (world - np.asarray(view.center)[-2:]) * view.zoom
        return QPointF(canvas.width() / 2 + x, canvas.height() / 2 + y)

    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    steps = [start + share * (end - start) for share in np.linspace(0, 1, 8)]
    events = [(QEvent.Type.MouseMove, start, none, none), (QEvent.Type.MouseButtonPress, start, left, left)]
    events += [(QEvent.Type.MouseMove, place, none, left) for place in steps]
    events.append((QEvent.Type.MouseButtonRelease, end, left, none))
    for kind, place, button, buttons in events:
        at = pixel(place)
        event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(canvas, event)
        wait(seconds=0.1)


def train(viewer: napari.Viewer, widget: object, recipe: str, start: str, steps: int, name: str) -> None:
    widget.form.data_section.expand(animate=False)
    widget.form.recipe_section.expand(animate=False)
    widget.form.start_box.setCurrentIndex(widget.form.start_box.findText(start))
    widget.form.recipe_box.setCurrentIndex(widget.form.recipe_box.findData(recipe))
    widget.form.name_edit.setText(name)
    for field, value in {"steps": steps, "batch_size": 1, "validate_every": max(1, steps // 8)}.items():
        widget.recipe.advanced[field].value = value
    if recipe == "wgan-gp":
        widget.recipe.advanced["adversarial.n_critic"].value = 1
    wait(lambda: "on this computer" in widget.form.estimate.text(), 120)
    print(recipe, widget.form.estimate.text(), flush=True)
    shoot(viewer, f"train-{recipe}-settings")
    click(widget.form.train_button)
    wait(lambda: widget.run.step >= 2, 300)
    if recipe == "wgan-gp":
        before = widget.run.watch.stage.place()
        middle = np.asarray(viewer.layers[BOX].data[0]).mean(axis=0) * np.asarray(viewer.layers[BOX].scale)
        drag(viewer, middle, middle * [0.95, 0.5])
        print("the box went from", before, "to", widget.run.watch.stage.place(), flush=True)
        shoot(viewer, "train-moved")
    wait(lambda: widget.run.step >= 0.6 * steps, 3000)
    shoot(viewer, f"train-{recipe}-running")
    wait(lambda: widget.job is None, 3000)
    print(widget.form.status.text(), widget.form.warning.text(), flush=True)
    shoot(viewer, f"train-{recipe}-done")
    if widget.form.verdict_box.keep_button.isVisible():  # no better than the model that it started from
        click(widget.form.verdict_box.keep_button)
        wait(lambda: not widget.form.verdict_box.keep_button.isVisible(), 60)


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"NAPARI_SR_RUNS": f"{folder}/runs", "NAPARI_SR_MODELS": f"{folder}/models"}
        viewer = napari.Viewer(show=True)
        viewer.window._qt_window.resize(1400, 900)
        viewer.open_sample("napari-sr", "em-phantom")
        _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Train")
        wait(lambda: widget.ready and widget.job is None)
        train(viewer, widget, "wgan-gp", "em-wgan-pixel-x4", steps, "my-gan")
        train(viewer, widget, "dfcan", "em-dfcan-x4", steps, "my-dfcan")

        viewer.window.remove_dock_widget("all")
        viewer.layers.clear()
        viewer.open_sample("napari-sr", "em-phantom")
        _, other = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
        wait(lambda: not other.busy and other.form.model_box.card() is not None)
        lr = viewer.layers["EM phantom (simulated) LR"]
        images = {}
        for model in ("em-wgan-pixel-x4", "my-gan", "em-dfcan-x4", "my-dfcan"):
            other.form.layer_box.select_name(lr.name)
            assert other.choose_model(model), f"{model} is not in the list"
            click(other.form.run_button)
            wait(lambda: not other.busy, 300)
            images[model] = np.asarray(viewer.layers[f"{lr.name} [{model}]"].data, float)
            print(model, other.form.status.text().replace("\n", " "), flush=True)
        for before, after in (("em-wgan-pixel-x4", "my-gan"), ("em-dfcan-x4", "my-dfcan")):
            difference = np.abs(images[after] - images[before]).mean()
            print(f"{after} differs from {before} by {difference:.2f} grey levels on average")
        shoot(viewer, "train-in-list")
        viewer.close()


if __name__ == "__main__":
    main()
