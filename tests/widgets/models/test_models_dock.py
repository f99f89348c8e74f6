"""The dock widget *Models*, opened and clicked as a user does."""

import io
import json
import threading
import time
import zipfile

import onnx
import pytest
import torch
import yaml
from foreign_files import write_script
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QDropEvent
from qtpy.QtWidgets import QFileDialog, QLabel
from small_models import make_model
from test_bioimageio_in import new

from napari_sr.models import manage, store
from napari_sr.models.companions import KeptCritic, critic_path, load_critic, save_critic
from napari_sr.models.export.formats import FORMATS
from napari_sr.models.model import read_card, save
from napari_sr.models.store import shipped_folder, user_folder, user_path
from napari_sr.widgets.base.catalogue import catalogue
from napari_sr.widgets.base.colours import ON_DARK

MINUTE = 60_000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "given.safetensors"
    save(make_model(), path)
    return path


@pytest.fixture
def dock(viewer, qtbot, own_folders):
    save(make_model(), user_path("mine"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Models")
    settle(widget, qtbot)
    return widget


def settle(widget, qtbot):
    qtbot.waitUntil(lambda: not widget.running and not widget.side_jobs and not widget.loading, timeout=MINUTE)


def click(qtbot, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def answer(dock, qtbot, text):
    """Click an answer of the question that stands open."""
    (button,) = [b for b in dock.dialog.buttons() if b.text().replace("&", "") == text]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def names(dock):
    items = [dock.form.list.item(i).data(Qt.ItemDataRole.UserRole) for i in range(dock.form.list.count())]
    return [e.name for e in items if e is not None]


def test_ones_own_stand_first_and_the_first_is_chosen(dock):
    assert names(dock)[0] == "mine"
    assert sorted(names(dock)[1:]) == sorted(p.stem for p in shipped_folder().glob("*.safetensors"))
    assert dock.form.entry().name == "mine"
    assert dock.form.rename_button.isEnabled()
    assert dock.form.select("em-x4")
    assert not dock.form.rename_button.isEnabled()
    assert not dock.form.remove_button.isEnabled()
    assert "stays as it is" in dock.form.about.text()
    assert not dock.form.select("none")


def test_the_arrow_keys_go_past_headings_and_enter_shows_the_card(dock, qtbot):
    seen = [dock.form.entry().name]
    for _ in range(3):
        qtbot.keyClick(dock.form.list, Qt.Key.Key_Down)
        seen.append(dock.form.entry().name)
    assert seen == names(dock)[:4]
    qtbot.keyClick(dock.form.list, Qt.Key.Key_Return)
    assert dock.dialog.windowTitle() == f"Model card: {seen[-1]}"
    dock.dialog.close()


def test_a_file_is_added_and_every_list_hears_of_it(dock, qtbot, file, monkeypatch):
    heard = []
    catalogue().changed.connect(heard.append)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(file), ""))
    click(qtbot, dock.form.add_button)
    settle(dock, qtbot)
    catalogue().changed.disconnect(heard.append)
    assert heard == ["given"]
    assert user_path("given").exists()
    assert dock.form.entry().name == "given"
    assert dock.form.status.text() == "given is in your list of models now."
    assert ON_DARK["good"] in dock.form.status.styleSheet()


def drop(dock, path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    dock.dropEvent(event)
    return event.isAccepted()


def test_a_file_can_be_dropped(dock, qtbot, file, tmp_path):
    assert drop(dock, file)
    settle(dock, qtbot)
    assert "given" in names(dock)
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no model")
    drop(dock, wrong)
    settle(dock, qtbot)
    assert "notes.txt" in dock.form.status.text()
    assert ON_DARK["error"] in dock.form.status.styleSheet()


def test_a_file_of_another_program_can_be_dropped(dock, qtbot, tmp_path):
    path = tmp_path / "foreign.pth"
    torch.save(make_model("srvgg", 2).network.state_dict(), path)
    drop(dock, path)
    settle(dock, qtbot)
    assert read_card(user_path("foreign")).network == "srvgg"


def test_a_name_that_is_taken_is_asked_about(dock, qtbot, tmp_path):
    path = tmp_path / "mine.safetensors"
    save(make_model(seed=1), path)
    before = user_path("mine").read_bytes()
    dock.changes.add(path)
    assert "A model of yours has the name mine already" in dock.dialog.text()
    answer(dock, qtbot, "Cancel")
    settle(dock, qtbot)
    assert user_path("mine").read_bytes() == before
    dock.changes.add(path)
    answer(dock, qtbot, "Add as mine-2")
    settle(dock, qtbot)
    assert {"mine", "mine-2"} <= set(names(dock))
    dock.changes.add(path)
    answer(dock, qtbot, "Replace")
    settle(dock, qtbot)
    assert user_path("mine").read_bytes() != before


def test_the_name_of_a_shipped_model_is_never_replaced(dock, qtbot, tmp_path):
    path = tmp_path / "em-x4.safetensors"
    save(make_model(), path)
    dock.changes.add(path)
    assert sorted(b.text().replace("&", "") for b in dock.dialog.buttons()) == ["Add as em-x4-2", "Cancel"]
    answer(dock, qtbot, "Cancel")


def test_a_model_is_renamed(dock, qtbot):
    click(qtbot, dock.form.rename_button)
    dialog = dock.dialog
    assert not dialog.ok_button().isEnabled()
    dialog.edit.setText("em-x4")
    assert "came with napari-sr" in dialog.problem.text()
    assert not dialog.ok_button().isEnabled()
    dialog.edit.setText("yours")
    assert dialog.problem.text() == ""
    qtbot.mouseClick(dialog.ok_button(), Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    assert names(dock)[0] == "yours"
    assert dock.form.entry().name == "yours"
    assert not user_path("mine").exists()


def test_a_card_is_edited(dock, qtbot):
    click(qtbot, dock.form.edit_button)
    dialog = dock.dialog
    dialog.title.setText("Liver cells")
    dialog.licence.setText("CC-BY-4.0")
    dialog.pixel_size.setText("40 to 720")
    dialog.pixel_unit.setText("nm")
    dialog.kind.setCurrentIndex(dialog.kind.findData("fluorescence"))
    qtbot.mouseClick(dialog.ok_button(), Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    card = read_card(user_path("mine"))
    assert (card.title, card.licence, card.pixel_size, card.kind) == (
        "Liver cells", "CC-BY-4.0", (40.0, 720.0), "fluorescence"
    )  # fmt: skip
    assert dock.form.list.currentItem().text().strip() == "Liver cells"


def test_what_makes_no_sense_on_a_card_is_said(dock, qtbot):
    click(qtbot, dock.form.edit_button)
    dock.dialog.pixel_size.setText("many")
    qtbot.mouseClick(dock.dialog.ok_button(), Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    assert "pixel_size must be numbers" in dock.form.status.text()


def test_a_model_is_deleted_only_after_a_yes(dock, qtbot):
    click(qtbot, dock.form.remove_button)
    assert "It cannot be brought back" in dock.dialog.text()
    answer(dock, qtbot, "Cancel")
    settle(dock, qtbot)
    assert user_path("mine").exists()
    click(qtbot, dock.form.remove_button)
    answer(dock, qtbot, "Delete")
    settle(dock, qtbot)
    assert not user_path("mine").exists()
    assert "mine" not in names(dock)
    assert "no models of your own yet" in dock.form.where.text()


def test_all_are_checked_and_a_changed_one_is_named(dock, qtbot, monkeypatch):
    monkeypatch.setattr(manage, "shipped_folder", lambda: user_folder() / "none")  # they take seconds
    click(qtbot, dock.form.check_button)
    settle(dock, qtbot)
    assert dock.form.status.text().startswith("The model is good")
    content = bytearray(user_path("mine").read_bytes())
    content[-2] ^= 1
    user_path("mine").write_bytes(content)
    click(qtbot, dock.form.check_button)
    settle(dock, qtbot)
    assert dock.form.status.text().startswith("1 of 1 models cannot be used. mine.safetensors cannot be used.")


def test_a_model_is_exported_with_blur_and_noise_fixed(dock, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "out.onnx"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
    part = dock.form.export_part
    dock.form.select("em-x2")
    part.format_box.setCurrentIndex(part.format_box.findData("onnx"))
    assert part.author_edit.isHidden()
    part.told_box.setCurrentIndex(1)
    assert not part.conditions.isHidden()
    part.conditions.sliders["noise"].slider.setValue(100)
    click(qtbot, part.button)
    assert not part.button.isEnabled()
    settle(dock, qtbot)
    assert dock.form.status.text().startswith("out.onnx is written, and was tested")
    facts = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["napari_sr_export"])
    assert facts["told"] == pytest.approx({"blur": 0.5, "noise": 1.732}, abs=1e-3)
    assert facts["inputs"] == ["lr"]


def test_an_export_that_cannot_be_is_said(dock, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "none" / "out.pt"), ""))
    part = dock.form.export_part
    part.format_box.setCurrentIndex(part.format_box.findData("torchscript"))
    click(qtbot, part.button)
    settle(dock, qtbot)
    assert "There is no folder" in dock.form.status.text()
    assert ON_DARK["error"] in dock.form.status.styleSheet()


def test_every_format_can_be_chosen_and_says_who_reads_it(dock):
    part = dock.form.export_part
    assert [part.format_box.itemData(i) for i in range(part.format_box.count())] == list(FORMATS)
    for index, one in enumerate(FORMATS.values()):
        part.format_box.setCurrentIndex(index)
        assert part.for_whom.text() == one.explanation


@pytest.mark.parametrize("what", ["rename", "remove", "add"])
def test_what_goes_to_its_end_cannot_be_cancelled_and_is_shown(dock, qtbot, file, monkeypatch, what):
    """On a slow disk, or of a large model: where it is asked to stop all the same, it does not deny what was done."""
    act, started = getattr(manage, what), threading.Event()

    def slow(*args, **kwargs):
        started.set()
        time.sleep(0.3)
        return act(*args, **kwargs)

    monkeypatch.setattr(manage, what, slow)
    if what == "rename":
        click(qtbot, dock.form.rename_button)
        dock.dialog.named.emit("other")
        said, listed = "mine is called other now", {"other"}
    elif what == "remove":
        click(qtbot, dock.form.remove_button)
        answer(dock, qtbot, "Delete")
        said, listed = "mine is deleted", set()
    else:
        dock.changes.add(file)
        said, listed = "given is in your list of models now", {"mine", "given"}
    assert started.wait(30)
    assert not dock.form.cancel_button.isEnabled()
    dock.cancel()
    settle(dock, qtbot)
    assert said in dock.form.status.text()
    assert set(names(dock)) - {p.stem for p in shipped_folder().glob("*.safetensors")} == listed
    assert {p.stem for p in user_folder().glob("*.safetensors")} == listed


def test_a_file_is_replaced_by_a_cancelled_export_only_if_that_is_said(dock, qtbot, tmp_path):
    path = tmp_path / "keep.pt"
    for wait in (0, 50, 100, 200, 400, 800):
        path.write_bytes(b"old")
        dock.form.select("mine")
        dock.form.export_part.format_box.setCurrentIndex(dock.form.export_part.format_box.findData("torchscript"))
        dock.export(path)
        qtbot.wait(wait)
        if dock.running:
            dock.cancel()
        settle(dock, qtbot)
        kept = path.read_bytes() == b"old"
        assert ("Nothing was left behind" in dock.form.status.text()) == kept
        assert ("is written, and was tested" in dock.form.status.text()) == (not kept)


def test_a_link_that_leads_nowhere_and_names_of_any_kind(dock, qtbot):
    (user_folder() / "away.safetensors").symlink_to("/nowhere")
    save(make_model(), user_path("my cells ä"))
    dock.load("my cells ä")
    settle(dock, qtbot)
    assert {"away", "my cells ä"} <= set(names(dock))
    assert dock.form.entry().name == "my cells ä"
    user_path("mine").unlink()  # by another program
    assert dock.form.select("mine")
    click(qtbot, dock.form.remove_button)
    answer(dock, qtbot, "Delete")
    settle(dock, qtbot)
    assert "You have no model called 'mine'" in dock.form.status.text()
    assert "mine" not in names(dock)
    assert dock.form.select("my cells ä")
    click(qtbot, dock.form.rename_button)
    dock.dialog.named.emit("cells")
    settle(dock, qtbot)
    assert "cells" in names(dock)


def test_a_list_that_cannot_be_read_says_why(dock, qtbot, monkeypatch):
    monkeypatch.setattr(manage, "entries", lambda: 1 / 0)
    dock.load()
    settle(dock, qtbot)
    assert "could not be listed" in dock.form.status.text()


def test_an_export_can_be_cancelled(dock, qtbot, tmp_path):
    dock.form.select("em-dfcan-x4")
    dock.export(tmp_path / "out.onnx")
    assert dock.form.cancel_button.isEnabled()
    click(qtbot, dock.form.cancel_button)
    settle(dock, qtbot)
    assert dock.form.status.text() == "Cancelled. Nothing was left behind."
    assert list(tmp_path.glob("*.onnx")) == []


def test_the_folder_is_opened_and_where_it_cannot_be_moved_that_is_said(dock, qtbot, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    click(qtbot, dock.form.folder_button)
    assert opened[0].toLocalFile() == str(user_folder())
    assert f"in {user_folder()}." in dock.form.where.text()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(tmp_path / "new"))
    click(qtbot, dock.form.move_button)
    settle(dock, qtbot)
    assert "NAPARI_SR_MODELS says where models are" in dock.form.status.text()


def test_the_folder_is_moved(dock, qtbot, tmp_path, monkeypatch):
    monkeypatch.delenv(store.ENVIRONMENT)
    monkeypatch.setattr(store.platformdirs, "user_data_dir", lambda name: str(tmp_path / "data"))
    save(make_model(), user_path("moved"))
    dock.changes.move_to(tmp_path / "new")
    settle(dock, qtbot)
    assert (tmp_path / "new" / "moved.safetensors").exists()
    assert str(tmp_path / "new") in dock.form.where.text()


def test_a_model_of_another_dock_appears(dock, qtbot):
    save(make_model(), user_path("trained"))
    catalogue().changed.emit("trained")
    settle(dock, qtbot)
    assert dock.form.entry().name == "trained"


def test_the_list_of_super_resolve_follows(dock, viewer, qtbot, file):
    _, other = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    qtbot.waitUntil(lambda: other.form.model_box.card() is not None and other.job is None, timeout=MINUTE)
    dock.changes.add(file)
    settle(dock, qtbot)
    qtbot.waitUntil(lambda: "given" in {c.name for c in other.form.model_box.cards()}, timeout=MINUTE)
    dock.form.select("given")
    click(qtbot, dock.form.remove_button)
    answer(dock, qtbot, "Delete")
    settle(dock, qtbot)
    qtbot.waitUntil(lambda: "given" not in {c.name for c in other.form.model_box.cards()}, timeout=MINUTE)
    qtbot.waitUntil(lambda: not other.side_jobs and not other.busy, timeout=MINUTE)


def test_what_a_file_of_another_program_leaves_open_is_asked(dock, qtbot, tmp_path):
    """A plain state dict of the WGAN generator does not say how its last layer ends."""
    network = make_model().network
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, tmp_path / "plain.pth")
    dock.changes.add(tmp_path / "plain.pth")
    settle(dock, qtbot)
    assert not user_path("plain").exists()
    assert "activations" in dock.dialog.findChild(QLabel).text()
    dock.dialog.box.setCurrentText("linear")
    qtbot.mouseClick(dock.dialog.ok_button(), Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    assert read_card(user_path("plain")).hyper_parameters["head"] == "linear"
    assert dock.form.status.text().startswith("plain is in your list of models now. ")
    assert dock.form.entry().name == "plain"
    lr = torch.rand(1, 1, 12, 12)
    torch.testing.assert_close(
        store.load_model("plain").network(lr), torch.atanh(network(lr).double()).float(), rtol=1e-3, atol=1e-4
    )


def test_a_question_that_is_not_answered_adds_nothing(dock, qtbot, tmp_path):
    torch.save(make_model().network.state_dict(), tmp_path / "plain.pth")
    dock.changes.add(tmp_path / "plain.pth")
    settle(dock, qtbot)
    dock.dialog.reject()
    settle(dock, qtbot)
    assert not user_path("plain").exists()
    assert dock.form.status.text() == ""


def test_program_code_runs_only_if_the_user_lets_it(dock, qtbot, tmp_path):
    write_script(tmp_path / "scripted.pt")
    dock.changes.add(tmp_path / "scripted.pt")
    settle(dock, qtbot)
    assert not user_path("scripted").exists()
    assert "scripted.pt holds program code" in dock.dialog.text()
    answer(dock, qtbot, "Let it run")
    settle(dock, qtbot)
    assert store.load_model("scripted").scale == 2


OWN = """
import torch

class Net(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.gain, self.up = torch.nn.Parameter(torch.ones(1)), torch.nn.Upsample(scale_factor=factor)

    def forward(self, image):
        return self.gain * self.up(image)
"""


def test_a_package_with_code_of_its_own_runs_only_if_the_user_lets_it(dock, qtbot, tmp_path):
    entry = {"source": "w.pt", "architecture": {"callable": "Net", "source": "net.py", "kwargs": {"factor": 2.0}}}
    both = {"pytorch_state_dict": entry, "onnx": {"source": "gone.onnx"}}
    weights = io.BytesIO()
    torch.save({"gain": torch.full((1,), 0.5)}, weights)
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.writestr("rdf.yaml", yaml.safe_dump(new(weights=both)))
        archive.writestr("net.py", OWN)
        archive.writestr("w.pt", weights.getvalue())
    dock.changes.add(tmp_path / "own.zip")
    settle(dock, qtbot)
    assert "own.zip holds program code" in dock.dialog.text()
    assert "Without its code: (onnx: Its file gone.onnx is missing" in dock.dialog.text()  # a safer way, mended
    dock.dialog.reject()
    settle(dock, qtbot)
    assert not user_path("own").exists()
    dock.changes.add(tmp_path / "own.zip")
    settle(dock, qtbot)
    answer(dock, qtbot, "Let it run")
    settle(dock, qtbot)
    lr = torch.rand(1, 1, 5, 6)
    expected = 0.5 * torch.nn.functional.interpolate(lr, scale_factor=2.0, mode="nearest")
    torch.testing.assert_close(store.load_model("own").network(lr), expected)


def test_the_critic_of_a_model_goes_with_it(dock, qtbot, tmp_path):
    critic = KeptCritic("wgan-critic", {}, "wasserstein", {"weight": torch.ones(2)})
    save(make_model(), tmp_path / "gan.safetensors")
    save_critic(critic, tmp_path / "gan.safetensors")
    dock.changes.add(tmp_path / "gan.safetensors")
    settle(dock, qtbot)
    assert critic_path(user_path("gan")).exists()
    manage.rename("gan", "other")
    assert load_critic(user_path("other")).critic == "wgan-critic"
    assert not critic_path(user_path("gan")).exists()
    manage.remove("other")
    assert not critic_path(user_path("other")).exists()
