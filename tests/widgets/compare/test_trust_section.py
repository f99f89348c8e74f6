"""*Without a reference*: maps of layers that Super-resolve has made."""

from html import escape

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel
from scipy.ndimage import gaussian_filter

from napari_sr.estimation import estimate
from napari_sr.evaluation.evidence import Uncertain
from napari_sr.evaluation.examine import iter_evidence, sharp_spectrum_of
from napari_sr.evaluation.map_kinds import CONSISTENCY, MAP_KINDS, UNCERTAINTY
from napari_sr.evaluation.own_degradation import own_degradation
from napari_sr.evaluation.trust import iter_uncertainty, plane_consistency
from napari_sr.images.samples import load_sample
from napari_sr.models.blend import blend
from napari_sr.models.store import load_model
from napari_sr.widgets.base.colours import LIGHTS, colours
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.state import RECTANGLE

MINUTE = 60_000


@pytest.fixture
def lr(request, rng):
    shape = getattr(request, "param", (40, 50))
    return np.clip(128 + 500 * gaussian_filter(rng.normal(size=shape), 2), 0, 255).astype(np.uint8)


#: for networks that are asked sixteen times
small = pytest.mark.parametrize("lr", [(16, 20)], indirect=True, ids=["small"])


def run(viewer, widget, qtbot, layer, model):
    """Let the Super-resolve widget make a layer."""
    widget.form.layer_box.select_name(layer)
    assert widget.choose_model(model)
    name = f"{layer} [{model}]"
    for _ in range(2):  # a model that does not suit the image runs when it is asked twice
        qtbot.waitUntil(lambda: not widget.busy and widget.form.run_button.isEnabled(), timeout=MINUTE)
        qtbot.mouseClick(widget.form.run_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: widget.job is None, timeout=MINUTE)
        if name in viewer.layers:
            break
    return viewer.layers[name]


@pytest.fixture
def picture(viewer, widget, qtbot, lr):
    """A layer that the Super-resolve widget has made."""
    viewer.add_image(lr, name="cells", scale=(8, 8), units=("nm", "nm"))
    return run(viewer, widget, qtbot, "cells", "em-wiener-x4")


@pytest.fixture
def dock(viewer, picture, qtbot):
    return open_dock(viewer, qtbot, picture)


def open_dock(viewer, qtbot, picture):
    _, built = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    built.form.trust_section.expand(animate=False)
    built.trust.layer_box.select_name(picture.name)
    qtbot.waitUntil(lambda: built.trust.cards != (), timeout=MINUTE)
    return built


def last(events):
    *_, found = events
    return found


def press(dock, qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)


def said(dock, *lights):
    """What stands there with these lights, or with all."""
    return " ".join(x.text for x in dock.trust.verdict.lines() if not lights or x.light in lights)


def consistency_map(viewer):
    (layer,) = [x for x in viewer.layers if x.name.startswith("consistency map [grey levels] · ")]
    return layer


def test_the_consistency_map_lies_over_the_measured_image(viewer, dock, qtbot, picture, lr):
    press(dock, qtbot, dock.trust.consistency_button)
    layer = consistency_map(viewer)
    # by the blur that this image has, not that on the card
    own = own_degradation(estimate(lr).blur.sigma, 4)
    expected = plane_consistency(picture.data, lr, scale=4, degradation=own)
    np.testing.assert_allclose(layer.data, expected.residual, atol=1e-5)
    np.testing.assert_allclose(layer.scale, (8, 8))
    assert layer.units == viewer.layers["cells"].units
    assert f"differs by {expected.rse:.3g} grey levels (RSE)" in dock.form.status.text()
    assert dock.trust.meaning.text() == MAP_KINDS[CONSISTENCY].meaning
    assert layer.metadata[METADATA_KEY]["meaning"].endswith(MAP_KINDS[CONSISTENCY].meaning)
    sharp = sharp_spectrum_of(picture.metadata[METADATA_KEY]["model_card"]["training"])
    assert sharp is not None
    found = last(iter_evidence(picture.data, lr, axes="YX", scale=4, card="em", sharp=sharp))
    assert [x for x in dock.trust.verdict.lines() if "does not fit" not in x.text] == list(found.lines())
    shown = [label.text() for label in dock.trust.verdict.findChildren(QLabel) if not label.isHidden()]
    assert len(shown) == len(dock.trust.verdict.lines())
    for line, text in zip(dock.trust.verdict.lines(), shown, strict=True):
        assert text == f"<span style='color:{colours()[LIGHTS[line.light]]}'>●</span> {escape(line.text)}"
    # once more replaces it, and it is not an image to compare
    press(dock, qtbot, dock.trust.consistency_button)
    assert sum(x.name.startswith("consistency map") for x in viewer.layers) == 1
    assert layer.name not in [x.name for x in dock.form.candidates.layers()]


def test_the_blur_of_the_image_can_be_set(viewer, dock, qtbot, picture, lr):
    dock.trust.blur_box.setValue(0.6)
    press(dock, qtbot, dock.trust.consistency_button)
    expected = plane_consistency(picture.data, lr, scale=4, degradation=own_degradation(0.6, 4))
    np.testing.assert_allclose(consistency_map(viewer).data, expected.residual, atol=1e-5)
    assert "a blur of 0.6 pixels (as set)" in said(dock)
    # what was said goes with the layer that it was said of
    dock.trust.layer_box.select_name("cells")
    assert dock.trust.verdict.lines() == ()


def test_worms_are_seen_and_the_map_says_that_the_model_does_not_fit(viewer, widget, qtbot, rng):
    """A sharp and noisy image: the model, which knows neither, takes the noise for structure."""
    sharp = np.asarray(load_sample("em-phantom").hr)[:240, :240].reshape(60, 4, 60, 4).mean((1, 3))
    noisy = np.clip(sharp + rng.normal(0, 12, sharp.shape), 0, 255).astype(np.uint8)
    viewer.add_image(noisy, name="cells")
    made = run(viewer, widget, qtbot, "cells", "em-wiener-x4")
    dock = open_dock(viewer, qtbot, made)
    press(dock, qtbot, dock.trust.consistency_button)
    assert "Fine detail: " in said(dock, "red")
    assert "likely invented" in said(dock, "red")
    assert "em-wiener-x4 does not fit this image: your image is" in said(dock, "red")
    card = plane_consistency(made.data, noisy, scale=4, degradation="em")
    assert f"on the model's card instead, RSP {card.rsp:.4f}" in said(dock, "")
    name = f"consistency map [grey levels] · {made.name} (the model does not fit)"
    assert consistency_map(viewer).name == name
    assert "does not fit this image" in viewer.layers[name].metadata[METADATA_KEY]["meaning"]
    press(dock, qtbot, dock.trust.consistency_button)  # replaced, not added
    assert consistency_map(viewer).name == name
    # of an image that fits, made of the same name, nothing of the kind is said
    fits = gaussian_filter(np.asarray(load_sample("em-phantom").hr)[:240, :240].astype(float), 3)[2::4, 2::4]
    viewer.add_image(fits.astype(np.uint8), name="blurred")
    made = run(viewer, widget, qtbot, "blurred", "em-wiener-x4")
    dock.trust.layer_box.select_name(made.name)
    viewer.layers.remove(name)
    press(dock, qtbot, dock.trust.consistency_button)
    assert consistency_map(viewer).name == f"consistency map [grey levels] · {made.name}"
    assert "Fine detail: " in said(dock, "green")
    assert "does not fit" not in said(dock)


def test_the_source_is_found_by_what_it_is_not_by_its_name(viewer, dock, qtbot, picture, lr):
    viewer.layers["cells"].name = "renamed"
    viewer.add_image(lr[::-1].copy(), name="cells")
    press(dock, qtbot, dock.trust.consistency_button)
    expected = plane_consistency(picture.data, lr, scale=4, degradation=own_degradation(estimate(lr).blur.sigma, 4))
    np.testing.assert_allclose(consistency_map(viewer).data, expected.residual, atol=1e-5)


def test_the_uncertainty_map_lies_over_the_picture(viewer, dock, qtbot, picture, lr):
    dock.trust.view_box.setChecked(False)
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {picture.name}"]
    *_, expected = iter_uncertainty(lr, [load_model("em-wiener-x4")], axes="YX", precision="fp32")
    assert isinstance(expected, Uncertain)
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-4)
    np.testing.assert_allclose(layer.scale, picture.scale)
    np.testing.assert_allclose(layer.translate, picture.translate)
    assert dock.trust.meaning.text() == MAP_KINDS[UNCERTAINTY].meaning


def test_uncertainty_of_what_is_in_view(automatic, viewer, dock, qtbot, picture, lr):
    viewer.layers["cells"].corner_pixels = np.array([[10, 20], [30, 40]])
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {picture.name}"]
    # its first pixel lies over the picture's
    at = (np.asarray(layer.translate) - np.asarray(picture.translate)) / np.asarray(picture.scale)
    np.testing.assert_allclose(at, (40, 80), atol=1e-6)
    assert all(80 <= side <= 84 for side in layer.data.shape)
    # with the intensities of the whole image
    rows, columns = (slice(start, start + n // 4) for start, n in zip((10, 20), layer.data.shape, strict=True))
    settings = {"axes": "YX", "rows": rows, "columns": columns, "precision": automatic}
    *_, expected = iter_uncertainty(lr, [load_model("em-wiener-x4")], **settings)
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-4)
    viewer.layers["cells"].corner_pixels = np.array([[0, 0], [0, 0]])
    press(dock, qtbot, dock.trust.uncertainty_button)
    assert "cells is not in view" in dock.form.status.text()


@small
def test_several_models_are_asked(automatic, viewer, dock, qtbot, picture, lr):
    names = [dock.trust.also_box.item(row).text() for row in range(dock.trust.also_box.count())]
    assert "em-wgan-pixel-x4" in names
    assert "em-wiener-x4" not in names  # it has made the picture
    assert not any(name.startswith("nbody") for name in names)
    dock.trust.also_box.tick("em-wgan-pixel-x4")
    dock.trust.view_box.setChecked(False)
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {picture.name}"]
    models = [load_model(name) for name in ("em-wiener-x4", "em-wgan-pixel-x4")]
    *_, expected = iter_uncertainty(lr, models, axes="YX", precision=automatic)
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-3)
    assert "Over 16 views" in dock.form.status.text()
    dock.trust.layer_box.select_name("cells")  # not ours: nothing to ask
    assert dock.trust.also_box.names() == []


@small
def test_a_mixed_model_is_asked_as_it_was_mixed(automatic, viewer, widget, qtbot, lr):
    viewer.add_image(lr, name="cells")
    assert widget.choose_model("em-wgan-pixel-x4")
    row = widget.form.mix_row
    row.box.setCurrentIndex(row.box.findData("em-wgan-x4"))
    row.slider.setValue(12)
    qtbot.waitUntil(lambda: not widget.busy, timeout=MINUTE)
    qtbot.mouseClick(widget.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget.job is None, timeout=MINUTE)
    made = viewer.layers["cells [em-wgan-pixel-x4 + 60% em-wgan-x4]"]
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    dock.trust.layer_box.select_name(made.name)
    dock.trust.view_box.setChecked(False)
    press(dock, qtbot, dock.trust.uncertainty_button)
    layer = viewer.layers[f"uncertainty map [grey levels] · {made.name}"]
    mixed = blend(load_model("em-wgan-pixel-x4"), load_model("em-wgan-x4"), 0.6)
    *_, expected = iter_uncertainty(lr, [mixed], axes="YX", precision=automatic)
    np.testing.assert_allclose(layer.data, expected.deviation, atol=1e-3)


def test_what_it_cannot_know_is_said(viewer, dock, qtbot, picture):
    dock.trust.layer_box.select_name("cells")
    press(dock, qtbot, dock.trust.consistency_button)
    assert "Choose a layer that Super-resolve has made" in dock.form.status.text()
    dock.trust.layer_box.select_name(picture.name)
    viewer.layers.remove("cells")
    press(dock, qtbot, dock.trust.uncertainty_button)
    assert "is not in the viewer any more" in dock.form.status.text()


def test_cancel(viewer, dock, qtbot, picture):
    dock.trust.view_box.setChecked(False)
    count = len(viewer.layers)
    qtbot.mouseClick(dock.trust.uncertainty_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(dock.form.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)
    assert len(viewer.layers) == count
    assert "Cancelled" in dock.form.status.text()


def test_the_consistency_of_a_part_is_that_of_the_part(viewer, widget, qtbot, lr):
    viewer.add_image(lr, name="cells", scale=(8, 8), units=("nm", "nm"))
    box = np.array([[4, 6], [4, 29], [35, 29], [35, 6]]) * 8.0
    viewer.add_shapes([box], shape_type="rectangle")
    widget.form.part_box.setCurrentText(RECTANGLE)
    picture = run(viewer, widget, qtbot, "cells", "em-wiener-x4")
    rows, columns = (slice(*ends) for ends in picture.metadata[METADATA_KEY]["part"])
    part = lr[rows, columns]
    assert picture.data.shape == tuple(4 * n for n in part.shape)
    dock = open_dock(viewer, qtbot, picture)
    press(dock, qtbot, dock.trust.consistency_button)
    layer = consistency_map(viewer)
    assert layer.data.shape == part.shape
    np.testing.assert_allclose(layer.translate, (8 * rows.start, 8 * columns.start))
    own = own_degradation(estimate(part).blur.sigma, 4)
    expected = plane_consistency(picture.data, part, scale=4, degradation=own)
    np.testing.assert_allclose(layer.data, expected.residual, atol=1e-4)
