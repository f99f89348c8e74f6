"""Which model suits the image, and what it is told: as a user sees it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from qtpy.QtCore import QPoint, Qt
from small_models import make_model

from napari_sr import upscale
from napari_sr.conditions import BLUR, NOISE
from napari_sr.degradations import degrade
from napari_sr.images.samples import load_sample
from napari_sr.models.model import load, save
from napari_sr.models.store import user_folder
from napari_sr.widgets.base.colours import ON_DARK
from napari_sr.widgets.controls.condition_row import STEPS, ConditionRow, ConditionSlider, from_step, to_step
from napari_sr.widgets.controls.model_box import grouped
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.preview_layer import NAME


def told_model():
    """A small model that listens, as good on its card as it takes to be recommended."""
    model = make_model("adaptive", 4)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    metrics = ({"data": "test", "model": {"psnr": 30.0}, "bicubic": {"psnr": 25.0}},)
    card = replace(
        model.card, name="told-x4", title="Told ×4", kind="EM", degradation="microscope", metrics=metrics,
        pixel_unit="nm", pixel_size=(40.0,),
    )  # fmt: skip
    return replace(model, card=card)


@pytest.fixture
def docked(viewer, qtbot, own_folders):
    """The dock with a model that is told, nothing chosen by hand."""
    save(told_model(), user_folder() / "told-x4.safetensors")
    _, built = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    qtbot.waitUntil(lambda: not built.busy and built.form.model_box.card() is not None, timeout=60_000)
    yield built
    built.cancel()
    qtbot.waitUntil(lambda: not built.busy, timeout=60_000)


def settle(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.busy, timeout=60_000)


@pytest.fixture
def sharp():
    return degrade(load_sample("em-phantom").hr[:320, :320], "area", 4).astype(np.uint8)


@pytest.fixture
def blurred():
    return degrade(load_sample("em-phantom").hr[:480, :480], "em", 4).astype(np.uint8)


def test_the_recommended_model_is_chosen_and_said(docked, viewer, qtbot, sharp):
    viewer.add_image(sharp, metadata={METADATA_KEY: {"kind": "EM"}}, scale=(40, 40), units=("nm", "nm"))
    settle(qtbot, docked)
    assert docked.form.model_box.card().name == "em-x4"
    assert "Recommended for this image" in docked.form.fit_panel.verdict.text()
    assert not docked.form.fit_panel.facts.text()  # nothing is unknown
    assert docked.form.model_box.itemText(0) == "Recommended"
    assert docked.form.model_box.itemText(2).strip() == "Told ×4"  # the user's own is as good: second
    assert (
        docked.form.model_box.currentText().strip() == "Electron microscopy ×4, any blur and noise"
    )  # words, not names
    assert "em-x4" in docked.form.model_box.toolTip()


def test_run_waits_until_the_image_was_looked_at_and_twice_is_once(docked, viewer, qtbot, sharp):
    """Who is quick gets the recommended model too, not the one that happened to stand in the list."""
    viewer.add_image(sharp, metadata={METADATA_KEY: {"kind": "EM"}}, scale=(40, 40), units=("nm", "nm"))
    assert docked.form.fit_panel.busy
    docked.run()
    docked.run()
    assert "Looking at the image" in docked.form.status.text()
    qtbot.waitUntil(lambda: any("[em-x4]" in x.name for x in viewer.layers), timeout=60_000)
    settle(qtbot, docked)
    made = [x for x in viewer.layers if x.metadata.get(METADATA_KEY, {}).get("made_by") == "super-resolution"]
    assert len(made) == 1


def test_who_comes_back_to_an_image_after_a_run_gets_its_model_again(docked, viewer, qtbot, sharp, rng):
    said = {"scale": (40, 40), "units": ("nm", "nm")}
    cells = viewer.add_image(sharp, name="cells", metadata={METADATA_KEY: {"kind": "EM"}}, **said)
    settle(qtbot, docked)
    qtbot.mouseClick(docked.form.run_button, Qt.MouseButton.LeftButton)
    settle(qtbot, docked)
    assert docked.form.model_box.card().name == "em-x4"
    viewer.add_image(rng.poisson(9, (90, 90)), name="light", metadata={METADATA_KEY: {"kind": "fluorescence"}}, **said)
    settle(qtbot, docked)
    assert docked.form.model_box.card().name != "em-x4"
    viewer.layers.selection.active = cells
    settle(qtbot, docked)
    assert docked.form.model_box.card().name == "em-x4"
    assert "Recommended" in docked.form.fit_panel.verdict.text()


def test_a_model_that_was_chosen_stays_and_the_better_one_is_a_click_away(docked, viewer, qtbot, sharp):
    docked.choose_model("em-wgan-pixel-x4")
    viewer.add_image(sharp, metadata={METADATA_KEY: {"kind": "EM"}}, scale=(40, 40), units=("nm", "nm"))
    settle(qtbot, docked)
    assert docked.form.model_box.card().name == "em-wgan-pixel-x4"
    text = docked.form.fit_panel.verdict.text()
    assert "does not suit this image" in text
    assert "sharper" in text
    assert "use:em-x4" in text
    docked.form.fit_panel.verdict.linkActivated.emit("use:em-x4")
    assert docked.form.model_box.card().name == "em-x4"
    assert "Recommended" in docked.form.fit_panel.verdict.text()


def test_a_model_that_does_not_suit_is_asked_about_once(docked, viewer, qtbot, sharp):
    docked.choose_model("em-wiener-x4")
    viewer.add_image(sharp, name="cells", metadata={METADATA_KEY: {"kind": "EM"}})
    settle(qtbot, docked)
    qtbot.mouseClick(docked.form.run_button, Qt.MouseButton.LeftButton)
    assert not docked.busy
    assert "once more" in docked.form.status.text()
    assert len(viewer.layers) == 1
    qtbot.mouseClick(docked.form.run_button, Qt.MouseButton.LeftButton)
    settle(qtbot, docked)
    assert viewer.layers[-1].name == "cells [em-wiener-x4]"
    # and what came out says itself that it is no good
    assert "beyond the limits" in docked.form.status.text()
    assert docked.form.status.tone == "error"


def test_a_specialist_on_what_it_was_trained_on_runs_at_once(docked, viewer, qtbot, blurred):
    docked.choose_model("em-wiener-x4")
    viewer.add_image(blurred, name="cells", metadata={METADATA_KEY: {"kind": "EM"}})
    settle(qtbot, docked)
    assert ON_DARK["good"] in docked.form.fit_panel.verdict.text()
    qtbot.mouseClick(docked.form.run_button, Qt.MouseButton.LeftButton)
    settle(qtbot, docked)
    assert viewer.layers[-1].name == "cells [em-wiener-x4]"
    assert not docked.form.status.tone


def test_what_is_unknown_is_said_and_one_click_sets_it(docked, viewer, qtbot, sharp):
    layer = viewer.add_image(sharp)
    settle(qtbot, docked)
    facts = docked.form.fit_panel.facts.text()
    assert "Taken for electron microscopy" in facts
    assert "Pixel size unknown" in facts
    docked.form.fit_panel.facts.linkActivated.emit("kind:fluorescence")
    settle(qtbot, docked)
    assert layer.metadata[METADATA_KEY]["kind"] == "fluorescence"
    assert "Taken for" not in docked.form.fit_panel.facts.text()
    docked.form.fit_panel.facts.linkActivated.emit("pixels:")
    row = docked.form.fit_panel.pixel_row
    assert not row.isHidden()
    row.size.setValue(25)
    qtbot.mouseClick(row.button, Qt.MouseButton.LeftButton)
    settle(qtbot, docked)
    np.testing.assert_allclose(layer.scale, (25, 25))
    assert str(layer.units[0]) == "nanometer"
    assert "unknown" not in docked.form.fit_panel.facts.text()
    assert row.isHidden()


def test_a_run_keeps_its_model_for_its_image_and_for_no_other(docked, viewer, qtbot, sharp):
    first = viewer.add_image(sharp, name="first", metadata={METADATA_KEY: {"kind": "EM"}})
    settle(qtbot, docked)
    assert docked.form.model_box.card().name == "em-x4"
    docked.run()
    settle(qtbot, docked)
    viewer.add_image(sharp, name="second", metadata={METADATA_KEY: {"kind": "fluorescence"}})
    settle(qtbot, docked)
    assert docked.form.model_box.card().kind != "EM"
    viewer.layers.selection.active = first
    settle(qtbot, docked)
    assert docked.form.layer_box.layer() is first


def test_where_no_model_suits_interpolation_is_chosen(docked, viewer, qtbot, rng):
    noise = rng.integers(0, 255, (64, 64)).astype(np.uint8)
    viewer.add_image(noise, metadata={METADATA_KEY: {"kind": "N-body"}})
    settle(qtbot, docked)
    assert docked.form.model_box.card().name == "bicubic-x4"


def test_sliders_are_set_to_what_was_estimated_and_the_preview_follows(docked, viewer, qtbot, blurred):
    blurred = blurred[:88, :88].copy()  # all of it fits into a preview
    viewer.add_image(blurred, metadata={METADATA_KEY: {"kind": "EM"}})
    docked.form.settings.precision.setCurrentIndex(docked.form.settings.precision.findData("fp32"))
    settle(qtbot, docked)
    docked.form.fit_panel.verdict.linkActivated.emit("use:told-x4")
    sliders = docked.form.conditions.sliders
    assert list(sliders) == ["blur", "noise"]
    seen = docked.form.fit_panel.found.seen
    assert sliders["blur"].value() == pytest.approx(seen.blur)
    assert sliders["blur"].slider.mark == sliders["blur"].slider.value()
    sliders["blur"].slider.setFocus()
    for _ in range(30):  # faster than previews are made
        qtbot.keyClick(sliders["blur"].slider, Qt.Key.Key_Right)
    settle(qtbot, docked)
    told = docked.form.conditions.values()
    assert told["blur"] > seen.blur + 0.1
    assert told["noise"] == pytest.approx(seen.noise)
    expected = upscale(blurred, told_model_saved(), conditions=told, precision="fp32")
    shown = viewer.layers[NAME].data
    assert shown.shape == expected.shape
    np.testing.assert_array_equal(shown, expected)  # of the last place of the slider, not of one on the way
    # the run takes the same
    qtbot.mouseClick(docked.form.run_button, Qt.MouseButton.LeftButton)
    settle(qtbot, docked)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected)
    # another image is another estimate
    viewer.add_image(blurred[::-1] // 2, metadata={METADATA_KEY: {"kind": "EM"}})
    settle(qtbot, docked)
    assert not sliders["blur"].by_hand


def told_model_saved():
    return load(user_folder() / "told-x4.safetensors")


def test_models_without_conditions_have_no_sliders(docked, viewer, qtbot, blurred):
    viewer.add_image(blurred)
    settle(qtbot, docked)
    docked.choose_model("em-wiener-x4")
    assert docked.form.conditions.isHidden()
    assert docked.form.conditions.values() == {}


def test_previews_go_on_while_something_runs_and_a_run_drops_them(docked, viewer, qtbot, blurred):
    viewer.add_image(blurred, metadata={METADATA_KEY: {"kind": "EM"}})
    settle(qtbot, docked)
    docked.preview()
    assert docked.previews.busy
    assert docked.form.run_button.isEnabled()
    docked.run()
    settle(qtbot, docked)
    assert viewer.layers[-1].name != NAME


@pytest.mark.parametrize("condition", [BLUR, NOISE])
def test_steps_of_a_slider_and_values_belong_together(condition):
    for step in (0, 1, STEPS // 2, STEPS - 1, STEPS):
        assert to_step(condition, from_step(condition, step)) == step
    assert from_step(condition, 0) == pytest.approx(condition.low)
    assert from_step(condition, STEPS) == pytest.approx(condition.high)


def test_a_double_click_goes_back_to_the_estimate(qtbot):
    slider = ConditionSlider(BLUR)
    qtbot.addWidget(slider)
    slider.resize(200, 30)
    slider.show()
    slider.set_estimate(0.4321)
    moves = []
    slider.moved.connect(lambda: moves.append(slider.value()))
    slider.slider.setValue(STEPS)
    assert slider.by_hand
    assert slider.value() == pytest.approx(BLUR.high)
    qtbot.mouseDClick(slider.slider, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert slider.value() == pytest.approx(0.4321)  # exactly, not the nearest step
    assert not slider.by_hand
    assert "0.43 px" in slider.label.text()
    assert len(moves) >= 2


def test_the_mark_lies_where_the_handle_would(qtbot):
    slider = ConditionSlider(BLUR)
    qtbot.addWidget(slider)
    slider.resize(300, 30)
    slider.show()
    places = []
    for value in (BLUR.low, (BLUR.low + BLUR.high) / 2, BLUR.high):
        slider.set_estimate(value)
        places.append(slider.slider.mark_position())
    assert places[0] < places[1] < places[2]
    assert places[1] == pytest.approx(slider.slider.width() / 2, abs=3)
    slider.set_estimate(None)
    assert slider.slider.mark_position() is None


def test_what_is_not_known_is_left_to_be_estimated(qtbot):
    row = ConditionRow()
    qtbot.addWidget(row)
    row.set_conditions((BLUR, NOISE))
    assert row.values() == {}
    row.sliders["noise"].slider.setValue(STEPS // 2)
    assert list(row.values()) == ["noise"]


def test_groups_hold_every_model_once():
    from napari_sr.models.store import list_models

    # whatever kind it is for: of another program, or trained further on images of a kind that is known
    mine = [replace(told_model().card, name=f"mine {kind}", kind=kind) for kind in ("own", "any", "EM")]
    cards = [*list_models(), told_model().card, *mine]
    groups = grouped(cards, ["told-x4"])
    titles = [title for title, _ in groups]
    assert titles[0] == "Recommended"
    assert titles[-3:] == ["Of the theses", "Your own", "Interpolation"]
    names = [card.name for _, members in groups for card in members]
    assert sorted(names) == sorted(card.name for card in cards)
    assert len(set(names)) == len(names)
    under = {title: [card.name for card in members] for title, members in groups}
    assert under["Your own"] == [card.name for card in mine]
    assert "em-dfcan-x4" in under["Of the theses"]
    assert {"nbody-x4", "nbody-pairs-x4"} <= set(under["Cosmology (N-body)"])  # its network is none of theirs
