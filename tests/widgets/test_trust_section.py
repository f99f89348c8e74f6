"""*Without a reference*: maps of layers that Super-resolve has made."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter

from napari_sr.blend import blend
from napari_sr.evaluation.judged import Uncertain
from napari_sr.evaluation.meanings import CONSISTENCY, UNCERTAINTY
from napari_sr.evaluation.trust import iter_uncertainty, plane_consistency
from napari_sr.store import load_model
from napari_sr.widgets.layers import METADATA_KEY

MINUTE = 60_000


@pytest.fixture
def lr(rng):
    return np.clip(128 + 500 * gaussian_filter(rng.normal(size=(40, 50)), 2), 0, 255).astype(np.uint8)


@pytest.fixture
def picture(viewer, widget, qtbot, lr):
    """A layer that the Super-resolve widget has made."""
    viewer.add_image(lr, name="cells", scale=(8, 8), units=("nm", "nm"))
    assert widget.model_box.select("em-wiener-x4")
    qtbot.mouseClick(widget.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget._job is None, timeout=MINUTE)
    return viewer.layers["cells [em-wiener-x4]"]


@pytest.fixture
def dock(viewer, picture, qtbot):
    _, built = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    built.trust_section.expand(animate=False)
    built.trust.layer_box.select_name(picture.name)
    qtbot.waitUntil(lambda: built.trust._cards != (), timeout=MINUTE)
    return built


def press(dock, qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock._job is None, timeout=MINUTE)


def test_the_consistency_map_lies_over_the_measured_image(viewer, dock, qtbot, picture, lr):
    press(dock, qtbot, dock.trust.consistency_button)
    layer = viewer.layers[f"consistency map [grey levels] · {picture.name}"]
    expected = plane_consistency(picture.data, lr, scale=4, degradation="em")
    np.testing.assert_allclose(layer.data, expected.residual, atol=1e-5)
    np.testing.assert_allclose(layer.scale, (8, 8))
    assert layer.units == viewer.layers["cells"].units
    assert f"differs by {expected.rse:.3g} grey levels (RSE)" in dock.status.text()
    assert dock.trust.meaning.text() == CONSISTENCY
    assert layer.metadata[METADATA_KEY]["meaning"] == CONSISTENCY
    # once more replaces it, and it is not an image to compare
    press(dock, qtbot, dock.trust.consistency_button)
    assert sum(x.name.startswith("consistency map") for x in viewer.layers) == 1
    assert layer.name not in [x.name for x in dock.candidates.layers()]


def test_the_uncertainty_map_lies_over_the_picture(viewer, dock, qtbot, picture, lr):
    dock.trust.view_box.setChecked(False)
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {picture.name}"]
    *_, expected = iter_uncertainty(lr, [load_model("em-wiener-x4")], axes="YX")
    assert isinstance(expected, Uncertain)
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-4)
    np.testing.assert_allclose(layer.scale, picture.scale)
    np.testing.assert_allclose(layer.translate, picture.translate)
    assert dock.trust.meaning.text() == UNCERTAINTY


def test_uncertainty_of_what_is_in_view(viewer, dock, qtbot, picture, lr):
    viewer.layers["cells"].corner_pixels = np.array([[10, 20], [30, 40]])
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {picture.name}"]
    # its first pixel lies over the picture's
    at = (np.asarray(layer.translate) - np.asarray(picture.translate)) / np.asarray(picture.scale)
    np.testing.assert_allclose(at, (40, 80), atol=1e-6)
    assert all(80 <= side <= 84 for side in layer.data.shape)
    viewer.layers["cells"].corner_pixels = np.array([[0, 0], [0, 0]])
    press(dock, qtbot, dock.trust.uncertainty_button)
    assert "cells is not in view" in dock.status.text()


def test_several_models_are_asked(viewer, dock, qtbot, picture, lr):
    names = [dock.trust.also_box.item(row).text() for row in range(dock.trust.also_box.count())]
    assert "em-wgan-pixel-x4" in names
    assert "em-wiener-x4" not in names  # it has made the picture
    assert not any(name.startswith("nbody") for name in names)
    dock.trust.also_box.tick("em-wgan-pixel-x4")
    dock.trust.view_box.setChecked(False)
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {picture.name}"]
    models = [load_model(name) for name in ("em-wiener-x4", "em-wgan-pixel-x4")]
    *_, expected = iter_uncertainty(lr, models, axes="YX")
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-3)
    assert "Over 16 views" in dock.status.text()
    dock.trust.layer_box.select_name("cells")  # not ours: nothing to ask
    assert dock.trust.also_box.names() == []


def test_a_mixed_model_is_asked_as_it_was_mixed(viewer, widget, qtbot, lr):
    viewer.add_image(lr, name="cells")
    assert widget.model_box.select("em-wgan-pixel-x4")
    row = widget.mix_row
    row.box.setCurrentIndex(row.box.findData("em-wgan-x4"))
    row.slider.setValue(12)
    qtbot.waitUntil(lambda: not row._rest.isActive() and widget._job is None, timeout=MINUTE)
    qtbot.mouseClick(widget.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget._job is None, timeout=MINUTE)
    made = viewer.layers["cells [em-wgan-pixel-x4 + 60% em-wgan-x4]"]
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    dock.trust.layer_box.select_name(made.name)
    dock.trust.view_box.setChecked(False)
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {made.name}"]
    mixed = blend(load_model("em-wgan-pixel-x4"), load_model("em-wgan-x4"), 0.6)
    *_, expected = iter_uncertainty(lr, [mixed], axes="YX")
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-3)


def test_what_it_cannot_know_is_said(viewer, dock, qtbot, picture):
    dock.trust.layer_box.select_name("cells")
    press(dock, qtbot, dock.trust.consistency_button)
    assert "Choose a layer that Super-resolve has made" in dock.status.text()
    dock.trust.layer_box.select_name(picture.name)
    viewer.layers.remove("cells")
    press(dock, qtbot, dock.trust.uncertainty_button)
    assert "is not in the viewer any more" in dock.status.text()


def test_cancel(viewer, dock, qtbot, picture):
    dock.trust.view_box.setChecked(False)
    count = len(viewer.layers)
    qtbot.mouseClick(dock.trust.uncertainty_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(dock.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock._job is None, timeout=MINUTE)
    assert len(viewer.layers) == count
    assert "Cancelled" in dock.status.text()
