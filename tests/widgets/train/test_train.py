"""The dock widget *Train*, opened and clicked as a user does."""

import shutil
import threading
import time

import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent, QHideEvent
from qtpy.QtWidgets import QApplication, QMessageBox
from scipy.ndimage import gaussian_filter

from napari_sr.images.writers import OutputInfo
from napari_sr.images.writers.zarr_folder import create_zarr
from napari_sr.models.store import list_models, load_model, user_folder
from napari_sr.training import RECIPES, TrainConfig
from napari_sr.training.data.split import kept_part
from napari_sr.training.recipes import DEFAULT_RECIPE
from napari_sr.training.runs.folders import runs_folder, unfinished_runs
from napari_sr.training.runs.history import read_history
from napari_sr.training.runs.verdict import Verdict
from napari_sr.widgets.base import dock as base
from napari_sr.widgets.base.colours import ON_DARK
from napari_sr.widgets.train import watch
from napari_sr.widgets.train.curve_view import ROW_HEIGHT
from napari_sr.widgets.train.stage import BOX, CAPTIONS, NAMES, SIDE, TrainStage
from napari_sr.widgets.train.verdict_box import VerdictBox

MINUTE = 60_000
pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.fixture
def images(rng):
    stack = gaussian_filter(rng.normal(size=(3, 200, 160)), (0, 2, 2))
    return np.clip(128 + 400 * stack, 0, 255).astype(np.uint8)


@pytest.fixture
def viewer(make_viewer, images):
    viewer = make_viewer()
    viewer.add_image(images, name="cells", scale=(50, 4, 4), units=("nm", "nm", "nm"))
    return viewer


@pytest.fixture
def dock(viewer, qtbot):
    return open_dock(viewer, qtbot)


def open_dock(viewer, qtbot):
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Train")
    qtbot.waitUntil(lambda: widget.ready and widget.job is None, timeout=MINUTE)
    return widget


def shorten(widget, **changes):
    """A run of seconds: small patches, few steps."""
    if widget.form.recipe_box.currentData() == "adaptive":  # so good that nothing is left to complain about
        widget.form.recipe_box.setCurrentIndex(widget.form.recipe_box.findData("wgan-pixel"))
    widget.form.scale_box.setValue(2)
    widget.form.preset_box.setCurrentIndex(widget.form.preset_box.findData("area"))
    for name, value in {"steps": 6, "batch_size": 1, "lr_patch": 16, "validate_every": 3, **changes}.items():
        widget.recipe.advanced[name].value = value


def click(qtbot, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def finish(widget, qtbot):
    qtbot.waitUntil(lambda: widget.job is None, timeout=2 * MINUTE)


def keep(widget, qtbot, name):
    """After a few steps a model is seldom any good: it is kept all the same, if it has to be."""
    if widget.form.verdict_box.question.isVisibleTo(widget):
        assert name not in [c.name for c in list_models()]
        click(qtbot, widget.form.verdict_box.keep_button)
    qtbot.waitUntil(lambda: f"{name} is in your list of models now" in widget.form.status.text(), timeout=MINUTE)


@pytest.mark.window
@pytest.mark.xdist_group("clipboard")  # workers share a screen, and it has one
def test_a_model_is_trained_and_is_in_the_list_of_super_resolve(viewer, dock, qtbot, images):
    _, other = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    qtbot.waitUntil(lambda: len(other.form.model_box.cards()) > 0 and other.job is None, timeout=MINUTE)
    shorten(dock)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: BOX in viewer.layers, timeout=MINUTE)
    assert not dock.form.train_button.isEnabled()
    assert viewer.dims.current_step[0] == 2  # the plane that is kept for validation
    assert "kept aside" in dock.form.patch_label.text()
    # LR, SR and HR of the box, once the network was seen
    qtbot.waitUntil(lambda: NAMES["hr"] in viewer.layers or not dock.running, timeout=MINUTE)
    shown = {key: viewer.layers[name].data for key, name in NAMES.items() if name in viewer.layers}
    finish(dock, qtbot)
    # six steps: worse than bicubic, said in red with the reason, and in no list before that is answered
    box = dock.form.verdict_box
    assert "It is worse than bicubic interpolation" in box.headline.text()
    assert box.headline.tone == "error"
    assert "6 steps are too few" in box.why.text()
    assert box.question.isVisibleTo(dock)
    assert "not in your list of models" in dock.form.status.text()
    qtbot.waitUntil(lambda: dock.form.resume_box.currentText() == "mine, finished: keep or discard?", timeout=MINUTE)
    assert not (user_folder() / "mine.safetensors").exists()
    assert "mine" not in [c.name for c in other.form.model_box.cards()]
    assert other.form.model_box.card().name != "mine"  # it may choose another one for the new layers, not this one
    click(qtbot, box.keep_button)
    qtbot.waitUntil(lambda: "mine is in your list of models now" in dock.form.status.text(), timeout=MINUTE)
    assert not box.question.isVisibleTo(dock)
    qtbot.waitUntil(lambda: other.form.model_box.select("mine"), timeout=MINUTE)
    qtbot.waitUntil(lambda: dock.form.resume_box.count() == 0, timeout=MINUTE)
    # what the card says was measured
    card = load_model("mine").card
    assert card.training["recipe"] == "wgan-pixel"
    assert card.training["steps"] == 6
    assert (card.kind, card.pixel_size, card.pixel_unit) == ("own", (8.0,), "nm")
    assert card.metrics[0]["bicubic"]["psnr"] > 0
    # of what the run showed, nothing is left
    assert not [layer.name for layer in viewer.layers if layer.name.startswith("training: ")]
    assert shown["lr"].shape == (SIDE, SIDE)
    assert shown["sr"].shape == shown["hr"].shape == (2 * SIDE, 2 * SIDE)
    row, column = (200 // 2 - SIDE) // 2, (160 // 2 - SIDE) // 2
    np.testing.assert_array_equal(shown["hr"], images[2, 2 * row : 2 * (row + SIDE), 2 * column : 2 * (column + SIDE)])
    # the curves
    assert [p.step for p in dock.run.curves.history if p.val_psnr is not None] == [3, 6]
    figures = card.metrics[0]
    shown = f"{figures['model']['psnr']:.2f} dB (bicubic {figures['bicubic']['psnr']:.2f})"
    assert shown in dock.run.curves.figures.text()  # of the finished model, and no other one
    assert "too little to read its curves" in dock.run.curves.hint.text()  # two validations
    qtbot.waitUntil(lambda: not dock.run.curves.latest.busy, timeout=MINUTE)
    drawn = dock.run.curves.picture.pixmap().toImage()
    assert (drawn.width(), drawn.height()) == (dock.run.curves.width(), ROW_HEIGHT)
    dock.run.curves.log_box.click()
    qtbot.waitUntil(lambda: dock.run.curves.picture.pixmap().toImage() != drawn, timeout=MINUTE)
    # the report, and the way to repeat the run
    folder = runs_folder() / "mine"
    assert dock.run.report == folder / "report.html"
    click(qtbot, dock.form.command_button)
    assert QApplication.clipboard().text() == f"napari-sr train {folder / 'config.yaml'} -o mine-again"
    # the next run has another name
    qtbot.waitUntil(lambda: dock.form.name_edit.text() == "mine-2", timeout=MINUTE)


def test_the_command_line_repeats_the_run(viewer, dock, qtbot, shell, tmp_path):
    shorten(dock, steps=4, validate_every=4)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    dock.export(tmp_path / "exported.yaml")
    assert TrainConfig.read(tmp_path / "exported.yaml") == TrainConfig.read(runs_folder() / "mine" / "config.yaml")
    code, _, errors = shell("train", tmp_path / "exported.yaml", "-o", tmp_path / "again", "--device", "cpu")
    assert code == 0, errors
    first = load_model(runs_folder() / "mine" / "mine.safetensors").network.state_dict()
    again = load_model(tmp_path / "again" / "mine.safetensors").network.state_dict()
    # threads differ between the processes, so sums do too
    assert all(np.allclose(first[key].numpy(), again[key].numpy(), atol=1e-5) for key in first)


def test_pause_stop_and_resume_after_a_restart(viewer, dock, qtbot, make_viewer):
    shorten(dock, steps=60, validate_every=60)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: dock.run.step >= 1, timeout=MINUTE)
    click(qtbot, dock.form.pause_button)
    # the step that was going on is done first
    qtbot.waitUntil(lambda: dock.form.status.text().startswith("Paused after step"), timeout=MINUTE)
    paused = dock.run.step
    assert dock.form.status.text() == f"Paused after step {paused}."
    assert dock.form.pause_button.text() == "Go on"
    qtbot.wait(1500)
    assert dock.run.step == paused
    click(qtbot, dock.form.pause_button)
    qtbot.waitUntil(lambda: dock.run.step > paused, timeout=MINUTE)
    click(qtbot, dock.form.stop_button)
    assert dock.form.status.text() == "Stopping …"
    finish(dock, qtbot)
    assert "You can resume it" in dock.form.status.text()
    (run,) = unfinished_runs()
    assert paused < run.step < 60
    # a new viewer knows of it, and needs none of the layers
    restarted = make_viewer()
    widget = open_dock(restarted, qtbot)
    assert not widget.form.resume_row.isHidden()
    assert "mine, stopped at step" in widget.form.resume_box.currentText()
    click(qtbot, widget.form.resume_button)
    qtbot.waitUntil(lambda: widget.run.step > run.step, timeout=MINUTE)
    assert "mine: validation image" in restarted.layers
    finish(widget, qtbot)
    keep(widget, qtbot, "mine")
    steps = [p.step for p in read_history(runs_folder() / "mine", steps=60)]
    assert steps == sorted(set(steps) | ({60} if steps.count(60) else set())) or steps[-2:] == [60, 60]
    assert unfinished_runs() == []


def test_fine_tuning_takes_everything_from_the_model(viewer, dock, qtbot):
    row = dock.form.start_box.findText("em-wgan-pixel-x4")
    dock.form.start_box.setCurrentIndex(row)
    assert dock.form.scale_box.value() == 4
    assert dock.form.preset_box.currentData() == "em"
    assert dock.form.name_edit.text() == "my-em-wgan-pixel-x4"
    for name, value in {"steps": 2, "batch_size": 1, "lr_patch": 10, "validate_every": 2}.items():
        dock.recipe.advanced[name].value = value
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    assert "em-wgan-pixel-x4, which it started from" in dock.form.verdict_box.headline.text()
    keep(dock, qtbot, "my-em-wgan-pixel-x4")
    card = load_model("my-em-wgan-pixel-x4").card
    assert card.training["start_from"] == "em-wgan-pixel-x4"
    assert card.metrics[0]["start"]["name"] == "em-wgan-pixel-x4"
    assert "FlyEM" in card.attribution  # what it was trained on before still is in it


@pytest.mark.window
def test_a_bad_model_waits_for_an_answer_also_in_another_window(viewer, dock, qtbot, make_viewer):
    shorten(dock, steps=2, validate_every=2)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    assert dock.form.verdict_box.question.isVisibleTo(dock)
    viewer.window.remove_dock_widget(dock)
    assert not (user_folder() / "mine.safetensors").exists()
    widget = open_dock(make_viewer(), qtbot)
    assert widget.form.resume_box.currentText() == "mine, finished: keep or discard?"
    assert widget.form.resume_button.text() == "Decide"
    assert not widget.form.verdict_box.isVisibleTo(widget)
    click(qtbot, widget.form.resume_button)
    assert "worse than bicubic" in widget.form.verdict_box.headline.text()
    assert widget.form.report_button.isEnabled()
    click(qtbot, widget.form.verdict_box.discard_button)
    folder = runs_folder() / "mine"
    qtbot.waitUntil(lambda: f"Its files are still in {folder}" in widget.form.status.text(), timeout=MINUTE)
    assert not widget.form.verdict_box.question.isVisibleTo(widget)
    assert (folder / "mine.safetensors").exists()
    assert not (user_folder() / "mine.safetensors").exists()
    qtbot.waitUntil(lambda: widget.form.resume_row.isHidden(), timeout=MINUTE)  # it is not asked for a second time


def test_the_critic_learns_first_and_a_model_that_cannot_be_copied_is_asked_for_again(dock, qtbot, monkeypatch):
    said = []
    status, original = dock.form.status, dock.form.status.say
    monkeypatch.setattr(status, "say", lambda text, tone=None: (said.append(text), original(text, tone)))
    dock.form.recipe_box.setCurrentIndex(dock.form.recipe_box.findData("wgan-gp"))
    shorten(dock, steps=7, validate_every=7)
    dock.form.name_edit.setText("gan")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    steps = [text for text in said if text.startswith("Step ")]
    assert "the critic is learning first" in steps[0]
    assert not any("nan" in text for text in said)
    assert "7 steps are too few for an adversarial recipe" in dock.form.verdict_box.why.text()

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(shutil, "copy2", full)
        click(qtbot, dock.form.verdict_box.keep_button)
        qtbot.waitUntil(lambda: "No space left on device" in dock.form.status.text(), timeout=MINUTE)
    assert not (user_folder() / "gan.safetensors").exists()
    assert dock.form.verdict_box.question.isVisibleTo(dock)
    keep(dock, qtbot, "gan")
    assert load_model("gan").card.training["verdict"]["level"] == "bad"


def test_a_good_model_is_in_the_list_without_a_question(dock, qtbot):
    """A network that starts as the least-squares filter undoes a blur at once."""
    dock.form.recipe_box.setCurrentIndex(dock.form.recipe_box.findData("dfcan"))
    shorten(dock, steps=2, validate_every=2, learning_rate=1e-5)
    dock.form.preset_box.setCurrentIndex(dock.form.preset_box.findData("em"))
    for name, value in {"num_groups": 1, "num_blocks": 2, "num_features": 8, "reduction": 4}.items():
        dock.recipe.advanced[f"hyper_parameters.{name}"].value = value
    dock.form.name_edit.setText("filter")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    assert "filter is in your list of models now" in dock.form.status.text()
    assert "dB better than bicubic" in dock.form.verdict_box.headline.text()
    assert not dock.form.verdict_box.question.isVisibleTo(dock)
    assert (user_folder() / "filter.safetensors").exists()


@pytest.mark.parametrize(
    ("level", "colour"),
    [("good", ON_DARK["quiet"]), ("doubtful", ON_DARK["warning"]), ("bad", ON_DARK["error"])],
)
def test_a_verdict_has_the_colour_of_its_level(level, colour, qtbot, tmp_path):
    box = VerdictBox()
    qtbot.addWidget(box)
    box.show_verdict(Verdict(level, "It is what it is.", ("This is why.",) if level != "good" else ()), tmp_path)
    assert colour in box.styleSheet()
    assert box.why.isVisibleTo(box) == (level != "good")
    assert not box.advice.isVisibleTo(box)
    answers = []
    box.kept.connect(answers.append)
    box.discarded.connect(answers.append)
    click(qtbot, box.discard_button)
    assert answers == [tmp_path]
    assert not box.keep_button.isEnabled()  # one answer, not two
    box.clear()
    assert not box.isVisible()


def test_a_degradation_of_ones_own_is_on_the_card_and_comes_back_with_the_model(viewer, dock, qtbot):
    shorten(dock, steps=2, validate_every=2)
    dock.form.preset_box.setCurrentIndex(dock.form.preset_box.findData("own"))
    dock.form.preset_box.own.sigma.setValue(1.3)
    dock.form.name_edit.setText("my-microscope")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    keep(dock, qtbot, "my-microscope")
    text = "gaussian(sigma=1.3) + area + shot(photons=100, read=2)"
    assert load_model("my-microscope").card.degradation == text
    dock.form.preset_box.choose("em")
    qtbot.waitUntil(lambda: dock.form.start_box.findText("my-microscope") >= 0, timeout=MINUTE)
    dock.form.start_box.setCurrentIndex(dock.form.start_box.findText("my-microscope"))
    assert dock.form.preset_box.text() == text
    assert dock.form.preset_box.own.isVisibleTo(dock)


def test_measured_pairs_of_layers(viewer, dock, qtbot, images):
    lr = images.reshape(3, 100, 2, 80, 2).mean(axis=(2, 4)).astype(np.uint8)
    viewer.add_image(lr, name="measured", scale=(50, 8, 8), units=("nm", "nm", "nm"))
    dock.form.hr_box.select_name("cells")
    dock.form.lr_box.select_name("measured")
    assert dock.form.scale_box.value() == 2
    assert not dock.form.preset_box.isEnabled()
    shorten(dock, steps=2, validate_every=2)
    dock.form.name_edit.setText("pairs")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    keep(dock, qtbot, "pairs")
    assert load_model("pairs").card.degradation == ""


def test_a_full_disk_while_copying_is_said_and_leaves_nothing(viewer, dock, qtbot, monkeypatch):
    from pathlib import Path

    original = Path.open

    def full(self, mode="r", *args, **kwargs):
        if "b" in mode and "w" in mode and self.suffix == ".npy":
            raise OSError(28, "No space left on device")
        return original(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    shorten(dock)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    assert "could not be copied" in dock.form.status.text()
    assert not (runs_folder() / "mine").exists()
    assert dock.form.train_button.isEnabled()


@pytest.mark.window
def test_training_while_the_length_is_measured_and_closing_at_once(viewer, dock, qtbot):
    shorten(dock, steps=500, validate_every=500)
    qtbot.waitUntil(lambda: dock.run_length.busy, timeout=MINUTE)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    job = dock.job
    viewer.window.remove_dock_widget(dock)
    end = time.monotonic() + 60
    while job.running and time.monotonic() < end:
        qtbot.wait(50)
    assert not job.running


def test_sliders_of_other_units_and_steps(make_viewer, qtbot, images):
    viewer = make_viewer()
    viewer.add_image(np.zeros((9, 8, 8)), scale=(20, 400, 400), translate=(-40, 0, 0), units=("nm", "nm", "nm"))
    viewer.add_image(images, name="cells", scale=(0.05, 0.004, 0.004), units=("um", "um", "um"))
    widget = open_dock(viewer, qtbot)
    widget.form.hr_box.select_name("cells")
    shorten(widget, steps=2, validate_every=2)
    widget.form.name_edit.setText("units")
    click(qtbot, widget.form.train_button)
    qtbot.waitUntil(lambda: widget.run.watch is not None, timeout=MINUTE)
    assert widget.run.watch.stage.place().plane == 2
    finish(widget, qtbot)
    keep(widget, qtbot, "units")


def test_a_store_of_pairs_gives_both_images(dock, tmp_path, images):
    store = tmp_path / "pairs.zarr"
    zarr.create_group(str(store))
    for name, step in (("hr", 1), ("lr", 2)):
        stack = images[:, ::step, ::step]
        create_zarr(store / name, stack.shape, stack.dtype, "ZYX", OutputInfo("ZYX"))[...] = stack
    dock.form.where_box.setCurrentIndex(1)
    dock.form.hr_path.edit.setText(str(store))
    assert dock.images.sources() == (str(store / "hr"), str(store / "lr"))
    assert not dock.form.preset_box.isEnabled()  # there is nothing to simulate


def test_patches_fit_a_small_image_unless_their_size_was_chosen(viewer, dock, rng):
    form = lambda: dock.recipe.advanced["lr_patch"]  # noqa: E731 - each recipe has a form of its own
    dock.form.recipe_box.setCurrentIndex(dock.form.recipe_box.findData("dfcan"))
    dock.form.scale_box.setValue(4)
    single = viewer.add_image(rng.normal(size=(640, 640)).astype(np.float32), name="single")
    dock.form.hr_box.select_name("single")
    assert form().value == 48
    assert dock.config_now().lr_patch == 48  # what is shown is what is trained with
    viewer.add_image(rng.normal(size=(4, 640, 640)).astype(np.float32), name="several")
    dock.form.hr_box.select_name("several")
    assert form().value == 64
    form().value = 40
    dock.form.hr_box.select_name(single.name)
    assert form().value == 40


def test_folders(viewer, dock, qtbot, tmp_path, images):
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, image in enumerate(images):
        np.save(folder / f"{number}.npy", image)
    dock.form.where_box.setCurrentIndex(1)
    assert not dock.form.train_button.isEnabled()
    dock.form.hr_path.edit.setText(str(tmp_path / "nowhere"))
    click(qtbot, dock.form.train_button)
    assert "There is no file or folder" in dock.form.status.text()
    dock.form.hr_path.edit.setText(str(folder))
    shorten(dock, steps=2, validate_every=2)
    dock.form.name_edit.setText("folders")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    keep(dock, qtbot, "folders")
    np.testing.assert_array_equal(viewer.layers["folders: validation image"].data, images[2])


def test_the_box_is_moved_and_the_pictures_follow(viewer, dock, qtbot, images):
    shorten(dock, steps=400, validate_every=4)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: BOX in viewer.layers and NAMES["hr"] in viewer.layers, timeout=MINUTE)
    layers = len(viewer.layers)
    box = viewer.layers[BOX]
    # as a drag by the mouse does: the vertices, then the event
    box._data_view.shift(0, np.array([-1000.0, 3.2]))
    box.events.data(value=box.data, action="changed", data_indices=(0,), vertex_indices=((),))
    assert dock.run.watch.stage.place().row == 0  # not out of the image
    corners = np.asarray(box.data[0])
    assert (np.abs(corners.min(axis=0) % 2 - 1.5) < 1e-6).all()  # on the grid of LR pixels
    column = dock.run.watch.stage.place().column

    def follows():
        wanted = images[2, : 2 * SIDE, 2 * column : 2 * (column + SIDE)]
        return np.array_equal(viewer.layers[NAMES["hr"]].data, wanted)

    qtbot.waitUntil(follows, timeout=MINUTE)
    viewer.dims.set_current_step(0, 0)
    assert "trained on this part" in dock.form.patch_label.text()
    qtbot.waitUntil(
        lambda: np.array_equal(
            viewer.layers[NAMES["hr"]].data, images[0, : 2 * SIDE, 2 * column : 2 * (column + SIDE)]
        ),
        timeout=MINUTE,
    )
    assert len(viewer.layers) == layers  # used again, never more
    click(qtbot, dock.form.stop_button)
    assert CAPTIONS in viewer.layers
    finish(dock, qtbot)
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_the_layer_may_be_removed_while_it_is_trained_on(viewer, dock, qtbot):
    shorten(dock, steps=4000, validate_every=2000)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: NAMES["hr"] in viewer.layers, timeout=MINUTE)
    viewer.layers.remove("cells")
    assert "cells" not in [dock.form.hr_box.itemText(i) for i in range(dock.form.hr_box.count())]
    viewer.layers.clear()
    step = dock.run.step
    qtbot.waitUntil(lambda: dock.run.step > step + 1, timeout=MINUTE)
    click(qtbot, dock.form.stop_button)
    finish(dock, qtbot)
    assert "You can resume it" in dock.form.status.text()


@pytest.mark.parametrize("shape", [(200, 160), (240, 240), (100, 400)])
def test_the_box_begins_where_nothing_is_trained_on(shape, viewer, qtbot, rng):
    viewer.add_image(rng.integers(0, 255, shape).astype(np.uint8), name="single")
    dock = open_dock(viewer, qtbot)
    shorten(dock, steps=4000, validate_every=2000)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: dock.run.watch is not None, timeout=MINUTE)
    place = dock.run.watch.stage.place()
    axis, trained, _ = kept_part(shape, scale=2, lr_patch=16)
    assert (place.row, place.column)[axis] >= trained
    assert place.row + SIDE <= shape[0] // 2
    assert place.column + SIDE <= shape[1] // 2
    assert "kept aside" in dock.form.patch_label.text()
    click(qtbot, dock.form.stop_button)
    finish(dock, qtbot)


def test_what_was_set_under_advanced_stays(dock):
    dock.recipe.advanced["learning_rate"].value = 1e-5
    dock.recipe.advanced["batch_size"].value = 1
    dock.recipe.advanced["steps"].value = 77
    dock.form.recipe_box.setCurrentIndex(dock.form.recipe_box.findData("dfcan"))
    assert [dock.recipe.advanced[name].value for name in ("learning_rate", "batch_size", "steps")] == [1e-5, 1, 77]
    dock.form.length_box.setCurrentIndex(dock.form.length_box.findData("good"))  # a length says how many steps
    assert [dock.recipe.advanced[name].value for name in ("learning_rate", "batch_size", "steps")] == [1e-5, 1, 5000]
    assert dock.recipe.changes()["learning_rate"] == 1e-5


def test_every_field_of_a_configuration_can_be_set(viewer, dock, qtbot):
    dock.form.recipe_box.setCurrentIndex(dock.form.recipe_box.findData("regression"))
    shorten(dock, steps=2, validate_every=2)
    advanced = dock.recipe.advanced
    assert "hyper_parameters.num_groups" not in advanced
    advanced["network"].value = "rcan"  # which brings its own fields
    for name, value in {"num_groups": 1, "num_blocks": 1, "num_features": 4, "reduction": 2}.items():
        advanced[f"hyper_parameters.{name}"].value = value
    advanced["further"].value = "gradient"
    advanced["further_weight"].value = 0.1
    advanced["betas.0"].value = 0.8
    advanced["betas.1"].value = 0.99
    assert advanced["steps"].value == 2  # what was set before the network stays
    dock.form.name_edit.setText("own")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    keep(dock, qtbot, "own")
    card = load_model("own").card
    assert (card.network, card.hyper_parameters["num_features"]) == ("rcan", 4)
    assert "gradient" in card.training["loss"]
    assert "(0.8, 0.99)" in card.training["optimizer"]
    advanced["intensity.kind"].value = "fixed"
    advanced["intensity.low"].value = 300.0  # above its upper end
    dock.form.name_edit.setText("wrong")
    click(qtbot, dock.form.train_button)
    finish(dock, qtbot)
    assert "low" in dock.form.status.text()
    assert "high" in dock.form.status.text()


def test_epochs_and_steps_are_one_length(viewer, dock, qtbot):
    advanced = dock.recipe.advanced
    advanced["batch_size"].value = 4
    advanced["steps"].value = 300
    assert advanced["epochs"].value == 4.0  # 300 × 4 patches of 3 images with 100 patches each
    advanced["patches"].value = 50
    assert advanced["steps"].value == 150  # epochs stay
    advanced["epochs"].value = 2.0
    assert advanced["steps"].value == 75
    viewer.layers.clear()
    viewer.add_image(np.zeros((200, 160), np.uint8), name="single")
    dock.form.hr_box.select_name("single")
    assert advanced["epochs"].value == 6.0  # the same steps, a third of the images
    advanced["flip"].value = False
    advanced["validation_share"].value = 0.3
    changes = dock.recipe.changes()
    assert (changes["steps"], changes["flip"], changes["validation_share"]) == (75, False, 0.3)
    assert not {"epochs", "patches"} & set(changes)  # ways to say it, not settings


def test_the_first_length_fits_into_a_quarter_of_an_hour(dock, qtbot):
    dock.form.recipe_box.setCurrentIndex(dock.form.recipe_box.findData("wgan-pixel"))
    assert dock.form.length_box.currentData() == "fitting"
    qtbot.waitUntil(lambda: "on this computer" in dock.form.estimate.text(), timeout=MINUTE)
    steps = dock.recipe.advanced["steps"].value
    assert f"{steps} steps, about" in dock.form.estimate.text()
    assert dock.config_now().steps == steps
    dock.recipe.fit_length(9.0)  # as on a slow computer
    assert dock.recipe.advanced["steps"].value == 86  # 900 s / (1.15 × 9 s), to two digits
    dock.recipe.fit_length(1e-6)
    assert dock.recipe.advanced["steps"].value == 10_000  # never longer than published
    dock.recipe.advanced["steps"].value = 77
    dock.recipe.fit_length(9.0)
    assert dock.recipe.advanced["steps"].value == 77  # what was set stays


def test_the_degradation_of_files_is_shown_too(dock, qtbot, tmp_path, images):
    np.save(tmp_path / "image.npy", images[0])
    dock.form.where_box.setCurrentIndex(1)
    assert not dock.form.before_after.isVisibleTo(dock)
    dock.form.hr_path.edit.setText(str(tmp_path / "image.npy"))
    assert dock.form.before_after.isVisibleTo(dock)
    qtbot.waitUntil(lambda: not dock.form.before_after.latest.busy, timeout=MINUTE)
    assert not dock.form.before_after.after.pixmap().isNull()


def test_the_length_is_measured_and_said(viewer, dock, qtbot):
    shorten(dock, steps=100)
    qtbot.waitUntil(lambda: "on this computer" in dock.form.estimate.text(), timeout=2 * MINUTE)
    first = dock.form.estimate.text()
    dock.recipe.advanced["steps"].value = 1_000_000  # the same steps, many of them: known at once
    assert dock.form.estimate.text() == ""  # the old figure is gone at once
    qtbot.waitUntil(lambda: "on this computer" in dock.form.estimate.text(), timeout=MINUTE)
    assert dock.form.estimate.text() != first
    assert " h " in dock.form.estimate.text()


def test_what_cannot_be_trained_is_said(viewer, dock, qtbot, rng):
    shorten(dock)
    click_and_read = lambda: (click(qtbot, dock.form.train_button), finish(dock, qtbot), dock.form.status.text())[-1]  # noqa: E731
    dock.form.name_edit.setText("em-dfcan-x4")
    assert "You have a model called em-dfcan-x4 already" in click_and_read()
    dock.form.name_edit.setText("a/b")
    assert "cannot be a file's name" in click_and_read()
    dock.form.name_edit.setText("mine")
    colour = viewer.add_image(rng.integers(0, 255, (50, 50, 3)).astype(np.uint8), name="colour", rgb=True)
    dock.form.hr_box.select_name("colour")
    assert "colour image" in click_and_read()
    viewer.layers.remove(colour)
    viewer.add_image(rng.random((20, 20)), name="tiny")
    dock.form.hr_box.select_name("tiny")
    text = click_and_read()
    assert "too small" in text
    assert dock.form.train_button.isEnabled()
    assert not (runs_folder() / "mine").exists()  # the name is free
    dock.form.name_edit.setText("bicubic-x4")
    assert "is an interpolation" in click_and_read()


@pytest.mark.window
def test_closing_the_window_asks_and_a_stopped_run_can_be_resumed(viewer, dock, qtbot, monkeypatch):
    shorten(dock, steps=500, validate_every=500)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: dock.run.step >= 2, timeout=MINUTE)
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a[1]) or QMessageBox.StandardButton.No)
    window = viewer.window._qt_window
    job = dock.job
    assert not window.close()
    assert asked == ["A training is running"]
    assert job.running
    monkeypatch.setattr(QMessageBox, "question", lambda *a: QMessageBox.StandardButton.Yes)
    # napari asks too: as long as the window is there, nothing is stopped
    monkeypatch.setattr(type(window), "isVisible", lambda self: True)
    assert not dock.guard.eventFilter(window, _close_event())
    assert not job.cancelled
    assert dock.guard is not None
    dock.guard.eventFilter(window, QHideEvent())
    assert job.cancelled
    qtbot.waitUntil(lambda: not job.running, timeout=MINUTE)
    (run,) = unfinished_runs()
    assert run.config.name == "mine"
    assert run.step >= 2


def _close_event():
    return QCloseEvent()


@pytest.mark.window
def test_nothing_is_left_running_when_the_dock_is_closed(viewer, dock, qtbot):
    shorten(dock, steps=500, validate_every=500)
    dock.form.name_edit.setText("mine")
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: dock.run.step >= 1, timeout=MINUTE)
    job = dock.job
    viewer.window.remove_dock_widget(dock)
    end = time.monotonic() + 60
    while job.running and time.monotonic() < end:
        qtbot.wait(50)
    assert not job.running
    assert BOX not in viewer.layers
    assert [r.config.name for r in unfinished_runs()] == ["mine"]
    assert all(c.name != "mine" for c in list_models())


def test_a_density_is_degraded_as_densities_are_for_a_network_that_is_told_and_for_one_that_is_not(
    make_viewer, qtbot, rng
):
    viewer = make_viewer()
    viewer.add_image(rng.random((64, 64)), name="cells")
    widget = open_dock(viewer, qtbot)
    for recipe, expected in (("adaptive", "any-density"), ("dfcan", "nbody")):
        widget.form.recipe_box.setCurrentIndex(widget.form.recipe_box.findData(recipe))
        widget.form.hr_box.select_name("cells")
        density = viewer.add_image(
            rng.lognormal(size=(64, 64)), name=recipe, metadata={"napari_sr": {"kind": "N-body"}}
        )
        widget.form.hr_box.select(density)
        assert widget.form.preset_box.currentData() == expected
        assert widget.config_now().intensity["kind"] == "log"  # which comes with the degradation


def test_recipes_stand_under_headings_that_cannot_be_chosen(dock):
    box = dock.form.recipe_box
    lines = [(box.itemText(i).strip(), box.itemData(i), bool(box.model().item(i).flags())) for i in range(box.count())]
    headings = [text for text, name, _ in lines if name is None]
    assert headings == ["Faithful", "Sharp, may invent", "As published"]
    assert all(able is (name is not None) for _, name, able in lines)
    assert sorted(name for _, name, _ in lines if name) == list(RECIPES)
    assert box.currentData() == DEFAULT_RECIPE


def test_a_recipe_brings_its_images_and_gives_the_users_back(dock):
    form = dock.form
    form.preset_box.choose("area")
    for recipe, expected in (("wgan-gp-nbody", "nbody"), ("adaptive", "microscope"), ("rcan", "area")):
        form.recipe_box.setCurrentIndex(form.recipe_box.findData(recipe))
        assert form.preset_box.text() == expected
    form.recipe_box.setCurrentIndex(form.recipe_box.findData("dfcan-notebook"))
    assert form.scale_box.value() == 2
    lengths = [form.length_box.itemText(i) for i in range(form.length_box.count())]
    assert lengths[-1] == "As published (3\u202f320 steps)"


def test_the_end_of_what_nobody_asked_for_is_no_news(viewer, qtbot, monkeypatch):
    """However long the lists took to read; that of a training is."""
    said = []
    monkeypatch.setattr(base, "LONG", -1.0)
    monkeypatch.setattr(base, "show_info", said.append)
    widget = open_dock(viewer, qtbot)
    assert said == []
    shorten(widget, steps=2, validate_every=2)
    click(qtbot, widget.form.train_button)
    finish(widget, qtbot)
    (told,) = said
    assert told.startswith("Train: ")


def test_no_picture_is_of_another_place_than_the_box(viewer, dock, qtbot, monkeypatch):
    """The first steps may be done before the window has drawn the box."""
    shorten(dock, steps=5000, validate_every=5000)
    dock.form.name_edit.setText("mine")
    seen, asked = [], threading.Event()
    place, show = type(dock.run)._place, TrainStage.show

    def placed(self):
        asked.set()
        return place(self)

    def built(*args, **kwargs):
        asked.wait(30)  # a picture is wanted, and there is no box yet
        return watch_of(*args, **kwargs)

    monkeypatch.setattr(type(dock.run), "_place", placed)
    watch_of = watch.open_watch
    monkeypatch.setattr(watch, "open_watch", built)
    monkeypatch.setattr(TrainStage, "show", lambda self, p: (seen.append((p.place, self.place())), show(self, p)))
    click(qtbot, dock.form.train_button)
    qtbot.waitUntil(lambda: bool(seen) or not dock.running, timeout=MINUTE)
    dock.stop()
    qtbot.waitUntil(lambda: not dock.running, timeout=MINUTE)
    assert seen
    assert all(shown == looked_at for shown, looked_at in seen)
