"""Compare in a real viewer with real clicks, and take the screenshots of it in docs/images.

xvfb-run -a -s "-screen 0 1700x1050x24" python scripts/make_compare_screenshots.py [folders]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import tifffile
from make_screenshots import OUT, click, shoot, wait
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sr.degradations import low_resolution, make_degradation
from napari_sr.images.samples import load_sample


def super_resolve(viewer: napari.Viewer, name: str, models: tuple[str, ...]) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    wait(lambda: not widget.busy and widget.form.model_box.card() is not None)
    for model in models:
        widget.form.reference_box.setCurrentIndex(0)  # Compare does the comparing
        widget.form.layer_box.select_name(name)
        assert widget.choose_model(model), f"{model} is not in the list"
        click(widget.form.run_button)
        wait(lambda: not widget.busy, 300)
    viewer.window.remove_dock_widget("all")


def tour(viewer: napari.Viewer, sample: str, prefix: str, models: tuple[str, ...]) -> None:
    viewer.layers.clear()
    viewer.open_sample("napari-sr", sample)
    lr = next(x for x in viewer.layers if x.name.endswith("LR"))
    super_resolve(viewer, lr.name, models)
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    dock.form.hallucination_box.setChecked(True)
    dock.form.niqe_box.setCurrentIndex(dock.form.niqe_box.findData("EM" if prefix.endswith("em") else "N-body"))
    click(dock.form.compare_button)
    wait(lambda: dock.job is None)
    print(dock.form.status.text())
    print(dock.form.table.text(), dock.form.warning.text(), dock.form.conditions.text(), sep="\n", flush=True)
    newest = f"{lr.name} [{models[0]}]"
    short = newest.removeprefix(lr.name.split(" LR")[0]).strip()
    maps = [x for x in viewer.layers if x.name.endswith(short) and x.name.startswith(("hallucination", "made up"))]
    for layer in maps:
        layer.visible = True
    shoot(viewer, f"{prefix}-hallucination")
    for layer in maps:
        layer.visible = False
    dock.form.left_box.select_name(lr.name)
    dock.form.right_box.select_name(newest)
    click(dock.form.swipe_button)
    shoot(viewer, f"{prefix}-swipe")
    click(dock.form.swipe_button)
    click(dock.form.magnifier_button)
    middle = (np.array(viewer.layers.extent.world[0]) + viewer.layers.extent.world[1]) / 2
    dock.see.tool.look_at(middle[-2:])
    wait(seconds=0.3)
    save(dock.see.tool, f"{prefix}-magnifier")
    click(dock.form.magnifier_button)
    click(dock.form.side_button)
    wait(seconds=0.5)
    shoot(viewer, f"{prefix}-side-by-side")
    click(dock.form.side_button)
    click(dock.form.plots_button)
    low, high = (np.array(v)[-2:] for v in viewer.layers.extent.world)
    line = np.array([low + 0.4 * (high - low), low + 0.6 * (high - low)])
    shapes = viewer.add_shapes(
        [line], shape_type="line", edge_color="cyan", edge_width=float(high[0] - low[0]) / 300, units=lr.units
    )
    for kind, name in ((3, "profile"), (0, "spectra"), (1, "ratio"), (2, "frc"), (4, "histogram")):
        dock.last.plots.kind_box.setCurrentIndex(kind)
        wait(lambda: not dock.last.plots.latest.busy)
        shoot(viewer, f"{prefix}-{name}")
    dock.last.plots_dock.hide()
    viewer.layers.remove(shapes)
    dock.form.reference_section.collapse(animate=False)
    dock.form.see_section.collapse(animate=False)
    dock.form.trust_section.expand(animate=False)
    dock.trust.layer_box.select_name(newest)
    wait(seconds=0.3)
    click(dock.trust.consistency_button)
    wait(lambda: dock.job is None)
    print(dock.form.status.text(), flush=True)
    shoot(viewer, f"{prefix}-consistency")
    viewer.layers[-1].visible = False
    dock.trust.view_box.setChecked(False)
    click(dock.trust.uncertainty_button)
    wait(lambda: dock.job is None, 300)
    print(dock.form.status.text(), flush=True)
    shoot(viewer, f"{prefix}-uncertainty")
    assert np.isfinite(viewer.layers[-1].data).all()
    rank(dock, prefix)
    viewer.window.remove_dock_widget("all")


def rank(dock: Any, prefix: str) -> None:
    """Make a ranking of what is compared, and drag the last picture to the front."""
    dock.form.trust_section.collapse(animate=False)
    dock.form.blind_section.expand(animate=False)
    wait(seconds=0.3)
    with tempfile.TemporaryDirectory() as folder:
        dock.ranking.count_box.setValue(3)
        dock.ranking.create_in(Path(folder))
        wait(lambda: dock.job is None)
        window = dock.ranking.window_
        window.name_edit.setText("Ada")
        click(window.start_button)
        wait(seconds=0.3)
        cells = window.cards.cells()
        drag(window.cards, cells[-1].center(), cells[1].center(), lambda: save(window, f"{prefix}-ranking"))
        for _ in range(3):
            wait(seconds=0.6)  # a click right after a patch has appeared is not an answer
            click(window.next_button)
        click(window.show_button)
        print(window.result.text(), flush=True)
        dock.ranking.shut_down()


def drag(cards: Any, start: QPoint, end: QPoint, in_between: Callable[[], None]) -> None:
    QTest.mousePress(cards, Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.6, 0.9):
        at = start + (end - start) * share
        global_at = QPointF(cards.mapToGlobal(at))
        held = Qt.MouseButton.LeftButton
        event = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(at), global_at, Qt.MouseButton.NoButton, held, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(cards, event)
    wait(seconds=0.2)
    in_between()
    QTest.mouseRelease(cards, Qt.MouseButton.LeftButton, pos=end)


def save(window: Any, name: str) -> None:
    window.grab().save(str(OUT / f"{name}.png"))


def folders(viewer: napari.Viewer) -> None:
    """A folder that is super-resolved, and a model measured on pairs: three parts of the EM phantom."""
    viewer.layers.clear()
    hr = load_sample("em-phantom").hr
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # so that short paths are shown
        for name in ("measured", "truth"):
            Path(name).mkdir()
        for number, part in enumerate((hr[:240, :240], hr[:240, -240:], hr[-240:, :240])):
            lr = low_resolution(part, make_degradation("em", 4), np.random.default_rng(number))
            tifffile.imwrite(f"truth/cell {number + 1}.tif", part)
            tifffile.imwrite(f"measured/cell {number + 1}.tif", lr.astype(np.uint8))
        _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
        wait(lambda: widget.job is None and widget.form.model_box.card() is not None)
        widget.form.model_box.select("em-dfcan-x4")
        widget.form.folder_part.expand(animate=False)
        widget.folder.source.set_path(Path("measured"))
        click(widget.folder.run_button)
        wait(lambda: widget.job is None)
        widget.folder._show(widget.folder.results.item(1))
        shoot(viewer, "folders-super-resolve")
        viewer.window.remove_dock_widget("all")
        viewer.layers.clear()
        _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
        for section in (dock.form.reference_section, dock.form.see_section):
            section.collapse(animate=False)
        dock.form.folders_section.expand(animate=False)
        wait(lambda: dock.quality.model_box.count() > 0)
        dock.quality.lr_path.set_path(Path("measured"))
        dock.quality.hr_path.set_path(Path("truth"))
        dock.quality.model_box.select("em-dfcan-x4")
        click(dock.quality.check_button)
        wait(lambda: dock.job is None)
        dock.quality._show(dock.quality.pairs.item(0))
        wait(lambda: dock.job is None)
        viewer.layers["SSIM map · SR"].visible = True
        viewer.reset_view()
        shoot(viewer, "folders-compare")
        viewer.window.remove_dock_widget("all")
        os.chdir(before)


def main() -> None:
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1500, 950)
    if sys.argv[1:] == ["folders"]:
        folders(viewer)
        viewer.close()
        return
    tour(viewer, "em-phantom", "compare-em", ("em-wgan-x4", "em-wgan-pixel-x4", "em-wiener-x4"))
    tour(viewer, "nbody", "compare-nbody", ("nbody-wgan-x4", "nbody-x4", "nbody-wiener-x4"))
    folders(viewer)
    viewer.close()


if __name__ == "__main__":
    main()
