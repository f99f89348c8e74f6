"""What a result brings with it, and how it goes again."""

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from small_models import make_model

from napari_sr import upscale
from napari_sr.models.model import save
from napari_sr.widgets.base.remembered import remembered
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.dock import NAME
from napari_sr.widgets.super_resolve.state import RECTANGLE, VIEW


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def done(qtbot, widget):
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)


def run(qtbot, widget):
    click(qtbot, widget.form.run_button)
    done(qtbot, widget)


def pair(viewer, lr):
    hr = viewer.add_image(np.kron(lr, np.ones((4, 4), np.uint8)), name="truth", translate=(0, 0))
    cells = viewer.add_image(
        lr, name="cells", scale=(4, 4), translate=(1.5, 1.5), metadata={METADATA_KEY: {"reference": "truth"}}
    )
    return hr, cells


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_a_preview_of_a_chosen_image_chooses_no_other(widget, viewer, qtbot, lr):
    """The image in the box was not the selected one: the preview selected another, and the box followed."""
    first, second = viewer.add_image(lr, name="first"), viewer.add_image(lr[::-1], name="second")
    widget.form.layer_box.select(first)
    assert viewer.layers.selection.active is second
    for _ in range(2):
        click(qtbot, widget.form.preview_button)
        done(qtbot, widget)
        assert widget.form.layer_box.layer() is first
        assert viewer.layers.selection.active is second
    run(qtbot, widget)
    assert widget.form.layer_box.layer() is first
    assert viewer.layers[-1].name == "first [small-wgan-x4]"
    assert "SR preview" not in names(viewer)  # it goes when a result comes


def test_what_is_selected_because_another_layer_went_chooses_nothing(widget, viewer, lr):
    first, second = viewer.add_image(lr, name="first"), viewer.add_image(lr, name="second")
    third = viewer.add_image(lr, name="third")
    widget.form.layer_box.select(first)
    viewer.layers.remove(third)
    assert widget.form.layer_box.layer() is first
    viewer.layers.selection.active = second  # her choice
    assert widget.form.layer_box.layer() is second


def test_a_second_run_takes_the_place_of_the_first_unless_both_are_kept_and_can_be_undone(widget, viewer, qtbot, lr):
    pair(viewer, lr)
    run(qtbot, widget)
    first = names(viewer)
    assert len(first) == 5
    run(qtbot, widget)
    assert names(viewer) == first
    before = viewer.layers["cells [small-wgan-x4]"]
    before.opacity = 0.5  # hers: undo brings it back as it was
    widget.form.keep_box.setChecked(True)
    run(qtbot, widget)
    assert len(viewer.layers) == 8
    assert before in viewer.layers
    click(qtbot, widget.form.result_bar.undo)
    assert names(viewer) == first
    assert widget.form.result_bar.isHidden()
    widget.form.keep_box.setChecked(False)
    run(qtbot, widget)
    assert before not in viewer.layers
    click(qtbot, widget.form.result_bar.undo)
    assert names(viewer) == first
    assert viewer.layers["cells [small-wgan-x4]"] is before
    assert before.opacity == 0.5


@pytest.mark.window
def test_the_result_has_its_buttons(widget, viewer, qtbot, lr):
    _, cells = pair(viewer, lr)
    run(qtbot, widget)
    bar = widget.form.result_bar
    result, error, ssim = list(viewer.layers)[-3:]
    assert not bar.isHidden()
    assert bar.maps.isChecked()
    click(qtbot, bar.maps)
    assert not ssim.visible
    click(qtbot, bar.maps)
    assert (ssim.visible, error.visible) == (True, False)
    click(qtbot, bar.before)
    assert [x for x in viewer.layers if x.visible] == [cells]
    click(qtbot, bar.before)
    assert result.visible
    click(qtbot, bar.swipe)
    assert any("swipe" in name for name in names(viewer))
    assert widget.form.layer_box.layer() is cells
    click(qtbot, bar.before)  # one way of looking at a time
    assert not bar.swipe.isChecked()
    assert not any("swipe" in name for name in names(viewer))
    click(qtbot, bar.before)
    click(qtbot, bar.compare)
    (_, compare), *_ = [x for x in viewer.window.dock_widgets.items() if "Compare" in x[0]]
    assert compare.form.reference_box.layer().name == "truth"
    viewer.layers.remove(result)
    assert bar.isHidden()


def test_without_a_reference_there_are_no_maps_to_show(widget, viewer, qtbot, lr):
    viewer.add_image(lr)
    run(qtbot, widget)
    assert not widget.form.result_bar.isHidden()
    assert widget.form.result_bar.maps.isHidden()


@pytest.mark.parametrize("part", [VIEW, RECTANGLE])
def test_a_part_is_what_a_run_on_the_whole_image_has_there(part, widget, viewer, qtbot, rng):
    stack = rng.integers(0, 200, (2, 60, 50)).astype(np.uint8)
    stack[:, :, 25:] += 50  # another range than the part
    layer = viewer.add_image(stack, name="cells", scale=(1, 3, 3), translate=(0, 9, 5), rotate=(0, 0, 0))
    widget.form.settings.precision.setCurrentIndex(widget.form.settings.precision.findData("fp32"))
    if part == RECTANGLE:
        corners = np.array([[0, 10, 8], [0, 10, 30], [0, 40, 30], [0, 40, 8]])
        world = np.array([layer.data_to_world(c) for c in corners])
        viewer.add_shapes([world], shape_type="rectangle")
    else:
        layer.corner_pixels = np.array([[0, 10, 8], [1, 40, 30]])
    widget.form.part_box.setCurrentText(part)
    run(qtbot, widget)
    found = viewer.layers[-1]
    assert found.name == "cells [small-wgan-x4]"
    whole = upscale(stack, make_model(), precision="fp32", device="cpu", axes="ZYX")
    first = np.rint(np.subtract(found.data_to_world((0, 0, 0)), layer.data_to_world((0, 0, 0)))[1:] / 3 + 0.375).astype(
        int
    )
    height, width = found.data.shape[1:]
    there = whole[:, 4 * first[0] : 4 * first[0] + height, 4 * first[1] : 4 * first[1] + width]
    assert there.shape == found.data.shape
    assert 4 * 20 <= min(height, width) < 4 * 40
    halo = 4 * make_model().network.halo
    inner = (slice(None), slice(halo, -halo), slice(halo, -halo))
    np.testing.assert_allclose(found.data[inner].astype(int), there[inner].astype(int), atol=1)


def test_without_a_rectangle_it_says_how_to_draw_one(widget, viewer, qtbot, lr):
    viewer.add_image(lr)
    widget.form.part_box.setCurrentText(RECTANGLE)
    click(qtbot, widget.form.run_button)
    assert "Add a Shapes layer" in widget.form.status.text()
    assert len(viewer.layers) == 1


def test_a_part_is_compared_with_that_part_of_the_reference(widget, viewer, qtbot, lr):
    hr, cells = pair(viewer, lr)
    viewer.add_shapes([np.array([[40, 20], [40, 120], [160, 120], [160, 20]])], shape_type="rectangle")
    viewer.layers.selection.active = cells
    widget.form.part_box.setCurrentText(RECTANGLE)
    run(qtbot, widget)
    result, error, _ = list(viewer.layers)[-3:]
    first = np.rint(result.data_to_world((0, 0))).astype(int)
    part = hr.data[first[0] :, first[1] :][: result.data.shape[0], : result.data.shape[1]]
    np.testing.assert_allclose(error.data, np.abs(result.data.astype(float) - part), atol=1e-4)


def test_a_dropped_model_is_opened_and_listed_again_the_next_day(widget, viewer, qtbot, tmp_path):
    save(make_model("rcan", 4), tmp_path / "mine.safetensors")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "mine.safetensors"))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    widget.dropEvent(event)
    done(qtbot, widget)
    name = widget.form.model_box.card().name
    assert "stays in the list" in widget.form.status.text()
    assert remembered(NAME)["recent"] == [str(tmp_path / "mine.safetensors")]
    from napari_sr.widgets.super_resolve.dock import SuperResolve

    again = SuperResolve(viewer)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: not again.busy and not again.models.loading, timeout=60_000)
    assert name in [card.name for card in again.form.model_box.cards()]
    assert again.choose_model(name)
    again.shut_down()
    qtbot.waitUntil(lambda: not again.busy, timeout=60_000)


def test_settings_are_kept_from_one_day_to_the_next(widget, viewer, qtbot):
    widget.form.settings.tile.setValue(64)
    widget.form.settings.precision.setCurrentIndex(1)
    widget.form.keep_box.setChecked(True)
    from napari_sr.widgets.super_resolve.dock import SuperResolve

    again = SuperResolve(viewer)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: not again.busy and not again.models.loading, timeout=60_000)
    assert again.form.settings.settings() == widget.form.settings.settings()
    assert again.form.keep_box.isChecked()
    again.shut_down()
    qtbot.waitUntil(lambda: not again.busy, timeout=60_000)


def test_the_scale_bar_is_shown_where_distances_are_known_and_stays_off_once_switched_off(widget, viewer, qtbot, lr):
    bar = viewer.canvas.overlays.scale_bar
    viewer.add_image(lr)
    run(qtbot, widget)
    assert not bar.visible
    viewer.layers.clear()
    viewer.add_image(lr, scale=(40, 40), units=("nm", "nm"))
    run(qtbot, widget)
    assert bar.visible
    bar.visible = False
    run(qtbot, widget)
    assert not bar.visible


def test_a_movie_of_stacks_is_not_taken_for_channels(widget, viewer, rng):
    viewer.add_image(rng.integers(0, 9, (3, 4, 20, 20)).astype(np.uint8))
    assert widget.form.axes_edit.text() == "TZYX"
    viewer.add_image(rng.integers(0, 9, (3, 4, 20, 20)).astype(np.uint8), axis_labels=("c", "z", "y", "x"))
    assert widget.form.axes_edit.text() == "CZYX"
    viewer.add_labels(np.zeros((5, 5), int), name="nuclei")
    assert "nuclei is a Labels layer" in widget.form.hint.text()
