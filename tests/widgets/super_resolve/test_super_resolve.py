"""The widget as a user meets it: real viewer, real clicks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import QApplication
from small_models import make_model

from napari_sr import load_model, upscale
from napari_sr.inference import parts
from napari_sr.inference.runner import Runner
from napari_sr.models.blend import blend
from napari_sr.models.model import save
from napari_sr.models.store import user_folder
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.controls.reference_box import NONE, OTHERS
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve import dock
from napari_sr.widgets.super_resolve.preview_layer import NAME, camera


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def done(qtbot, widget):
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)


def run(qtbot, widget):
    click(qtbot, widget.form.run_button)
    assert not widget.form.run_button.isEnabled()
    assert widget.form.cancel_button.isEnabled()
    done(qtbot, widget)


def test_without_an_image_it_says_what_to_do(widget):
    assert not widget.form.run_button.isEnabled()
    assert "Open Sample" in widget.form.hint.text()


@pytest.mark.window
def test_run_adds_the_layer_exactly_over_the_original(automatic, widget, viewer, qtbot, lr):
    layer = viewer.add_image(
        lr, name="cells", scale=(40, 30), translate=(7, -3), rotate=25, shear=(0.2,), colormap="magma", gamma=0.7,
        contrast_limits=(20, 200), blending="additive", units=("nm", "nm"), axis_labels=("y", "x"),
    )  # fmt: skip
    assert widget.form.layer_box.layer() is layer
    assert widget.form.axes_edit.text() == "YX"
    run(qtbot, widget)
    added = viewer.layers[-1]
    assert added.name == "cells [small-wgan-x4]"
    np.testing.assert_array_equal(added.data, upscale(lr, make_model(), precision=automatic))
    for point in ((0, 0), (10, 20), (59, 49)):
        fine = [4 * p + 1.5 for p in point]
        np.testing.assert_allclose(added.data_to_world(fine), layer.data_to_world(point), atol=1e-6)
    for name in ("gamma", "blending", "units", "axis_labels", "contrast_limits"):
        assert getattr(added, name) == getattr(layer, name), name
    assert added.colormap.name == "magma"
    about = added.metadata[METADATA_KEY]
    assert about["source_layer"] == "cells"
    assert about["report"]["model"] == "small-wgan-x4"
    assert about["report"]["precision"] == automatic
    assert about["model_card"]["network"] == "wgan"
    assert "0.048 megapixels in " in widget.form.status.text()
    assert "Mpx/s" in widget.form.status.toolTip()
    assert widget.form.run_button.isEnabled()


def test_the_second_click_takes_the_original_again(widget, viewer, qtbot, lr):
    layer = viewer.add_image(lr)
    run(qtbot, widget)
    assert viewer.layers.selection.active is viewer.layers[-1]
    assert widget.form.layer_box.layer() is layer
    run(qtbot, widget)
    assert viewer.layers[-1].data.shape == (240, 200)


def test_the_choice_follows_the_selected_layer(widget, viewer, lr):
    first, second = viewer.add_image(lr, name="a"), viewer.add_image(lr, name="b")
    assert widget.form.layer_box.layer() is second
    viewer.layers.selection.active = first
    assert widget.form.layer_box.layer() is first
    viewer.add_points([[1, 1]])
    assert widget.form.layer_box.layer() is first
    first.name = "renamed"
    assert widget.form.layer_box.currentText() == "renamed"
    viewer.layers.remove(first)
    assert widget.form.layer_box.layer() is second


def test_when_the_chosen_layer_goes_an_original_is_chosen_not_a_result(widget, viewer, qtbot, lr):
    first = viewer.add_image(lr, name="first")
    second = viewer.add_image(lr, name="second")
    assert widget.form.layer_box.layer() is second
    run(qtbot, widget)
    viewer.layers.remove(second)
    assert widget.form.layer_box.layer() is first


def test_a_reference_adds_ssim_and_error_maps(widget, viewer, qtbot, lr):
    hr = np.kron(lr, np.ones((4, 4), np.uint8))
    viewer.add_image(hr, name="truth")
    viewer.add_image(lr, name="cells", scale=(4, 4), metadata={METADATA_KEY: {"reference": "truth"}})
    assert widget.form.reference_box.currentText() == "truth"
    run(qtbot, widget)
    *_, sr, error, ssim = viewer.layers  # the maps on top, the first of them seen
    assert sr.name == "cells [small-wgan-x4]"
    assert [x.name.split(" · ")[0] for x in (error, ssim)] == ["error map [grey levels]", "SSIM map"]
    assert (ssim.visible, ssim.colorbar.visible, error.visible) == (True, True, False)
    assert list(ssim.contrast_limits) == [0, 1]
    np.testing.assert_allclose(error.data, np.abs(sr.data.astype(float) - hr), atol=1e-4)
    np.testing.assert_allclose(ssim.translate, sr.translate)
    assert "SSIM map: 1 = the same structure" in widget.form.legend.text()
    assert "PSNR" in widget.form.status.text()
    assert "bicubic" in widget.form.status.text()


@pytest.mark.parametrize(
    ("unit", "scale", "away", "said"),
    [("nm", 4.0, 0.0, False), ("um", 0.004, 0.0, False), ("nm", 4.0, 2.0, True), ("nm", 8.0, 0.0, True),
     ("pixel", 1.0, 0.0, False)],
)  # fmt: skip
def test_a_reference_that_lies_elsewhere_is_compared_and_it_is_said(widget, viewer, qtbot, lr, unit, scale, away, said):
    """By the pixel sizes of both; where one has none, nobody can say."""
    hr = np.kron(lr, np.ones((4, 4), np.uint8))
    viewer.add_image(hr, name="truth", scale=(1, 1), translate=(-1.5, -1.5), units=("nm", "nm"))
    viewer.add_image(
        lr, name="cells", scale=(scale, scale), translate=(away * scale, 0), units=(unit, unit),
        metadata={METADATA_KEY: {"reference": "truth"}},
    )  # fmt: skip
    assert widget.form.reference_box.currentText() == "truth"
    run(qtbot, widget)
    assert "PSNR" in widget.form.status.text()
    assert ("truth lies elsewhere in the viewer than cells" in widget.form.status.text()) == said


def test_the_image_itself_is_no_reference_of_it(widget, viewer, qtbot, lr):
    def offered():
        return [widget.form.reference_box.itemText(row) for row in range(widget.form.reference_box.count())]

    layer = viewer.add_image(lr, name="cells")
    assert offered() == [NONE, OTHERS]
    other = viewer.add_image(np.kron(lr, np.ones((4, 4), np.uint8)), name="other")
    viewer.layers.selection.active = layer
    assert offered() == [NONE, "other", OTHERS]
    run(qtbot, widget)
    assert offered() == [NONE, "other", OTHERS]  # nor is what was made from it
    # who insists is told what the figures mean
    made = next(x for x in viewer.layers if x is not layer and x is not other)
    widget.form.reference_box.show_others()
    widget.form.reference_box.select(made)
    run(qtbot, widget)
    assert f"{made.name} was made from cells, as " in widget.form.status.text()
    assert "how alike the two are, not what is true" in widget.form.status.text()


def test_a_reference_of_another_size_is_explained_and_nothing_is_added(widget, viewer, qtbot, lr):
    viewer.add_image(lr, name="truth")
    viewer.add_image(lr, name="cells", metadata={METADATA_KEY: {"reference": "truth"}})
    run(qtbot, widget)
    assert "Choose another reference" in widget.form.status.text()
    assert len(viewer.layers) == 2
    assert widget.form.run_button.isEnabled()


@pytest.mark.window
def test_preview_is_one_reused_outlined_layer_in_the_right_place(widget, viewer, qtbot, rng):
    data = rng.integers(0, 4000, (3, 300, 280)).astype(np.uint16)
    layer = viewer.add_image(data, scale=(5, 2, 2), rotate=(0, 0, 15))
    viewer.dims.set_point(0, 5)
    for _ in range(2):
        click(qtbot, widget.form.preview_button)
        done(qtbot, widget)
        shown = [x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == "preview"]
        assert len(shown) == 1
        camera(viewer).zoom *= 2
    preview = shown[0]
    assert preview.bounding_box.visible
    assert preview.data.shape[0] == 1
    assert max(preview.data.shape[1:]) <= 4 * 256
    side = preview.data.shape[1]
    world = preview.data_to_world((0, (side - 1) / 2, (side - 1) / 2))
    np.testing.assert_allclose(world[0], 5)
    np.testing.assert_allclose(world, camera(viewer).center, atol=6)
    assert viewer.layers.selection.active is layer
    assert preview.contrast_limits == layer.contrast_limits
    camera(viewer).center = (0, 1e6, 1e6)
    click(qtbot, widget.form.preview_button)
    assert "not in view" in widget.form.status.text()


@pytest.mark.window
@pytest.mark.parametrize("samples", [3, 4])
def test_colour_layers(samples, widget, viewer, qtbot, rng):
    viewer.add_image(rng.integers(0, 255, (30, 26, samples)).astype(np.uint8), rgb=True)
    assert widget.form.axes_edit.text() == "YXS"
    click(qtbot, widget.form.preview_button)
    done(qtbot, widget)
    run(qtbot, widget)
    assert viewer.layers[-1].rgb
    assert viewer.layers[-1].data.shape == (120, 104, samples)


def test_axes_can_be_corrected(widget, viewer, qtbot, rng):
    viewer.add_image(rng.integers(0, 255, (20, 24, 2)).astype(np.uint8), rgb=False)
    assert widget.form.axes_edit.text() == "YXC"  # two columns beside 24 rows are none
    widget.form.axes_edit.setText("yxz")
    run(qtbot, widget)
    assert viewer.layers[-1].data.shape == (80, 96, 2)
    np.testing.assert_allclose(viewer.layers[-1].scale, (0.25, 0.25, 1))
    widget.form.axes_edit.setText("YX")
    click(qtbot, widget.form.run_button)
    done(qtbot, widget)
    assert "3 dimensions" in widget.form.status.text()
    click(qtbot, widget.form.preview_button)
    done(qtbot, widget)
    assert widget.form.run_button.isEnabled()


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), torch.OutOfMemoryError("out of memory")])
def test_every_failure_is_said_and_leaves_the_widget_usable(error, widget, viewer, qtbot, lr, monkeypatch):
    viewer.add_image(lr)
    original = Runner.infer

    def broken(self, tile):
        raise error

    monkeypatch.setattr(Runner, "infer", broken)
    run(qtbot, widget)
    assert any(word in widget.form.status.text() for word in ("shapes do not fit", "too little memory"))
    assert len(viewer.layers) == 1
    monkeypatch.setattr(Runner, "infer", original)
    run(qtbot, widget)
    assert len(viewer.layers) == 2


def slow(monkeypatch):
    import time

    original = Runner.infer

    def infer(self, tile):
        time.sleep(0.05)
        return original(self, tile)

    monkeypatch.setattr(Runner, "infer", infer)


def test_cancel_stops_within_a_tile_and_adds_nothing(widget, viewer, qtbot, rng, monkeypatch):
    slow(monkeypatch)
    viewer.add_image(rng.normal(size=(40, 40, 40)).astype(np.float32))
    click(qtbot, widget.form.run_button)
    qtbot.waitUntil(lambda: widget.form.bar.value() > 0, timeout=60_000)
    assert "left" in widget.form.status.text()
    click(qtbot, widget.form.cancel_button)
    qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    assert "Cancelled" in widget.form.status.text()
    assert len(viewer.layers) == 1
    assert widget.form.bar.value() == 0
    assert widget.form.run_button.isEnabled()


def test_the_source_may_go_while_a_run_is_going_on(widget, viewer, qtbot, rng, monkeypatch):
    slow(monkeypatch)
    layer = viewer.add_image(rng.normal(size=(8, 20, 20)).astype(np.float32), scale=(1, 3, 3))
    click(qtbot, widget.form.run_button)
    viewer.layers.remove(layer)
    done(qtbot, widget)
    assert viewer.layers[-1].data.shape == (8, 80, 80)


@pytest.mark.window
def test_closing_the_window_stops_the_run(viewer, qtbot, rng, widget, monkeypatch):
    slow(monkeypatch)
    viewer.add_image(rng.normal(size=(200, 20, 20)).astype(np.float32))
    click(qtbot, widget.form.run_button)
    qtbot.waitUntil(lambda: widget.form.bar.value() > 0, timeout=60_000)
    job = widget.job
    QApplication.sendEvent(viewer.window._qt_window, QHideEvent())  # what closing it sends; the viewer stays here
    assert job.cancelled
    qtbot.waitUntil(lambda: not job.running, timeout=60_000)


@pytest.mark.window
def test_taking_the_dock_out_of_the_window_stops_the_run(viewer, qtbot, rng, widget, monkeypatch):
    slow(monkeypatch)
    viewer.add_image(rng.normal(size=(200, 20, 20)).astype(np.float32))
    click(qtbot, widget.form.run_button)
    qtbot.wait(200)
    job = widget.job
    viewer.window.remove_dock_widget(widget)  # what the x of the dock does
    qtbot.waitUntil(lambda: not job.running, timeout=60_000)
    assert len(viewer.layers) == 1
    viewer.add_image(np.zeros((4, 4)))  # nothing listens any more
    assert widget.form.layer_box.count() == 1


def test_axes_that_do_not_fit_the_layer_are_refused_before_the_work(widget, viewer, qtbot, rng):
    viewer.add_image(rng.integers(0, 9999, (20, 24, 3)).astype(np.uint16), rgb=False, name="three")
    widget.form.axes_edit.setText("YXS")
    click(qtbot, widget.form.run_button)
    assert widget.job is None
    assert "not shown as a colour layer" in widget.form.status.text()
    viewer.add_image(rng.integers(0, 255, (20, 24, 3)).astype(np.uint8), rgb=True, name="colour")
    widget.form.axes_edit.setText("YXC")
    click(qtbot, widget.form.preview_button)
    assert "its last axis is S" in widget.form.status.text()


def test_a_choice_made_by_hand_updates_axes_and_reference(viewer, qtbot, lr, own_folders):
    from napari_sr.widgets.super_resolve.dock import SuperResolve

    first = viewer.add_image(lr, name="flat")
    viewer.add_image(np.stack([lr, lr]), name="stack")
    viewer.layers.selection.active = first
    built = SuperResolve(viewer)
    qtbot.addWidget(built)
    assert built.form.axes_edit.text() == "YX"
    built.form.layer_box.setCurrentIndex(built.form.layer_box.findText("stack"))
    assert built.form.axes_edit.text() == "ZYX"
    done(qtbot, built)
    built.shut_down()


def test_a_reference_that_cannot_be_compared_does_not_cost_the_result(widget, viewer, qtbot, lr):
    hr = np.kron(lr, np.ones((4, 4))).astype(np.float32)
    hr[:] = np.nan
    viewer.add_image(hr, name="truth", contrast_limits=(0, 1))
    viewer.add_image(lr, name="cells", metadata={METADATA_KEY: {"reference": "truth"}})
    run(qtbot, widget)
    assert viewer.layers[-1].name == "cells [small-wgan-x4]"
    assert "could not be compared" in widget.form.status.text()
    assert "no finite values" in widget.form.status.text()


def test_holes_in_a_reference_are_left_out_and_said(widget, viewer, qtbot, lr):
    hr = np.kron(lr, np.ones((4, 4))).astype(np.float32)
    hr[3, 3:5] = np.nan
    viewer.add_image(hr, name="truth", contrast_limits=(0, 255))
    viewer.add_image(lr, name="cells", metadata={METADATA_KEY: {"reference": "truth"}})
    run(qtbot, widget)
    assert "2 pixels that are not finite are left out" in widget.form.status.text()
    assert "nan" not in widget.form.status.text()


@pytest.mark.window
def test_preview_with_layers_of_different_units(widget, viewer, qtbot, rng):
    image = rng.integers(0, 255, (300, 300)).astype(np.uint8)
    for scale, unit in ((4.0, "nm"), (0.004, "um")):
        layer = viewer.add_image(image, scale=(scale, scale), units=(unit, unit))
        click(qtbot, widget.form.preview_button)
        done(qtbot, widget)
        assert "Preview of" in widget.form.status.text()
        (shown,) = [x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == "preview"]
        assert shown.units == layer.units
        np.testing.assert_allclose(shown.scale, np.array(layer.scale) / 4)


def test_a_large_image_is_looked_at_once_for_all_previews_and_not_for_the_time(widget, viewer, qtbot, rng, monkeypatch):
    """Its intensities come from a thousand places, each in a chunk of its own: seconds, for every move of a slider."""
    monkeypatch.setattr(parts, "PLANE_BYTES", 20_000)
    monkeypatch.setattr(dock, "SMALL", 0.0)
    sampled, samples = [], parts.PlaneFits._samples

    def counted(self, index):
        sampled.append(self.layout.plane_shape)
        return samples(self, index)

    monkeypatch.setattr(parts.PlaneFits, "_samples", counted)
    viewer.add_image(rng.integers(0, 255, (300, 280)).astype(np.uint8))
    done(qtbot, widget)
    settings = widget.form.settings.settings()
    qtbot.waitUntil(lambda: widget.rates.rate("small-wgan-x4", settings) is not None, timeout=60_000)
    assert (300, 280) not in sampled
    for _ in range(3):
        click(qtbot, widget.form.preview_button)
        done(qtbot, widget)
        assert "Preview of" in widget.form.status.text()
    assert sampled.count((300, 280)) == 1
    viewer.add_image(rng.integers(0, 255, (300, 280)).astype(np.uint8))
    done(qtbot, widget)
    click(qtbot, widget.form.preview_button)
    done(qtbot, widget)
    assert sampled.count((300, 280)) == 2


@pytest.mark.window
def test_progress_is_shown_in_naparis_activity_area(widget, viewer, qtbot, rng, monkeypatch):
    from napari.utils import progress

    slow(monkeypatch)
    viewer.add_image(rng.normal(size=(10, 20, 20)).astype(np.float32))
    click(qtbot, widget.form.run_button)
    assert any("Super-resolving" in p.desc for p in progress._all_instances)
    done(qtbot, widget)
    assert not any("Super-resolving" in p.desc for p in progress._all_instances)


def test_a_warning_far_from_what_the_model_knows(widget, viewer, lr, qtbot, tmp_path):
    from dataclasses import replace

    model = make_model()
    card = replace(model.card, name="em-only", kind="EM", pixel_size=(40.0,), pixel_unit="nm")
    save(replace(model, card=card), tmp_path / "em-only.safetensors")
    widget.open_model(tmp_path / "em-only.safetensors")
    done(qtbot, widget)
    assert widget.form.model_box.card().name == "em-only"
    viewer.add_image(lr, scale=(0.04, 0.04), units=("um", "um"))
    done(qtbot, widget)
    assert "pixels of" not in widget.form.fit_panel.verdict.text()
    viewer.add_image(lr, scale=(200, 200), units=("nm", "nm"))
    done(qtbot, widget)
    assert "200 nm" in widget.form.fit_panel.verdict.text()
    viewer.add_image(lr, metadata={METADATA_KEY: {"kind": "N-body"}})
    done(qtbot, widget)
    assert "does not suit this image" in widget.form.fit_panel.verdict.text()
    assert "another kind (EM, not N-body)" in widget.form.fit_panel.verdict.text()
    click(qtbot, widget.form.run_button)  # asks once
    assert "once more" in widget.form.status.text()
    assert not widget.busy
    run(qtbot, widget)
    assert viewer.layers[-1].name.endswith("[em-only]")


def test_a_bad_model_file_is_explained(widget, tmp_path, qtbot):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    widget.open_model(tmp_path / "bad.safetensors")
    done(qtbot, widget)
    assert "bad.safetensors is damaged" in widget.form.status.text()


def test_the_card_is_one_click_away(widget, qtbot):
    click(qtbot, widget.form.card_button)
    assert widget.dialog.isVisible()
    assert "small-wgan-x4" in widget.dialog.windowTitle()
    widget.dialog.close()


def test_models_are_grouped_and_headings_cannot_be_chosen(widget):
    headings = [
        widget.form.model_box.itemText(row)
        for row in range(widget.form.model_box.count())
        if widget.form.model_box.itemData(row) is None
    ]
    assert headings[-1] == "Interpolation"
    assert "Of the theses" in headings
    assert widget.form.model_box.card() is not None


def test_settings_reach_the_engine(widget, viewer, qtbot, lr):
    viewer.add_image(lr)
    widget.form.settings.tile.setValue(40)
    widget.form.settings.overlap.setValue(9)
    widget.form.settings.precision.setCurrentIndex(widget.form.settings.precision.findData("fp32"))
    run(qtbot, widget)
    report = viewer.layers[-1].metadata[METADATA_KEY]["report"]
    assert (report["tile"], report["halo"], report["precision"]) == (40, 9, "fp32")
    widget.form.settings.tile.setValue(5)
    run(qtbot, widget)
    assert "use at least" in widget.form.status.text()


@pytest.mark.window
def test_multiscale_layers_use_the_full_resolution(widget, viewer, qtbot, lr):
    viewer.add_image([lr, lr[::2, ::2]], multiscale=True)
    run(qtbot, widget)
    assert viewer.layers[-1].data.shape == (240, 200)


def test_between_faithful_and_realistic(automatic, viewer, widget, qtbot, lr):
    assert widget.form.mix_row.box.count() == 1  # nothing to mix with yet
    assert not widget.form.mix_row.isEnabled()
    other = make_model(seed=5)
    lineage = {"start_from": "small-wgan-x4"}
    card = replace(other.card, name="realistic", training=lineage)
    save(replace(other, card=card), user_folder() / "realistic.safetensors")
    save(replace(other, card=replace(card, name="stranger", training={})), user_folder() / "stranger.safetensors")
    catalogue().changed.emit("realistic")
    qtbot.waitUntil(lambda: widget.form.mix_row.box.findData("realistic") >= 0, timeout=60_000)
    assert widget.form.mix_row.box.findData("em-dfcan-x4") < 0  # another network
    assert widget.form.mix_row.box.findData("stranger") < 0  # of the same network, but not trained from it
    layer = viewer.add_image(lr)
    widget.form.layer_box.select_name(layer.name)
    # choosing and moving shows it at once
    widget.form.mix_row.box.setCurrentIndex(widget.form.mix_row.box.findData("realistic"))
    done(qtbot, widget)
    assert NAME in viewer.layers
    # it follows keys and the mouse, and what was moved to last is what is shown
    for _ in range(4):
        qtbot.keyClick(widget.form.mix_row.slider, Qt.Key.Key_Left)
    widget.form.mix_row.slider.setSliderDown(True)
    widget.form.mix_row.slider.setValue(5)
    widget.form.mix_row.slider.setSliderDown(False)
    assert widget.form.mix_row.mix() == ("realistic", 0.25)
    assert widget.previews.busy
    assert widget.form.run_button.isEnabled()  # a preview holds up nothing
    done(qtbot, widget)
    mixed = blend(load_model("small-wgan-x4"), load_model("realistic"), 0.25)
    np.testing.assert_array_equal(viewer.layers[NAME].data, upscale(lr, mixed, precision=automatic))
    click(qtbot, widget.form.run_button)
    done(qtbot, widget)
    name = f"{layer.name} [small-wgan-x4 + 25% realistic]"
    np.testing.assert_array_equal(viewer.layers[name].data, upscale(lr, mixed, precision=automatic))
    assert viewer.layers[name].metadata["napari_sr"]["model_card"]["name"] == "small-wgan-x4 + 25% realistic"
    # back to one model alone
    widget.form.mix_row.box.setCurrentIndex(0)
    done(qtbot, widget)
    assert widget.form.mix_row.mix() is None
