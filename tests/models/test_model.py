import json
import os
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_models import make_model

from napari_sr.errors import ModelError
from napari_sr.models import store
from napari_sr.models.fit import is_told
from napari_sr.models.model import HEADER_KEY, ModelCard, load, read_card, save
from napari_sr.networks import NETWORKS


@pytest.mark.parametrize("network", [n for n in NETWORKS if not NETWORKS[n].foreign])
def test_every_network_comes_back_equal(network, tmp_path):
    model = make_model(network, 2)
    card = save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.card == card
    lr = torch.rand(1, 1, 12, 10)
    with torch.inference_mode():
        torch.testing.assert_close(again.network(lr), model.network(lr), rtol=0, atol=0)


def test_half_weights_are_half_the_size_and_close(model, tmp_path):
    save(model, tmp_path / "full.safetensors")
    save(model, tmp_path / "half.safetensors", half=True)
    sizes = [(tmp_path / f"{n}.safetensors").stat().st_size for n in ("half", "full")]
    assert sizes[0] < 0.7 * sizes[1]
    lr = torch.rand(1, 1, 12, 10)
    with torch.inference_mode():
        difference = load(tmp_path / "half.safetensors").network(lr) - model.network(lr)
    assert difference.abs().max() < 1e-3


class Evil:
    def __reduce__(self):
        return (os.system, ("touch executed",))


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"evil{suffix}"
    torch.save({"weights": Evil()}, path)
    with pytest.raises(ModelError, match=r"refused: it contains program code|damaged or not a model file"):
        store.load_model(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ModelError):
        store.load_model(path)
    assert not (tmp_path / "executed").exists()


def test_plain_weights_are_refused_with_the_reason(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "plain.pth")
    with pytest.raises(ModelError, match="does not say which network"):
        store.load_model(tmp_path / "plain.pth")
    save_file({"a": torch.zeros(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(ModelError, match="does not say which network"):
        store.load_model(tmp_path / "plain.safetensors")
    with pytest.raises(ModelError, match="no napari-sr model card"):
        read_card(tmp_path / "plain.safetensors")


def test_a_truncated_file_is_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save(model, path)
    content = path.read_bytes()
    for length in (0, 5, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match=r"m.safetensors"):
            load(path)


def test_a_changed_weight_is_noticed(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save(model, path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="changed or damaged"):
        load(path)


def rewritten(path, **changes):
    """Write the file again with another card, the weights and their hash untouched."""
    with safe_open(path, framework="pt") as file:
        state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()[HEADER_KEY])
    save_file(state, path, metadata={HEADER_KEY: json.dumps(card | changes)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hyper_parameters": {"scale": 4, "num_features": 16, "num_blocks": 2}}, "do not fit"),
        ({"scale": 2}, "card says scale = 2"),
        ({"network": "nonet"}, "no network called 'nonet'"),
        ({"colour": 1}, "unknown entries: colour"),
        ({"format_version": 99}, "newer napari-sr"),
        ({"hyper_parameters": {"scale": 4, "magic": 1}}, "magic"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(model, tmp_path, changes, message):
    path = tmp_path / "m.safetensors"
    save(model, path)
    rewritten(path, **changes)
    with pytest.raises(ModelError, match=message):
        load(path)


def test_weights_that_are_not_numbers_are_refused(tmp_path):
    model = make_model()
    next(model.network.parameters()).data.fill_(float("nan"))
    save(model, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="not finite"):
        load(tmp_path / "m.safetensors")


def test_saving_leaves_no_half_file(model, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    save(model, path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_sr.models.model.save_file", full)
    with pytest.raises(ModelError, match="No space left"):
        save(model, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.glob("m*")] == ["m.safetensors"]
    assert not list(tmp_path.glob("*.part"))


def test_store_finds_users_models_by_name_and_they_win(model, tmp_path):
    save(replace(model, card=replace(model.card, name="mine")), store.user_folder() / "mine.safetensors")
    assert "mine" in [c.name for c in store.list_models()]
    assert store.load_model("mine").card.name == "mine"
    assert store.load_model(store.user_folder() / "mine.safetensors").card.name == "mine"


def test_a_renamed_file_goes_by_its_new_name(model):
    save(model, store.user_folder() / "renamed.safetensors")
    assert "renamed" in [c.name for c in store.list_models()]
    assert store.load_model("renamed").card.name == "renamed"


def test_unknown_names_list_what_there_is():
    with pytest.raises(ModelError, match=r"no model called 'nix'. Known: .*bicubic-x4"):
        store.load_model("nix")
    with pytest.raises(ModelError, match="no model file"):
        store.load_model("nowhere/model.safetensors")


def test_a_damaged_file_does_not_spoil_the_list(model):
    folder = store.user_folder()
    folder.mkdir(parents=True)
    (folder / "broken.safetensors").write_bytes(b"nothing")
    assert "broken" not in [c.name for c in store.list_models()]
    with pytest.raises(ModelError, match=r"broken.safetensors is damaged"):
        store.load_model("broken")


@pytest.mark.parametrize("path", sorted(store.shipped_folder().glob("*.safetensors")), ids=lambda p: p.stem)
def test_shipped_models_are_whole_and_documented(path):
    card = load(path).card
    assert card.name == path.stem
    for field in ("title", "description", "licence", "attribution", "citation", "kind"):
        assert getattr(card, field), field
    assert card.degradation or "measured" in card.metrics[0]["data"]  # pairs have none
    assert card.metrics
    assert card.training["steps"] > 0
    for entry in card.metrics:
        if "wasserstein" in str(card.training["loss"]):  # it pays for looking real with PSNR, and the card says so
            # those that are told what an image suffers from are measured on noisy and blurred ones, too
            assert entry["model"]["niqe"] < (1.0 if is_told(card) else 0.5) * entry["bicubic"]["niqe"]
            assert entry["model"]["psnr"] > entry["bicubic"]["psnr"] - 1
        else:
            assert entry["model"]["psnr"] > entry["bicubic"]["psnr"]


def test_shipped_models_fit_into_25_mb():
    assert sum(p.stat().st_size for p in store.shipped_folder().glob("*")) < 25e6


def test_card_json_round_trip():
    card = ModelCard("a", "wgan", {"scale": 4}, 4, pixel_size=(1.0, 2.0), metrics=({"data": "x"},))
    assert ModelCard.from_json(card.to_json()) == card
    with pytest.raises(ModelError):
        ModelCard.from_json("[1, 2]")


def test_reading_a_missing_card():
    with pytest.raises(ModelError, match="no file"):
        read_card("nowhere.safetensors")


@pytest.mark.parametrize(
    "entries",
    [{"hyper_parameters": None}, {"hyper_parameters": [1]}, {"network": ["rcan"]}, {"lr_images": {"blur": [1]}},
     {"scale": "2"}],
)  # fmt: skip
def test_a_card_whose_entries_are_of_another_kind_is_one_that_cannot_be_read(model, entries):
    values = json.loads(model.card.to_json()) | entries
    with pytest.raises(ModelError, match="model card cannot be read"):
        ModelCard.from_json(json.dumps(values))
