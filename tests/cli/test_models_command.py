"""``napari-sr models`` and its commands, as they are typed."""

import json

import pytest
import torch
from small_models import make_model
from typer.testing import CliRunner

from napari_sr.cli.app import app
from napari_sr.models.model import read_card, save
from napari_sr.models.store import shipped_folder, user_folder, user_path


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "given.safetensors"
    save(make_model(), path)
    return path


def test_without_a_command_they_are_listed_as_ever(run, file):
    run("models", "add", file)
    code, out, _ = run("models")
    assert code == 0
    assert "em-x4" in out
    assert "given" in out
    assert str(user_folder()) in out.replace("\n", "")
    assert "given" in {c["name"] for c in json.loads(run("models", "--json")[1])}


def test_a_name_or_a_file_shows_a_card(run, file):
    for asked in (["em-x2"], ["show", "em-x2"]):
        assert run("models", *asked)[1].startswith("Electron microscopy ×2")
    for asked in (["em-x2", "--json"], ["--json", "em-x2"], ["show", "em-x2", "--json"]):
        assert json.loads(run("models", *asked)[1])["network"] == "adaptive"
    assert json.loads(run("models", file, "--json")[1])["network"] == "wgan"
    code, _, errors = run("models", "nothing")
    assert code == 1
    assert "There is no model called 'nothing'" in errors


def test_from_adding_to_deleting(run, file):
    assert "in the list now" in run("models", "add", file, "--name", "first")[1]
    code, _, errors = run("models", "add", file, "--name", "first")
    assert (code, "already" in errors) == (1, True)
    assert run("models", "add", file, "--name", "first", "--overwrite")[0] == 0
    assert "first is called second now" in run("models", "rename", "first", "second")[1]
    _, out, _ = run(
        "models", "edit", "second", "--title", "Mine", "--licence", "CC0-1.0", "--pixel-size", "4, 8", "--pixel-unit",
        "nm",
    )  # fmt: skip
    assert "title, pixel_unit, licence, pixel_size changed" in out
    card = read_card(user_path("second"))
    assert (card.name, card.title, card.licence, card.pixel_size) == ("second", "Mine", "CC0-1.0", (4.0, 8.0))
    _, out, _ = run("models", "where")
    assert "1 model, " in out
    shipped = list(shipped_folder().glob("*.safetensors"))
    size = sum(path.stat().st_size for path in shipped)
    assert f"Came with napari-sr: {len(shipped)} models, {size / 1e6:.1f} MB" in out
    assert run("models", "check", "second") == (0, "second: good\n", "")
    assert "is deleted" in run("models", "remove", "second", "--yes")[1]
    assert not user_path("second").exists()


def test_deleting_is_asked_about(run, file):
    run("models", "add", file)
    no = CliRunner().invoke(app, ["models", "remove", "given"], input="n\n")
    assert "cannot be brought back" in no.output
    assert user_path("given").exists()
    CliRunner().invoke(app, ["models", "remove", "given"], input="y\n")
    assert not user_path("given").exists()


def test_a_changed_file_is_found(run, file):
    run("models", "add", file)
    path = user_path("given")
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    code, out, _ = run("models", "check", "em-wiener-x4", "given")
    assert code == 1
    assert "em-wiener-x4: good" in out
    assert "changed or damaged" in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["remove", "em-x4"], "came with napari-sr, and stays as it is"),
        (["edit", "em-x4", "--title", "x"], "came with napari-sr"),
        (["rename", "em-x4", "mine"], "came with napari-sr"),
        (["add", "none.safetensors"], "There is no model file none.safetensors"),
        (["move", "elsewhere"], "NAPARI_SR_MODELS says where models are"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, reason, run):
    code, _, errors = run("models", *arguments)
    assert code == 1
    assert reason in errors.replace("\n", " ")


def test_an_edit_of_nothing_says_how(run, file):
    run("models", "add", file)
    code, _, errors = run("models", "edit", "given")
    assert code == 2
    assert "for example --title" in errors


def test_what_a_file_of_another_program_leaves_open_is_said_and_answered(run, tmp_path):
    torch.save(make_model().network.state_dict(), tmp_path / "plain.pth")
    code, _, errors = run("models", "add", tmp_path / "plain.pth")
    assert code == 1
    assert "answer with head, one of: linear, tanh, sigmoid" in errors.replace("\n", " ")
    assert "There is no model file" in run("models", "add", tmp_path / "nothing.pth")[2]
    assert "key=choice" in run("models", "add", tmp_path / "plain.pth", "--answer", "tanh")[2]
    code, out, _ = run("models", "add", tmp_path / "plain.pth", "--answer", "head=tanh")
    assert code == 0
    assert "plain.pth: " in out
    assert read_card(user_path("plain")).hyper_parameters["head"] == "tanh"


def test_brackets_in_a_title_are_letters(run, file):
    run("models", "add", file, "--name", "mine")
    assert run("models", "edit", "mine", "--title", "Mito [/x] and [red]")[0] == 0
    for asked in (["models"], ["models", "mine"]):
        code, out, errors = run(*asked)
        assert code == 0, errors
        assert "[/x]" in out
        assert "[red]" in out
