"""The user's models in order: nothing is lost, nothing is half done, and what came with napari-sr stays."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from small_models import make_model

from napari_sr.errors import ModelError
from napari_sr.models import manage, rewrite, store
from napari_sr.models.model import load, read_card, save


@pytest.fixture
def own():
    """Two models of the user's: one with weights in full, one in half precision."""
    save(make_model(), store.user_path("mine"))
    save(make_model("rcan", 2), store.user_path("other"), half=True)
    return store.user_folder()


def names(*, shipped=False):
    return [e.name for e in manage.entries() if e.shipped == shipped]


def content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_the_list_says_whose_each_model_is_and_what_it_takes(own):
    listed = manage.entries()
    assert names() == ["mine", "other"]
    assert names(shipped=True) == sorted(p.stem for p in store.shipped_folder().glob("*.safetensors"))
    assert manage.disk_use(listed) == sum(p.stat().st_size for p in own.iterdir())
    shipped = sum(p.stat().st_size for p in store.shipped_folder().glob("*.safetensors"))
    assert manage.disk_use(listed, shipped=True) == shipped
    assert [manage.size_in_words(n) for n in (12, 4_800, 4_800_000, 2_500_000_000)] == [
        "12 bytes", "4.8 kB", "4.8 MB", "2.5 GB"
    ]  # fmt: skip


def test_a_damaged_file_is_listed_with_what_is_wrong(own):
    (own / "broken.safetensors").write_bytes(b"nothing")
    (broken,) = [e for e in manage.entries() if e.problem]
    assert broken.name == "broken"
    assert "damaged" in broken.problem
    manage.remove("broken")
    assert names() == ["mine", "other"]


def test_a_file_is_added_with_its_weights_as_they_are(tmp_path):
    path = tmp_path / "half.safetensors"
    card = save(make_model(), path, half=True)
    entry = manage.add(path, name="my-own")
    assert entry.path == store.user_path("my-own")
    assert load(entry.path).card == replace(card, name="my-own")
    with safe_open(entry.path, framework="pt") as file:
        assert all(file.get_tensor(k).dtype == torch.float16 for k in file.keys())  # noqa: SIM118
    assert path.exists()


def test_a_file_of_another_program_is_added_as_one_of_ours(tmp_path):
    path = tmp_path / "a foreign one.pth"
    torch.save(make_model("srvgg", 2).network.state_dict(), path)
    entry = manage.add(path)
    assert load(entry.path).card.name == "a-foreign-one"
    assert load(entry.path).card.network == "srvgg"


def test_what_cannot_be_added_is_said(own, tmp_path):
    path = tmp_path / "mine.safetensors"
    save(make_model(seed=1), path)
    before = content(own)
    with pytest.raises(ModelError, match="You have a model called mine already"):
        manage.add(path)
    for name, reason in {
        "em-x4": "came with napari-sr", "bicubic-x4": "name of an interpolation", "../out": "cannot be a name",
        "a b": "cannot be a name", "ä": "cannot be a name",
    }.items():  # fmt: skip
        with pytest.raises(ModelError, match=reason):
            manage.add(path, name=name)
    (tmp_path / "broken.safetensors").write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match="damaged"):
        manage.add(tmp_path / "broken.safetensors")
    with pytest.raises(ModelError, match="There is no model file"):
        manage.add(tmp_path / "none.safetensors")
    assert content(own) == before
    manage.add(path, overwrite=True)
    assert content(own) != before


def test_a_model_is_renamed_on_its_card_and_on_disk(own):
    before = read_card(own / "other.safetensors")
    entry = manage.rename("other", "another")
    assert entry.name == "another"
    assert names() == ["another", "mine"]
    assert load(entry.path).card == replace(before, name="another")  # loading compares the hash of the weights
    assert manage.rename("another", "another").name == "another"
    with pytest.raises(ModelError, match="already"):
        manage.rename("another", "mine")
    with pytest.raises(ModelError, match=r"You have no model called 'none'\. Yours: another, mine"):
        manage.rename("none", "some")


def test_a_card_is_edited_and_the_weights_stay(own):
    weights = read_card(own / "other.safetensors").weights_sha256
    entry = manage.edit(
        "other", title="Better", licence="CC-BY-4.0", kind="EM", pixel_size=["4", 8.5], pixel_unit="nm", citation="me"
    )
    card = load(entry.path).card
    assert (card.title, card.licence, card.kind, card.pixel_size) == ("Better", "CC-BY-4.0", "EM", (4.0, 8.5))
    assert (card.weights_sha256, card.network) == (weights, "rcan")
    assert list(own.glob("*.part")) == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"network": "rcan"}, "network cannot be edited"), ({"kind": "cats"}, "kind must be one of EM"),
        ({"pixel_size": ["x"]}, "must be numbers"), ({"pixel_size": [3, 2]}, "smallest and the largest"),
        ({"pixel_size": [-1]}, "above 0"), ({"pixel_size": [float("nan")]}, "above 0"),
        ({"pixel_size": [1, 2, 3]}, "smallest and the largest"), ({"title": "x" * 5000}, "at most 4000 letters"),
        ({"title": 3}, "must be a text"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_on_a_card_is_refused(values, reason, own):
    before = content(own)
    with pytest.raises(ModelError, match=reason):
        manage.edit("mine", **values)
    assert content(own) == before


@pytest.mark.parametrize("change", [manage.remove, lambda n: manage.rename(n, "x"), lambda n: manage.edit(n, title="")])
def test_what_came_with_napari_sr_stays(change, own):
    with pytest.raises(ModelError, match="em-x4 came with napari-sr, and stays as it is"):
        change("em-x4")
    with pytest.raises(ModelError, match="is an interpolation"):
        change("bicubic-x4")
    with pytest.raises(ModelError, match="You have no model"):
        change("../models/mine")
    assert (store.shipped_folder() / "em-x4.safetensors").exists()


def test_a_model_of_the_name_of_a_shipped_one_is_the_users(own):
    """It may be there from before the name was taken."""
    shutil.copy(own / "mine.safetensors", own / "em-x4.safetensors")
    (entry,) = [e for e in manage.entries() if e.hides]
    assert (entry.name, entry.shipped) == ("em-x4", False)
    manage.rename("em-x4", "em-mine")
    assert "em-mine" in names()


def test_every_model_is_checked_and_a_changed_one_found(own):
    path = own / "other.safetensors"
    changed = bytearray(path.read_bytes())
    changed[-3] ^= 1
    path.write_bytes(changed)
    found = {c.name: c.problem for c in manage.iter_check(["mine", "other", "em-wiener-x4", "none"])}
    assert found["mine"] == found["em-wiener-x4"] == ""
    assert "changed or damaged" in found["other"]
    assert "no model called 'none'" in found["none"]
    counted = list(manage.iter_check(["mine", "other"]))
    assert [(c.done, c.total) for c in counted] == [(1, 2), (2, 2)]


def test_a_failed_write_leaves_everything_as_it_was(own, monkeypatch):
    before = content(own)

    def full(state, path, metadata):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rewrite, "save_file", full)
    for change in (lambda: manage.rename("mine", "new"), lambda: manage.edit("mine", title="new")):
        with pytest.raises(ModelError, match="No space left on device"):
            change()
        assert content(own) == before


def test_what_cannot_be_deleted_is_said(own, monkeypatch):
    before = content(own)
    real = Path.unlink

    def refuse(self, missing_ok=False):
        if self.name == "mine.safetensors":
            raise PermissionError(13, "Permission denied")
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ModelError, match="could not be deleted: Permission denied"):
        manage.remove("mine")
    with pytest.raises(ModelError, match="could not be renamed: Permission denied"):
        manage.rename("mine", "new")
    assert content(own) == before


@pytest.mark.parametrize("name", ["a b", "ä", pytest.param("x" * 100, id="long"), "+plus"])
def test_whatever_is_in_the_list_can_be_renamed_edited_and_removed(name):
    save(make_model(), store.user_path(name))
    assert names() == [name]
    assert manage.edit(name, title="Mine").card.title == "Mine"
    with pytest.raises(ModelError, match="cannot be a name"):
        manage.rename(name, "a/b")
    manage.rename(name, "plain")
    assert names() == ["plain"]
    save(make_model(), store.user_path(name))
    manage.remove(name)
    assert names() == ["plain"]


def test_a_link_that_leads_nowhere_is_listed_as_damaged(own):
    (own / "away.safetensors").symlink_to("/nowhere")
    (away,) = [e for e in manage.entries() if e.name == "away"]
    assert (away.size, away.card) == (0, None)
    assert "no file" in away.problem
    with pytest.raises(ModelError, match="You have no model called 'none'"):
        manage.remove("none")


def test_a_name_that_is_too_long_is_said_to_be(own):
    with pytest.raises(ModelError, match="it has 101 letters, more than 100"):
        manage.free_name("l" * 101)
    with pytest.raises(ModelError, match="You have no model called"):
        manage.remove("l" * 1000)
