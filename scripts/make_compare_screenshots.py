"""Compare in a real viewer with real clicks, and take the screenshots of it in docs/images.

xvfb-run -a -s "-screen 0 1700x1050x24" python scripts/make_compare_screenshots.py
"""

from __future__ import annotations

import napari
import numpy as np
from make_screenshots import click, shoot, wait


def super_resolve(viewer: napari.Viewer, name: str, models: tuple[str, ...]) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: widget._job is None and widget.model_box.card() is not None)
    for model in models:
        widget.reference_box.setCurrentIndex(0)  # Compare does the comparing
        widget.layer_box.select_name(name)
        assert widget.model_box.select(model), f"{model} is not in the list"
        click(widget.run_button)
        wait(lambda: widget._job is None, 300)
    viewer.window.remove_dock_widget("all")


def tour(viewer: napari.Viewer, sample: str, prefix: str, models: tuple[str, ...]) -> None:
    viewer.layers.clear()
    viewer.open_sample("napari-sr", sample)
    lr = next(x for x in viewer.layers if x.name.endswith("LR"))
    super_resolve(viewer, lr.name, models)
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    click(dock.compare_button)
    wait(lambda: dock._job is None)
    print(dock.table.text(), dock.warning.text(), dock.conditions.text(), sep="\n", flush=True)
    newest = f"{lr.name} [{models[0]}]"
    dock.left_box.select_name(lr.name)
    dock.right_box.select_name(newest)
    click(dock.swipe_button)
    shoot(viewer, f"{prefix}-swipe")
    click(dock.swipe_button)
    click(dock.side_button)
    wait(seconds=0.5)
    shoot(viewer, f"{prefix}-side-by-side")
    click(dock.side_button)
    click(dock.plots_button)
    for kind, name in ((0, "spectra"), (1, "ratio"), (2, "frc"), (4, "histogram")):
        dock._plots.kind_box.setCurrentIndex(kind)
        wait(lambda: not dock._plots._latest.busy)
        shoot(viewer, f"{prefix}-{name}")
    dock._plots_dock.hide()
    dock.reference_section.collapse(animate=False)
    dock.see_section.collapse(animate=False)
    dock.trust_section.expand(animate=False)
    dock.trust.layer_box.select_name(newest)
    wait(seconds=0.3)
    click(dock.trust.consistency_button)
    wait(lambda: dock._job is None)
    print(dock.status.text(), flush=True)
    shoot(viewer, f"{prefix}-consistency")
    viewer.layers[-1].visible = False
    dock.trust.view_box.setChecked(False)
    click(dock.trust.uncertainty_button)
    wait(lambda: dock._job is None, 300)
    print(dock.status.text(), flush=True)
    shoot(viewer, f"{prefix}-uncertainty")
    assert np.isfinite(viewer.layers[-1].data).all()
    viewer.window.remove_dock_widget("all")


def main() -> None:
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1500, 950)
    tour(viewer, "em-phantom", "compare-em", ("em-wgan-pixel-x4", "em-wiener-x4"))
    tour(viewer, "nbody", "compare-nbody", ("nbody-dfcan-x4", "nbody-wiener-x4"))
    viewer.close()


if __name__ == "__main__":
    main()
