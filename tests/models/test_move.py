"""All of the user's models move, or none."""

import os

import platformdirs
import pytest
from small_models import make_model

from napari_sr.errors import ModelError
from napari_sr.models import move, store
from napari_sr.models.model import save


@pytest.fixture
def movable(tmp_path, monkeypatch):
    """As without ``NAPARI_SR_MODELS``: the user's folder is the system's."""
    monkeypatch.delenv(store.ENVIRONMENT)
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name: str(tmp_path / "data" / name))
    save(make_model(), store.user_path("mine"))
    save(make_model("wiener", 2), store.user_path("other"))
    return store.user_folder()


def content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_the_folder_moves_with_all_that_is_in_it_and_back(movable, tmp_path):
    before = content(movable)
    target = tmp_path / "elsewhere" / "models"
    assert move.move_folder(target) == target
    assert store.user_folder() == target
    assert content(target) == before
    assert content(movable) == {}
    assert "mine" in {c.name for c in store.list_models()}
    move.move_folder(movable)
    assert store.user_folder() == movable
    assert content(movable) == before
    assert not store._folder_note().exists()


def test_a_folder_with_a_model_of_the_same_name_is_refused(movable, tmp_path):
    target = tmp_path / "t"
    target.mkdir()
    (target / "other.safetensors").write_bytes(b"theirs")
    before = content(movable)
    with pytest.raises(ModelError, match=r"has another other\.safetensors"):
        move.move_folder(target)
    assert content(movable) == before
    assert content(target) == {"other.safetensors": b"theirs"}
    with pytest.raises(ModelError, match="already"):
        move.move_folder(movable)


@pytest.mark.parametrize("where", ["copy", "note"])
def test_a_move_that_fails_half_way_moves_nothing(where, movable, tmp_path, monkeypatch):
    before, target = content(movable), tmp_path / "t"
    copied = []
    real = move._copy

    def fail_at_the_second(source, to):
        copied.append(source)
        if len(copied) == 2:
            raise OSError(28, "No space left on device")
        real(source, to)

    def no_note(folder):
        raise OSError(30, "Read-only file system")

    if where == "copy":
        monkeypatch.setattr(move, "_copy", fail_at_the_second)
    else:
        monkeypatch.setattr(store, "set_user_folder", no_note)
    with pytest.raises(ModelError, match=r"(No space left|Read-only).*Nothing was changed"):
        move.move_folder(target)
    assert content(movable) == before
    assert content(target) == {}
    assert store.user_folder() == movable


def test_where_the_environment_says_where_models_are_they_stay(tmp_path):
    with pytest.raises(ModelError, match="NAPARI_SR_MODELS says where models are"):
        move.move_folder(tmp_path / "t")
    assert os.environ[store.ENVIRONMENT] == str(store.user_folder())
