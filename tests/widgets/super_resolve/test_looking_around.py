"""A layer that is super-resolved where it is looked at: a real viewer that is shown, real clicks, real pan and zoom."""

import threading
import time
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from small_models import make_model

from napari_sr import upscale
from napari_sr.errors import ImageError
from napari_sr.images.readers import read_image
from napari_sr.inference import blocks
from napari_sr.inference.runner import Runner
from napari_sr.inference.unfinished import folder_of
from napari_sr.models.blend import blend
from napari_sr.models.model import save
from napari_sr.models.store import user_folder
from napari_sr.widgets.base.remembered import remembered
from napari_sr.widgets.controls.condition_row import STEPS
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.looked_at import looked_at
from napari_sr.widgets.super_resolve.preview_layer import NAME, camera
from napari_sr.widgets.super_resolve.state import AROUND
from napari_sr.widgets.super_resolve.tiles_text import AWAY, FAR, NOT_FLAT


@pytest.fixture
def viewer(make_napari_viewer):
    """Shown: what is in view is known from what is drawn."""
    made = make_napari_viewer(show=True)
    made.window._qt_window.resize(1000, 700)
    return made


@pytest.fixture
def exact(widget):
    """The dock, in the precision of the reference, set to look around."""
    widget.form.settings.device.setCurrentIndex(widget.form.settings.device.findData("cpu"))
    widget.form.settings.precision.setCurrentIndex(widget.form.settings.precision.findData("fp32"))
    widget.form.part_box.setCurrentText(AROUND)
    return widget


@pytest.fixture
def told(exact, qtbot):
    """A model that is told blur and noise, chosen in the dock."""
    model = make_model("adaptive")
    save(model, user_folder() / "told.safetensors")
    exact.open_model(user_folder() / "told.safetensors")
    qtbot.waitUntil(lambda: exact.models.card().name == "small-adaptive-x4" and not exact.busy, timeout=60_000)
    return model


@pytest.fixture
def large(rng):
    """An image of 480 x 440 pixels, uint8: larger than what is seen of it from near."""
    from scipy.ndimage import gaussian_filter

    return np.clip(128 + 500 * gaussian_filter(rng.normal(size=(480, 440)), 2), 0, 255).astype(np.uint8)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def done(qtbot, widget):
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)


def look(qtbot, widget, viewer):
    """Press Run; returns the layer."""
    done(qtbot, widget)
    before = len(viewer.layers)
    click(qtbot, widget.form.run_button)
    assert len(viewer.layers) >= before  # at once
    layer = viewer.layers[-1]
    assert layer.metadata[METADATA_KEY]["made_by"] == "look-around"
    return layer


def zoom_in(viewer, layer, centre, zoom=4.0):
    """Show a place of the image, so many pixels of the screen to each of its own; scale is that of the source."""
    camera(viewer).center = (0, *centre)
    camera(viewer).zoom = zoom


def all_there(qtbot, widget):
    def there():
        text = widget.form.tiles.text()
        assert text.startswith(("All ", "The tile in view is there")), text

    qtbot.waitUntil(there, timeout=60_000)
    qtbot.wait(150)  # and drawn


def computed_again(qtbot, widget):
    lazy = widget.looking.shown().lazy
    qtbot.waitUntil(lambda: lazy.seen().there == lazy.seen().wanted > 0, timeout=60_000)
    all_there(qtbot, widget)


def in_view(viewer, layer, scale=4):
    """Return what the viewer shows of a layer, and the corner of it in pixels of the level."""
    f = layer.downsample_factors[layer.data_level][-1]
    return layer._slice.image.raw, layer.corner_pixels[0][-2:], scale / f


def threads():
    return [t for t in threading.enumerate() if t.name == "napari-sr tiles"]


def test_the_layer_is_there_at_once_over_the_image_and_gets_sharp_where_it_is_looked_at(
    exact, viewer, qtbot, large, monkeypatch
):
    source = viewer.add_image(
        large, name="slide", scale=(40, 40), translate=(7, -3), colormap="magma", gamma=0.7, contrast_limits=(20, 200),
        units=("nm", "nm"),
    )  # fmt: skip
    done(qtbot, exact)
    assert exact.form.expected.text() == "Starts at once."
    layer = look(qtbot, exact, viewer)
    assert layer.name == "slide [small-wgan-x4]"
    assert [tuple(s) for s in layer.level_shapes] == [(1920, 1760), (960, 880), (480, 440)]
    for point in ((0, 0), (240, 20), (479, 439)):
        np.testing.assert_allclose(layer.data_to_world([4 * p + 1.5 for p in point]), source.data_to_world(point))
    assert (layer.gamma, layer.colormap.name, list(layer.contrast_limits)) == (0.7, "magma", [20, 200])
    qtbot.waitUntil(lambda: exact.form.tiles.text() == FAR, timeout=60_000)
    lazy = exact.looking.shown().lazy
    qtbot.waitUntil(lambda: lazy.worker._thread is not None and lazy.seen().stage == "", timeout=60_000)
    assert lazy.seen().computed == 0  # from far away, no tile is
    assert exact.form.tiles.text() == FAR
    said = []
    exact.looking.shown().told.connect(lambda: said.append(exact.form.tiles.text()))
    go = held(monkeypatch)  # tiles may come faster than the window says how many are there
    zoom_in(viewer, layer, (40 * 300, 40 * 250), 6 / 40)
    qtbot.waitUntil(lambda: any(" tiles in view …" in text for text in said), timeout=60_000)
    go.set()
    all_there(qtbot, exact)
    assert not any(text.startswith(("Loading", "Measuring")) for text in said)  # that was done before
    want = upscale(large, make_model(), device="cpu", precision="fp32")
    shown, (top, left), factor = in_view(viewer, layer)
    assert factor == 4
    looked = looked_at(viewer, layer, exact.looking.shown().lazy.layout, 4)
    assert abs((looked.rows.start + looked.rows.stop) / 2 - 300) <= 1
    rows, columns = (slice(4 * s.start, 4 * s.stop) for s in (looked.rows, looked.columns))
    part = shown[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    assert (np.abs(part.astype(int) - want[rows, columns]) > 1).sum() == 0  # one grey level, where a half is rounded
    assert (part != want[rows, columns]).mean() < 1e-3
    assert exact.form.run_button.isEnabled()
    assert exact.looking.shown().lazy.seen().computed < 16  # not the whole


def held(monkeypatch):
    """Let no tile be computed before the event that is returned is set."""
    original, go = Runner.infer, threading.Event()

    def infer(self, lr):
        assert go.wait(60)
        return original(self, lr)

    monkeypatch.setattr(Runner, "infer", infer)
    return go


def test_the_middle_zoom_shows_tiles_too(exact, viewer, qtbot, large):
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (240, 200), 1.5)
    qtbot.waitUntil(lambda: layer.data_level == 1, timeout=60_000)
    all_there(qtbot, exact)
    want = upscale(large, make_model(), device="cpu", precision="fp32")
    half = want.reshape(960, 2, 880, 2).mean(axis=(1, 3))
    shown, (top, left), factor = in_view(viewer, layer)
    assert factor == 2
    middle = shown[470 - top : 490 - top, 390 - left : 410 - left]
    np.testing.assert_allclose(middle, half[470:490, 390:410], atol=1.01)


def slow(monkeypatch, seconds=0.1):
    original = Runner.infer

    def infer(self, lr):
        time.sleep(seconds)
        return original(self, lr)

    monkeypatch.setattr(Runner, "infer", infer)


def test_the_newest_view_wins_while_panning(exact, viewer, qtbot, large, monkeypatch):
    slow(monkeypatch, 0.05)
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    lazy = exact.looking.shown().lazy
    zoom_in(viewer, layer, (100, 100), 8)
    qtbot.waitUntil(lambda: lazy.seen().computed >= 1, timeout=60_000)
    for step in range(60):
        camera(viewer).center = (0, 100 + 5 * step, 100 + 4 * step)
        qtbot.wait(5)
    asked = lazy.seen().computed
    all_there(qtbot, exact)
    assert lazy.seen().computed - asked <= lazy.seen().wanted + 2  # not the tiles of all that was passed
    assert lazy.levels[0].chunks == (512, 512)


def test_planes_of_a_stack(exact, viewer, qtbot, large):
    stack = np.stack([large, large[::-1], large[:, ::-1]])
    viewer.add_image(stack, scale=(5, 1, 1))
    layer = look(qtbot, exact, viewer)
    viewer.dims.set_point(0, 5)
    zoom_in(viewer, layer, (240, 200), 8)
    all_there(qtbot, exact)
    lazy = exact.looking.shown().lazy
    before = lazy.seen().computed
    viewer.dims.set_point(0, 10)
    qtbot.waitUntil(lambda: lazy.seen().computed > before, timeout=60_000)
    all_there(qtbot, exact)
    want = upscale(stack[2], make_model(), device="cpu", precision="fp32")
    shown, (top, left), _ = in_view(viewer, layer)
    centre = shown[950 - top : 970 - top, 790 - left : 810 - left]
    np.testing.assert_allclose(centre, want[950:970, 790:810], atol=1.01)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: exact.form.tiles.text() == NOT_FLAT, timeout=60_000)
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    qtbot.waitUntil(lambda: exact.form.tiles.text() == NOT_FLAT, timeout=60_000)


@pytest.mark.parametrize("kind", ["dask", "pyramid"])
def test_images_that_are_not_in_memory(kind, exact, viewer, qtbot, large, tmp_path):
    stored = zarr.create_array(str(tmp_path / "a.zarr"), shape=large.shape, dtype=large.dtype, chunks=(256, 256))
    stored[:] = large
    pyramid = [stored, da.from_array(large[::2, ::2], chunks=100), large[::4, ::4]]
    data = pyramid if kind == "pyramid" else da.from_array(large, chunks=256)
    viewer.add_image(data, contrast_limits=(0, 255))
    layer = look(qtbot, exact, viewer)
    assert len(layer.data) == (5 if kind == "pyramid" else 3)
    zoom_in(viewer, layer, (300, 250))
    all_there(qtbot, exact)
    want = upscale(large, make_model(), device="cpu", precision="fp32")
    shown, (top, left), _ = in_view(viewer, layer)
    centre = shown[1190 - top : 1210 - top, 990 - left : 1010 - left]
    np.testing.assert_allclose(centre, want[1190:1210, 990:1010], atol=1.01)


def test_the_sliders_change_what_is_looked_at(exact, told, viewer, qtbot, large):
    viewer.add_image(large, name="slide")
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (240, 200), 6)
    all_there(qtbot, exact)
    before = in_view(viewer, layer)[0].copy()
    slider = exact.form.conditions.sliders["blur"].slider
    slider.setFocus()
    slider.setSliderDown(True)
    for _ in range(12):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
        qtbot.wait(20)
    slider.setSliderDown(False)
    values = exact.form.conditions.values()
    computed_again(qtbot, exact)
    assert [x.name for x in viewer.layers] == ["slide", layer.name]  # no preview beside it
    shown, (top, left), _ = in_view(viewer, layer)
    want = upscale(large, told, conditions=values, device="cpu", precision="fp32")
    looked = looked_at(viewer, layer, exact.looking.shown().lazy.layout, 4)
    rows, columns = (slice(4 * s.start, 4 * s.stop) for s in (looked.rows, looked.columns))
    part = shown[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    assert (np.abs(part.astype(int) - want[rows, columns]) > 1).sum() == 0
    assert not np.array_equal(shown, before)
    # of another image nothing is looked at: a preview follows there
    other = viewer.add_image(large[:64, :64], name="another", translate=(208, 168))
    viewer.layers.selection.active = other
    done(qtbot, exact)
    qtbot.waitUntil(lambda: exact.form.layer_box.layer() is other and not exact.busy, timeout=60_000)
    slider = exact.form.conditions.sliders["blur"].slider
    qtbot.keyClick(slider, Qt.Key.Key_Left if slider.value() > STEPS // 2 else Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: any(x.name == NAME for x in viewer.layers), timeout=60_000)


def test_what_was_moved_while_something_ran_is_shown_when_that_ends(
    exact, told, viewer, qtbot, large, tmp_path, monkeypatch
):
    viewer.add_image(large, name="slide")
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (240, 200), 6)
    all_there(qtbot, exact)
    slow(monkeypatch)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "a.zarr"), ""))
    click(qtbot, exact.form.result_bar.write)
    assert exact.running
    slider = exact.form.conditions.sliders["blur"].slider
    slider.setValue(STEPS // 2 + 20 if slider.value() <= STEPS // 2 else 20)
    wanted = exact.form.conditions.values()["blur"]
    assert exact.looking.shown().request.conditions["blur"] != wanted
    click(qtbot, exact.form.cancel_button)
    done(qtbot, exact)
    assert exact.looking.shown().request.conditions["blur"] == wanted
    assert exact.looking.shown().lazy._asked[1]["blur"] == wanted


def test_other_axes_are_another_image(exact, viewer, qtbot, large):
    """What is looked at and what is written is one and the same: a slider changes nothing but what it says."""
    viewer.add_image(large)
    look(qtbot, exact, viewer)
    exact.form.axes_edit.setText("XY")
    done(qtbot, exact)
    assert not exact.looking.follow()
    assert exact.looking.shown().request.axes == "YX"
    exact.form.axes_edit.setText("yx")
    done(qtbot, exact)
    assert exact.looking.follow()


def test_another_mixture_is_what_is_looked_at_and_what_is_written(exact, viewer, qtbot, large, tmp_path, monkeypatch):
    partner = make_model(seed=1)
    card = replace(partner.card, name="realistic", training={"start_from": "small-wgan-x4"})
    save(replace(partner, card=card), user_folder() / "realistic.safetensors")
    exact.models.reload()
    box = exact.form.mix_row.box
    qtbot.waitUntil(lambda: box.findData("realistic") >= 0, timeout=60_000)
    viewer.add_image(large, name="slide")
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (240, 200), 6)
    all_there(qtbot, exact)
    box.setCurrentIndex(box.findData("realistic"))
    computed_again(qtbot, exact)
    want = upscale(large, blend(make_model(), partner, 0.5), device="cpu", precision="fp32")
    shown, (top, left), _ = in_view(viewer, layer)
    middle = shown[950 - top : 970 - top, 790 - left : 810 - left]
    assert np.abs(middle.astype(int) - want[950:970, 790:810]).max() <= 1
    assert layer.metadata[METADATA_KEY]["loaded_from"][1] == ("realistic", 0.5)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "mixed.zarr"), ""))
    click(qtbot, exact.form.result_bar.write)
    done(qtbot, exact)
    written = zarr.open_array(str(tmp_path / "mixed.zarr/0"), mode="r")[...]
    assert (np.abs(written.astype(int) - want) > 1).sum() == 0


def test_memory_is_a_setting_that_is_remembered_and_holds_at_once(exact, viewer, qtbot, large):
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (240, 200), 6)
    all_there(qtbot, exact)
    lazy, spin = exact.looking.shown().lazy, exact.form.settings.memory
    spin.setValue(4096)
    spin.lineEdit().selectAll()
    qtbot.keyClicks(spin.lineEdit(), "2560")
    assert lazy.cache.limit + lazy._soft.limit == 4096 * 2**20  # 256 on the way is not meant
    spin.setValue(256)
    assert lazy.cache.limit + lazy._soft.limit == 256 * 2**20
    assert remembered("Super-resolve")["settings"]["memory"] == 256
    assert "memory" not in exact.request(whole=True).settings  # it is nothing that a network knows of


def test_it_is_said_why_nothing_comes(exact, viewer, qtbot, large):
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (1e6, 1e6))
    qtbot.waitUntil(lambda: exact.form.tiles.text() == AWAY, timeout=60_000)
    layer.visible = False
    qtbot.waitUntil(lambda: "hidden" in exact.form.tiles.text(), timeout=60_000)


def test_colours_are_refused_in_words(exact, viewer, qtbot, rng):
    viewer.add_image(rng.integers(0, 255, (60, 50, 3)).astype(np.uint8), rgb=True)
    done(qtbot, exact)
    click(qtbot, exact.form.run_button)
    assert "Colours are super-resolved as a whole image or in part" in exact.form.status.text()
    assert len(viewer.layers) == 1


def test_a_failure_is_said_once_and_the_dock_goes_on(exact, viewer, qtbot, large, monkeypatch):
    original = Runner.infer

    def broken(self, lr):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Runner, "infer", broken)
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (300, 250), 8)
    qtbot.waitUntil(lambda: "shapes do not fit" in exact.form.tiles.text(), timeout=60_000)
    qtbot.wait(300)
    assert exact.form.tiles.text().count("shapes do not fit") == 1
    assert exact.form.tiles.tone == "error"
    monkeypatch.setattr(Runner, "infer", original)
    again = look(qtbot, exact, viewer)
    assert layer not in viewer.layers
    assert again.name == layer.name
    all_there(qtbot, exact)
    assert again in viewer.layers


def gone(qtbot):
    qtbot.waitUntil(lambda: not threads(), timeout=60_000)


def started(qtbot, exact, viewer, large, monkeypatch):
    slow(monkeypatch)
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    zoom_in(viewer, layer, (300, 250))
    qtbot.waitUntil(lambda: exact.looking.shown().lazy.seen().computed >= 1, timeout=60_000)
    assert len(threads()) == 1
    return layer


def test_removing_the_layer_in_the_middle_ends_the_work(exact, viewer, qtbot, large, monkeypatch):
    layer = started(qtbot, exact, viewer, large, monkeypatch)
    lazy = exact.looking.shown().lazy
    viewer.layers.remove(layer)
    gone(qtbot)
    assert lazy.cache.nbytes == 0
    assert exact.form.tiles.text() == ""
    assert exact.form.result_bar.isHidden()
    camera(viewer).zoom *= 2
    qtbot.wait(200)
    assert threads() == []


def test_closing_the_dock_in_the_middle_ends_the_work_and_leaves_the_layer(exact, viewer, qtbot, large, monkeypatch):
    layer = started(qtbot, exact, viewer, large, monkeypatch)
    viewer.window.remove_dock_widget(exact)
    gone(qtbot)
    camera(viewer).center = (0, 400, 400)  # nothing follows any more; the layer can still be looked at
    qtbot.wait(200)
    assert threads() == []
    assert layer in viewer.layers


def test_closing_the_viewer_in_the_middle_ends_the_work(exact, viewer, qtbot, large, monkeypatch):
    started(qtbot, exact, viewer, large, monkeypatch)
    viewer.window._qt_window.hide()  # what closing does first
    gone(qtbot)


def test_run_again_takes_its_place_and_undo_brings_it_back_alive(exact, viewer, qtbot, large):
    source = viewer.add_image(large, name="slide")
    first = look(qtbot, exact, viewer)
    zoom_in(viewer, first, (300, 250))
    all_there(qtbot, exact)
    second = look(qtbot, exact, viewer)
    assert list(viewer.layers) == [source, second]
    click(qtbot, exact.form.result_bar.undo)
    assert list(viewer.layers) == [source, first]
    lazy = next(x for x in exact.looking._layers if x.layer is first).lazy
    before = lazy.seen().computed
    qtbot.waitUntil(lambda: lazy.seen().computed > before, timeout=60_000)
    exact.form.keep_box.setChecked(True)
    third = look(qtbot, exact, viewer)
    assert list(viewer.layers) == [source, first, third]


def test_the_buttons_of_the_result(exact, viewer, qtbot, large):
    source = viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    bar = exact.form.result_bar
    shown = [b.text() for b in (bar.before, bar.swipe, bar.maps, bar.compare, bar.undo, bar.write) if b.isVisible()]
    assert shown == ["Before", "Undo", "Write whole image…"]
    click(qtbot, bar.before)
    assert (source.visible, layer.visible) == (True, False)
    click(qtbot, bar.before)
    assert layer.visible
    exact.form.part_box.setCurrentIndex(0)
    viewer.layers.selection.active = source
    click(qtbot, exact.form.run_button)
    done(qtbot, exact)
    assert not bar.write.isVisible()
    assert bar.swipe.isVisible()
    assert layer in viewer.layers  # another kind of result


def test_writing_the_whole_shows_what_was_written_in_its_place(exact, viewer, qtbot, large, tmp_path, monkeypatch):
    source = viewer.add_image(large[:150, :140], name="slide", scale=(40, 40), units=("nm", "nm"))
    above = viewer.add_points([[1, 1]])
    viewer.layers.selection.active = source
    layer = look(qtbot, exact, viewer)
    viewer.layers.move(2, 1)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "whole"), ""))
    click(qtbot, exact.form.result_bar.write)
    assert exact.form.cancel_button.isEnabled()
    done(qtbot, exact)
    assert "whole.zarr is written: 0.34 megapixels in" in exact.form.status.text()
    _, written, _ = viewer.layers
    assert list(viewer.layers) == [source, written, above]
    assert written.name == layer.name
    want = upscale(large[:150, :140], make_model(), device="cpu", precision="fp32")
    np.testing.assert_array_equal(np.asarray(written.data[0]), want)
    np.testing.assert_allclose(written.data_to_world((1.5, 1.5)), source.data_to_world((0, 0)))
    about = written.metadata[METADATA_KEY]
    assert about["made_by"] == "super-resolution"
    assert about["report"]["precision"] == "fp32"
    assert exact.form.tiles.text() == ""
    stored = read_image(tmp_path / "whole.zarr")
    np.testing.assert_array_equal(np.asarray(stored.data), want)
    assert stored.geometry.steps == {"Y": 10.0, "X": 10.0}
    assert stored.unit == "nm"
    click(qtbot, exact.form.result_bar.undo)
    assert list(viewer.layers) == [source, layer, above]
    viewer.layers.selection.active = source


def test_writing_can_be_cancelled_and_names_that_are_taken_are_said(exact, viewer, qtbot, large, tmp_path, monkeypatch):
    slow(monkeypatch)
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    (tmp_path / "taken.zarr").mkdir()
    for name in ("taken.zarr", "new.zarr"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, name=name: (str(tmp_path / name), ""))
        click(qtbot, exact.form.result_bar.write)
        if name == "taken.zarr":
            assert "taken.zarr exists already" in exact.form.status.text()
    qtbot.waitUntil(lambda: exact.form.bar.value() > 0, timeout=60_000)
    click(qtbot, exact.form.cancel_button)
    done(qtbot, exact)
    assert exact.form.status.text() == "Cancelled. Nothing was added."  # not a block was whole
    assert [x.name for x in tmp_path.iterdir() if "zarr" in x.name or x.name.startswith(".")] == ["taken.zarr"]
    assert layer in viewer.layers


def test_writing_that_was_cancelled_goes_on(exact, viewer, qtbot, large, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "SIDE", 256)
    viewer.add_image(large)
    look(qtbot, exact, viewer)
    target = tmp_path / "new.zarr"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(target), ""))
    with monkeypatch.context() as slowly:
        slow(slowly)
        click(qtbot, exact.form.result_bar.write)
        journal = folder_of(target) / "journal"
        qtbot.waitUntil(lambda: journal.exists() and journal.read_text() != "", timeout=60_000)
        click(qtbot, exact.form.cancel_button)
        done(qtbot, exact)
    assert exact.form.status.text() == (
        "Cancelled. Nothing was added. What is done is kept: write to new.zarr again to go on."
    )
    click(qtbot, exact.form.result_bar.write)
    done(qtbot, exact)
    assert "new.zarr is written" in exact.form.status.text()
    assert "An earlier run was gone on with" in exact.form.status.toolTip()
    assert not folder_of(target).exists()
    found = np.asarray(viewer.layers[-1].data[0]).astype(int)
    want = upscale(large, make_model(), device="cpu", precision="fp32").astype(int)
    assert np.abs(found - want).max() <= 1  # tiles of another size


def test_save_does_not_write_a_mixture(exact, viewer, qtbot, large, tmp_path):
    """What was not looked at is the image, interpolated: nobody may take it for a result."""
    viewer.add_image(large)
    layer = look(qtbot, exact, viewer)
    with pytest.raises(ImageError, match="Write the whole image"):
        np.asarray(layer.data[0])
    _, compare = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    assert layer not in compare.form.candidates.layers()
