"""*Open file…* and drops in *Super-resolve*: models of other programs become models of the user's."""

import numpy as np
import pytest
import torch
from foreign_files import write_script
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QLabel
from small_models import make_model

from napari_sr import load_model
from napari_sr.models.export import export_model
from napari_sr.models.model import save
from napari_sr.models.store import user_path
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.super_resolve import model_choice


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(model_choice, "WAIT", 10)


def settle(qtbot, widget):
    """Wait until nothing is under way, and nothing is about to be."""

    def quiet():
        return not (widget.busy or widget.side_jobs)

    for _ in range(2):
        qtbot.wait(30)  # longer than what came meanwhile waits
        qtbot.waitUntil(quiet, timeout=60_000)


def answer(widget, qtbot, text):
    (button,) = [b for b in widget.dialog.buttons() if b.text().replace("&", "") == text]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    settle(qtbot, widget)


def plain_weights(path):
    network = make_model("srvgg", 2).network
    torch.save({"params": network.state_dict()}, path)
    return network


def drop(widget, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    about = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPointF(5, 5).toPoint(), *about)
    enter.ignore()
    widget.dragEnterEvent(enter)
    event = QDropEvent(QPointF(5, 5), *about)
    event.ignore()
    widget.dropEvent(event)
    return enter.isAccepted(), event.isAccepted()


def names(widget):
    return [card.name for card in widget.form.model_box.cards()]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_chosen_at_once_and_stay(suffix, widget, viewer, qtbot, tmp_path, lr):
    if suffix == ".safetensors":
        from safetensors.torch import save_file

        network = make_model("srvgg", 2).network
        save_file(network.state_dict(), tmp_path / f"theirs{suffix}")
    else:
        network = plain_weights(tmp_path / f"theirs{suffix}")
    assert drop(widget, tmp_path / f"theirs{suffix}") == (True, True)
    settle(qtbot, widget)
    assert widget.form.model_box.card().name == "theirs"
    assert "theirs is in your list of models now" in widget.form.status.text()
    assert "SRVGGNet" in widget.form.status.text()  # what it was taken for
    catalogue().changed.emit("another")  # someone else's model came: the list is read anew
    settle(qtbot, widget)
    assert widget.form.model_box.card().name == "theirs"
    viewer.add_image(lr)
    qtbot.mouseClick(widget.form.run_button, Qt.MouseButton.LeftButton)
    settle(qtbot, widget)
    if "once more" in widget.form.status.text():  # nothing is known of what it was trained on
        qtbot.mouseClick(widget.form.run_button, Qt.MouseButton.LeftButton)
        settle(qtbot, widget)
    expected = load_model("theirs")
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(expected.network.state_dict()[name], weights)
    assert viewer.layers[-1].data.shape == tuple(2 * n for n in np.shape(lr))


def test_what_we_exported_is_opened_too(widget, qtbot, tmp_path):
    path = export_model(make_model("wgan", 2), tmp_path / "given", to="onnx").path
    assert drop(widget, path) == (True, True)
    settle(qtbot, widget)
    assert widget.form.model_box.card().name == "given"
    assert "Made by napari-sr" in widget.form.status.text()


def test_what_it_leaves_open_is_asked(widget, qtbot, tmp_path):
    torch.save(make_model().network.state_dict(), tmp_path / "plain.pth")
    widget.open_model(tmp_path / "plain.pth")
    settle(qtbot, widget)
    assert "activations" in widget.dialog.findChild(QLabel).text()
    assert widget.form.status.text() == ""
    assert not user_path("plain").exists()
    widget.dialog.box.setCurrentText("tanh")
    qtbot.mouseClick(widget.dialog.ok_button(), Qt.MouseButton.LeftButton)
    settle(qtbot, widget)
    assert widget.form.model_box.card().hyper_parameters["head"] == "tanh"


def test_code_runs_only_if_the_user_lets_it(widget, qtbot, tmp_path):
    write_script(tmp_path / "scripted.pt")
    before = widget.form.model_box.card().name
    widget.open_model(tmp_path / "scripted.pt")
    settle(qtbot, widget)
    assert "scripted.pt holds program code" in widget.dialog.text()
    answer(widget, qtbot, "Cancel")
    assert widget.form.model_box.card().name == before
    assert not user_path("scripted").exists()
    widget.open_model(tmp_path / "scripted.pt")
    settle(qtbot, widget)
    answer(widget, qtbot, "Let it run")
    assert widget.form.model_box.card().name == "scripted"


def test_a_name_that_is_taken_is_asked_about(widget, qtbot, tmp_path):
    """By a model that came along, by an interpolation, by a file that was opened, and by one of the user's."""
    save(make_model(), tmp_path / "elsewhere.safetensors")
    widget.open_model(tmp_path / "elsewhere.safetensors")
    settle(qtbot, widget)
    opened = widget.form.model_box.card().name
    for name, whose in (("em-x4", "came with"), ("bicubic-x4", "came with"), (opened, "you opened")):
        plain_weights(tmp_path / f"{name}.pth")
        widget.open_model(tmp_path / f"{name}.pth")
        settle(qtbot, widget)
        assert whose in widget.dialog.text()
        texts = sorted(b.text().replace("&", "") for b in widget.dialog.buttons())
        assert texts == [f"Add as {name}-2", "Cancel"]
        answer(widget, qtbot, f"Add as {name}-2")
        assert widget.form.model_box.card().name == f"{name}-2"
    widget.open_model(tmp_path / "em-x4.pth")
    settle(qtbot, widget)
    answer(widget, qtbot, "Add as em-x4-3")
    (tmp_path / "em-x4.pth").rename(tmp_path / "em-x4-3.pth")
    widget.open_model(tmp_path / "em-x4-3.pth")
    settle(qtbot, widget)
    assert "A model of yours" in widget.dialog.text()
    answer(widget, qtbot, "Replace")
    assert names(widget).count("em-x4-3") == 1


def test_what_is_wrong_is_said(widget, qtbot, tmp_path):
    before = names(widget)
    (tmp_path / "page.onnx").write_text("<!DOCTYPE html><html></html>")
    for file in ("page.onnx", "gone.pth"):
        widget.open_model(tmp_path / file)
        settle(qtbot, widget)
        assert file in widget.form.status.text()
    assert names(widget) == before


def test_an_image_that_is_dropped_is_left_to_the_viewer(widget, tmp_path):
    (tmp_path / "cells.tif").write_bytes(b"x")
    assert drop(widget, tmp_path / "cells.tif") == (False, False)


def test_cancelled_as_it_is_added_it_says_what_came_of_it(widget, qtbot, tmp_path):
    plain_weights(tmp_path / "theirs.pth")
    widget.models.adding.add(tmp_path / "theirs.pth")
    assert widget.running
    widget.cancel()
    settle(qtbot, widget)
    there = user_path("theirs").exists()
    assert ("theirs is in your list" in widget.form.status.text()) == there
    assert ("Nothing was added" in widget.form.status.text()) == (not there)
    assert ("theirs" in names(widget)) == there
