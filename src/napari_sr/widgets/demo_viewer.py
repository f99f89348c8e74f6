"""The viewer at the end of ``napari-sr demo``: its layers, aligned, and the Super-resolve widget.

``python -m napari_sr.widgets.demo_viewer FOLDER [--screenshot PNG]``
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from napari_sr.images.readers import read_image

#: seconds that the dock must have been at rest before its picture is taken, and that are waited for that at most
STILL, LONGEST = 1.0, 60.0


def add_layers(viewer: Any, folder: Path) -> None:
    """Add the TIFFs of the EM job, the LR image at the bottom and the super-resolved ones on top."""
    import numpy as np

    from napari_sr.widgets.layers.density import register_units

    files = {f.stem: f for f in sorted(folder.glob("*.tif"))}
    models = [n for n in files if n not in ("LR", "HR") and not n.endswith("-map")]
    maps = [n for n in files if n.endswith("-map")]
    hr_size = read_image(files["HR"]).pixel_size or (1.0, 1.0)
    unit = register_units(read_image(files["HR"]).unit)
    for name in ["HR", *maps, "LR", *models]:
        data = np.asarray(read_image(files[name]).data)
        factor = 4 if name == "LR" else 1
        limits: dict[str, Any] = {"colormap": "gray"}
        if name.endswith("ssim-map"):
            limits = {"colormap": "viridis", "contrast_limits": [0, 1]}
        elif name.endswith("error-map"):
            limits = {"colormap": "inferno"}
        viewer.add_image(
            data, name=name, scale=[s * factor for s in hr_size], units=(unit, unit),
            translate=[s * (factor - 1) / 2 for s in hr_size],
            visible=name == "LR" or name in models,
            metadata={"napari_sr": {"kind": "EM"} | ({"reference": "HR"} if name == "LR" else {})}, **limits,
        )  # fmt: skip
    viewer.layers.selection.active = viewer.layers["LR"]


def main() -> None:
    """Show the results of the demo."""
    import napari
    from qtpy.QtWidgets import QApplication

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--screenshot", type=Path)
    arguments = parser.parse_args()
    viewer = napari.Viewer(title="napari-sr demo", show=True)
    viewer.window._qt_window.resize(1500, 900)
    add_layers(viewer, arguments.folder / "em")
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    overlays = viewer.canvas.overlays if hasattr(viewer, "canvas") else viewer  # moved with napari 0.9
    overlays.scale_bar.visible = True
    if arguments.screenshot is None:
        napari.run()
        return
    # the list of models, and what suits the image, arrive from the background
    start, settled = time.monotonic(), 0.0
    while time.monotonic() - start < LONGEST and settled < STILL:
        before = time.monotonic()
        QApplication.processEvents()
        time.sleep(0.01)
        settled = 0.0 if dock.busy or dock.form.model_box.card() is None else settled + time.monotonic() - before
    viewer.screenshot(str(arguments.screenshot), canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    main()
