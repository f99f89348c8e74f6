"""Take a picture of every dock in both themes and at two sizes of the window, in docs/images/docks.

xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/make_dock_screenshots.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import napari
from make_screenshots import click, wait
from PIL import Image

OUT = Path(__file__).parents[1] / "docs" / "images" / "docks"
SIZES = ((1280, 720), (1600, 1000))
#: of what is stored: as files, pictures of whole windows are large
COLOURS = 256


def docks(viewer: napari.Viewer) -> dict[str, Any]:
    """Open every dock on the phantom, with a result and a comparison."""
    viewer.open_sample("napari-sr", "em-phantom")
    opened: dict[str, Any] = {}
    for title in ("Super-resolve", "Simulate low resolution", "Train", "Compare", "Models"):
        _, opened[title] = viewer.window.add_plugin_dock_widget("napari-sr", title)
        dock = opened[title]
        wait(lambda dock=dock: dock.job is None and not dock.side_jobs)
        if title == "Super-resolve":
            wait(lambda dock=dock: dock.form.model_box.card() is not None)
            click(dock.form.run_button)
        elif title == "Train":
            wait(lambda dock=dock: "on this computer" in dock.form.estimate.text())
        elif title == "Compare":
            click(dock.form.compare_button)
        elif title == "Models":
            wait(lambda dock=dock: not dock.loading)
        wait(lambda dock=dock: dock.job is None)
    return opened


def main() -> None:
    os.environ["NAPARI_SR_MODELS"] = "/home/you/napari-sr/models"  # nobody's own models, and no path of this machine
    OUT.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(show=True)
    opened = docks(viewer)
    for theme in ("dark", "light"):
        viewer.theme = theme
        for width, height in SIZES:
            viewer.window._qt_window.resize(width, height)
            for title, dock in opened.items():
                raise_dock(dock)
                wait(seconds=1.0)
                path = OUT / f"{title.split()[0].lower()}-{theme}-{width}.png"
                viewer.screenshot(str(path), canvas_only=False, flash=False)
                with Image.open(path) as picture:
                    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
                size = viewer.window._qt_window.size()
                print(path.name, f"window {size.width()} x {size.height()}, dock {dock.width()} wide", flush=True)
                assert size.width() <= width
                assert size.height() <= height
    viewer.close()


def raise_dock(dock: Any) -> None:
    """Bring a dock that is a tab to the front."""
    from qtpy.QtWidgets import QDockWidget

    parent = dock.parent()
    while not isinstance(parent, QDockWidget):
        parent = parent.parent()
    parent.show()
    parent.raise_()


if __name__ == "__main__":
    main()
