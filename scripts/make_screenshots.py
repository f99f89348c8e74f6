"""Take the screenshots in docs/images, in a real viewer with real clicks.

xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/make_screenshots.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import napari
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_sr.widgets.super_resolve.preview_layer import camera

OUT = Path(__file__).parents[1] / "docs" / "images"


def wait(condition: object = lambda: False, seconds: float = 90.0) -> None:
    """Run the event loop until the condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        QApplication.processEvents()
        time.sleep(0.005)


def click(button: QWidget) -> None:
    """Scroll to a button, and press it."""
    area = button.parentWidget()
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    if area is not None:
        area.ensureWidgetVisible(button)
    wait(lambda: not button.visibleRegion().isEmpty(), 10)  # layouts settle when there is time
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def shoot(viewer: napari.Viewer, name: str) -> None:
    wait(seconds=0.7)
    viewer.screenshot(str(OUT / f"{name}.png"), canvas_only=False, flash=False)
    print(name, flush=True)


def main() -> None:
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1400, 860)
    viewer.open_sample("napari-sr", "em-phantom")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: not widget.busy and widget.form.model_box.card() is not None)
    shoot(viewer, "sample")

    click(widget.form.preview_button)
    wait(lambda: not widget.busy)
    shoot(viewer, "preview")
    viewer.layers.remove(viewer.layers[-1])
    # an image that is sharper than those that a specialist was trained on
    high, low = (next(x for x in viewer.layers if x.name.endswith(end)) for end in ("HR", "LR"))
    high.visible, low.visible, viewer.layers.selection.active = True, False, high
    widget.choose_model("em-wiener-x4")
    wait(lambda: not widget.busy)
    click(widget.form.run_button)
    shoot(viewer, "unsuitable")
    high.visible, low.visible, viewer.layers.selection.active = False, True, low
    wait(lambda: not widget.busy)
    widget.form.fit_panel.verdict.linkActivated.emit("use:em-x4")

    widget.form.settings.tile.setValue(48)
    widget.form.settings.overlap.setValue(12)
    viewer.window._status_bar._toggle_activity_dock(True)
    click(widget.form.run_button)
    wait(lambda: widget.form.bar.value() > 400 or not widget.busy)
    shoot(viewer, "running")
    wait(lambda: not widget.busy)
    viewer.window._status_bar._toggle_activity_dock(False)
    camera(viewer).zoom *= 3
    sr = next(layer for layer in viewer.layers if layer.name.endswith("[em-x4]"))
    click(widget.form.result_bar.maps)
    lr = next(layer for layer in viewer.layers if layer.name.endswith("LR"))
    # the super-resolved layer on the right half, the original on the left
    half = sr.data.shape[1] // 2
    shown = sr.data.copy()
    beside = sr.translate.copy()
    beside[1] += half * sr.scale[1]
    viewer.add_image(
        shown[:, half:],
        name="right half: super-resolved",
        scale=sr.scale,
        translate=beside,
        units=sr.units,
        contrast_limits=sr.contrast_limits,
    )
    sr.visible = False
    lr.visible = True
    shoot(viewer, "zoomed")
    viewer.layers.remove(viewer.layers[-1])
    sr.visible = True
    camera(viewer).zoom /= 3
    click(widget.form.result_bar.maps)
    shoot(viewer, "result")
    click(widget.form.result_bar.maps)

    error = next(layer for layer in viewer.layers if layer.name.startswith("error map"))
    error.visible, sr.visible = True, False
    shoot(viewer, "error-map")
    error.visible, sr.visible = False, True

    click(widget.form.card_button)
    wait(seconds=0.5)
    widget.dialog.grab().save(str(OUT / "card.png"))
    widget.dialog.close()

    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "broken.safetensors"
        broken.write_bytes(b"not a model")
        widget.open_model(broken)
        wait(lambda: not widget.busy)
        shoot(viewer, "error")

    widget.form.settings.tile.setValue(0)
    widget.form.settings.overlap.setValue(widget.form.settings.overlap.minimum())
    viewer.layers.clear()
    viewer.open_sample("napari-sr", "nbody")
    wait(lambda: not widget.busy)
    widget.choose_model("nbody-x4")
    click(widget.form.run_button)
    wait(lambda: not widget.busy)
    shoot(viewer, "nbody")

    viewer.layers.clear()
    viewer.open_sample("napari-sr", "em-phantom")
    hr = next(layer for layer in viewer.layers if layer.name.endswith("HR"))
    viewer.layers.selection.active = hr
    for layer in viewer.layers:
        layer.visible = layer is hr
    viewer.window.remove_dock_widget(widget)
    _, simulate = viewer.window.add_plugin_dock_widget("napari-sr", "Simulate low resolution")
    simulate.preset_box.choose("elliptic(sigma=3, across=1.5, angle=30) + area + shot(photons=100, read=2)")
    wait(lambda: not simulate.before_after.latest.busy)
    shoot(viewer, "simulate")
    viewer.close()


if __name__ == "__main__":
    main()
