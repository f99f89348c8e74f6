"""Super-resolve real images at their own pixels with what is recommended, in the real viewer: before and after.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/make_real_screenshots.py

Writes docs/images/real-NAME.png: on the left the image as it is, on the right the result, at the same place. No LR
image is made here; none of these images was trained on. Images are those of scripts/models/data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_sr.images.listing import read_planes
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.preview_layer import camera

HERE = Path(__file__).parent
DATA = HERE / "models/data"
OUT = HERE.parent / "docs/images"
#: file, plane, kind, nanometres a pixel, rows and columns of the place that is shown
IMAGES: dict[str, tuple[str, int, str, float, tuple[int, int]]] = {
    "fly-brain-fib-sem": ("em_flyem_medulla/flyem_test.tif", 0, "EM", 10, (260, 260)),
    "rat-nerve-sem": ("sem_axondeepseg_MIT/test/sub-rat6_sample-data15_SEM.tif", 0, "EM", 130, (300, 300)),
    "mitochondrion-tem": ("em_bio_neubias/em_mitochondria_er.tif", 0, "EM", 8, (250, 260)),
    "nuclei-and-pores": ("fluo_neubias/xyc_8bit__nuclei_nup_c0.tif", 0, "fluorescence", 264, (256, 256)),
    "membranes": ("fluo_ccby_notebooks/membranes_2d.tif", 0, "fluorescence", 260, (128, 128)),
}
#: pixels of the image across the picture
ACROSS = 130


def wait(until: Callable[[], bool], seconds: float) -> None:
    """Let the window work until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        QApplication.processEvents()
        time.sleep(0.01)


def place(viewer: Any, row: float, column: float, step: float, height: int) -> None:
    """Show the same part of the image in every picture."""
    view = camera(viewer)
    view.center = (0, row * step, column * step)
    view.zoom = height / (ACROSS * step)


def main() -> None:
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 950)
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: not dock.busy and dock.form.model_box.card() is not None, 60)
    for name, (file, plane, kind, size, (row, column)) in IMAGES.items():
        viewer.layers.clear()
        image = np.asarray(read_planes(DATA / file)[plane])
        viewer.add_image(
            image, name=name, scale=(size, size), units=("nm", "nm"), metadata={METADATA_KEY: {"kind": kind}},
            contrast_limits=[float(v) for v in np.percentile(image, (0.2, 99.8))],
        )  # fmt: skip
        wait(lambda: not dock.busy, 60)
        wait(lambda: False, 1)
        canvas = viewer.screenshot(canvas_only=True, flash=False)
        preds = []
        for _ in ("before", "after"):
            place(viewer, row, column, size, min(canvas.shape[:2]))
            wait(lambda: False, 1)
            preds.append(viewer.screenshot(canvas_only=True, flash=False)[..., :3])
            if len(preds) == 1:
                dock.run()
                wait(lambda: not dock.busy, 300)
        side = min(preds[0].shape[:2])
        middle = [p[(p.shape[0] - side) // 2 :, (p.shape[1] - side) // 2 :][:side:2, :side:2] for p in preds]
        joined = np.concatenate([middle[0], np.full((middle[0].shape[0], 6, 3), 255, np.uint8), middle[1]], axis=1)
        from PIL import Image

        Image.fromarray(joined).save(OUT / f"real-{name}.png", optimize=True)
        report = viewer.layers[-1].metadata[METADATA_KEY]["report"]
        print(
            name,
            report["model"],
            report["conditions"],
            report["problems"],
            dock.form.fit_panel.verdict.text(),
            flush=True,
        )
    viewer.close()


if __name__ == "__main__":
    main()
