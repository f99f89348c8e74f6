"""What a run does with files, stops and images that are not as they should be."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import SMALL
from stopping import StopAt

from napari_sr.errors import Cancelled, ConfigError, TrainingError
from napari_sr.losses import perceptual
from napari_sr.models.model import load, save
from napari_sr.training import Source, TrainConfig, fit, recipe_config
from napari_sr.training.data.validation import WholeImages
from napari_sr.training.lightning import checkpoints, stopping
from napari_sr.training.lightning.checkpoints import WholeFiles
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.timing import seconds_per_step

pytestmark = pytest.mark.usefixtures("no_curves")


def small(images, recipe="wgan-pixel", **changes):
    settings = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 12, "validate_every": 3,
        "hyper_parameters": SMALL["wgan"],
    }  # fmt: skip
    return recipe_config(recipe, name="small", train=(Source(str(images)),), **{**settings, **changes})


def weights(folder):
    return torch.load(folder / "last.ckpt", weights_only=False)["state_dict"]


def equal(first, second):
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=0, msg=name)


# -- checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_is_put_in_place_when_it_is_complete(tmp_path, monkeypatch):
    target = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint({"a": 1}, target)
    seen = []

    def replace(source, place):
        seen.append((torch.load(source), torch.load(place)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "replace", replace)
    with pytest.raises(OSError, match="No space"):
        WholeFiles().save_checkpoint({"a": 2}, target)
    assert seen == [({"a": 2}, {"a": 1})]
    assert torch.load(target) == {"a": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_a_run_writes_its_checkpoints_beside_the_old_ones(images, tmp_path, monkeypatch):
    """Not in the system's temporary folder, from where they would have to be copied."""
    moved = []
    original = os.replace

    def replace(source, place):
        moved.append((Path(source).parent, Path(place).name))
        original(source, place)

    monkeypatch.setattr(checkpoints.os, "replace", replace)
    fit(small(images, steps=3), tmp_path / "run", device="cpu")
    assert {name for folder, name in moved if folder == tmp_path / "run"} >= {"best.ckpt", "last.ckpt"}


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_run_is_saved_between_validations_and_goes_on_bit_for_bit(ema, images, tmp_path, monkeypatch):
    config = small(images, validate_every=12, ema=ema)
    fit(config, tmp_path / "whole", device="cpu")
    monkeypatch.setattr(stopping, "SAVE_SECONDS", 0.0)

    class PowerCut(BaseException):
        pass

    def cut(event):
        if event.step == 7 and not event.is_message:
            raise PowerCut

    with pytest.raises(PowerCut):
        fit(config, tmp_path / "cut", device="cpu", on_event=cut)
    assert torch.load(tmp_path / "cut" / "last.ckpt", weights_only=False)["global_step"] == 6
    monkeypatch.undo()
    fit(config, tmp_path / "cut", device="cpu", resume=True)
    equal(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


# -- stopping -------------------------------------------------------------------------------------


def test_a_stop_does_not_wait_for_a_validation(images, tmp_path, monkeypatch):
    validated = []
    original = SRModule.validation_step

    def step(self, batch, index):
        validated.append(self.global_step)
        return original(self, batch, index)

    monkeypatch.setattr(SRModule, "validation_step", step)
    with pytest.raises(Cancelled, match="Stopped at step 4"):
        fit(small(images), tmp_path / "run", device="cpu", **StopAt(4).arguments)
    assert validated == [3]
    fit(small(images), tmp_path / "run", device="cpu", resume=True)
    assert validated == [3, 6, 9, 12]


def test_a_stop_within_a_validation_ends_it_and_can_be_resumed(images, tmp_path, monkeypatch, rng):
    np.save(tmp_path / "validation.npy", rng.integers(0, 1000, (5, 48, 48)).astype(np.uint16))
    config = small(images, validation=[{"path": str(tmp_path / "validation.npy")}])
    fit(config, tmp_path / "whole", device="cpu")
    read = []
    original = WholeImages.__getitem__

    def item(self, index):
        read.append(index)
        return original(self, index)

    monkeypatch.setattr(WholeImages, "__getitem__", item)
    with pytest.raises(Cancelled, match="Stopped at step 3"):
        fit(config, tmp_path / "run", device="cpu", should_stop=lambda: len(read) >= 2)
    assert read == [0, 1]
    monkeypatch.undo()
    fit(config, tmp_path / "run", device="cpu", resume=True)
    equal(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_another_number_of_steps_cannot_be_resumed(images, tmp_path):
    with pytest.raises(Cancelled):
        fit(small(images), tmp_path / "run", device="cpu", **StopAt(4).arguments)
    with pytest.raises(TrainingError, match=r"planned for 12 steps"):
        fit(small(images, steps=20), tmp_path / "run", device="cpu", resume=True)
    assert TrainConfig.read(tmp_path / "run" / "config.yaml").steps == 12


# -- files ----------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_said(images, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"file.run cannot be written: a file stands where a folder is needed"):
        fit(small(images), tmp_path / "file" / "run", device="cpu")


@pytest.mark.parametrize(("after", "message"), [(1, "Nothing had been saved yet"), (4, "resume from there")])
def test_images_that_vanish_are_said_with_what_stands(after, message, images, tmp_path):
    def take(event):
        if event.step == after and not event.is_message and images.exists():
            images.unlink()
            from napari_sr.images import lazy_plane

            lazy_plane.opened_file.cache_clear()  # as with more files than may be open at a time

    with pytest.raises(TrainingError, match=rf"hr.npy.*{message}"):
        fit(small(images), tmp_path / "run", device="cpu", on_event=take)


def test_models_and_checkpoints_of_others_are_left_alone(images, tmp_path):
    folder = tmp_path / "run"
    first = fit(small(images), folder, device="cpu")
    before = first.read_bytes()
    for name in ("best.ckpt", "last.ckpt"):
        (folder / name).unlink()
    with pytest.raises(TrainingError, match=r"holds small.safetensors already"):
        fit(small(images), folder, device="cpu")
    assert first.read_bytes() == before
    (folder / "mine.ckpt").write_text("of another program")
    fit(small(images, seed=5), folder, device="cpu", overwrite=True)
    assert (folder / "mine.ckpt").exists()
    assert first.read_bytes() != before


# -- images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("degradation", ["area", "fluorescence"])
def test_pixels_that_are_no_numbers_are_said_before_the_first_step(value, degradation, tmp_path, rng):
    stack = rng.normal(size=(4, 72, 72)).astype(np.float32)
    stack[2, 5, 6] = value
    np.save(tmp_path / "hr.npy", stack)
    with pytest.raises(TrainingError, match=r"hr.npy, plane 2: .*not finite"):
        fit(small(tmp_path / "hr.npy", degradation=degradation), tmp_path / "run", device="cpu")


def test_images_smaller_than_a_patch_are_counted(tmp_path, rng):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, side in enumerate((20, 72, 24, 72)):
        np.save(folder / f"{number}.npy", rng.integers(0, 255, (side, side)).astype(np.uint8))
    events = []
    fit(small(folder, steps=1, validate_every=1), tmp_path / "run", device="cpu", on_event=events.append)
    assert any(e.note.startswith("2 of the images are smaller than a patch of 32") for e in events)


# -- cards and configurations ---------------------------------------------------------------------


def test_what_a_model_owes_to_others_stays_on_the_card(images, tmp_path):
    from dataclasses import replace

    first = load(fit(small(images, steps=1, validate_every=1), tmp_path / "a", device="cpu"))
    known = {"kind": "EM", "licence": "CC BY", "attribution": "somebody", "citation": "something"}
    save(replace(first, card=replace(first.card, **known)), tmp_path / "start.safetensors")
    tuned = small(images, steps=1, validate_every=1, start_from=str(tmp_path / "start.safetensors"))
    card = load(fit(tuned, tmp_path / "b", device="cpu")).card
    assert {name: getattr(card, name) for name in known} == known
    assert card.training["device"] == "CPU"
    own = {**tuned.to_dict(), "card": {"kind": "own"}}
    assert load(fit(TrainConfig.from_dict(own), tmp_path / "c", device="cpu")).card.kind == "own"


def test_a_composition_is_on_the_card_with_every_parameter_by_name(images, tmp_path):
    config = small(images, degradation="gaussian(1)+area", steps=1, validate_every=1)
    card = load(fit(config, tmp_path / "run", device="cpu")).card
    assert card.degradation == "gaussian(sigma=1) + area"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"betas": [0.9]}, "betas"),
        ({"betas": "ab"}, "betas"),
        ({"seed": -1}, "seed"),
        ({"patience": -1}, "patience"),
        ({"steps": True}, "steps"),
        ({"augment": "maybe"}, "rotate"),
        ({"flip": "maybe"}, "flip"),
        ({"validation_share": 0.7}, "validation_share"),
        ({"network": 5}, "network"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"hyper_parameters": None}, "hyper_parameters"),
        ({"loss_options": 3}, "loss_options"),
        ({"extra_losses": {"mse": "a"}}, "extra_losses"),
        ({"extra_losses": {"mse": -1}}, "extra_losses"),
        ({"extra_options": {"mse": {}}}, "extra_options"),
        ({"card": {"nonsense": 3}}, "card"),
        ({"intensity": {"kind": "percentile", "low": -5}}, "intensity"),
        ({"intensity": "all"}, "intensity"),
        ({"adversarial": 3}, "adversarial"),
        ({"adversarial": {"n_critic": 1.5}}, "n_critic"),
        ({"train": 3}, "train"),
        ({"train": [3]}, "an image of train"),
        ({"train": [{"weight": 1}]}, "cannot do without path"),
        ({"train": ["a"], 3: 4}, "no setting called 3"),
        ({"betas": 3}, "betas"),
        ({"intensity": {"kind": "percentile", "low": "a"}}, "intensity: low must be a number"),
        ({"adversarial": {"foo": 1}}, "adversarial has no setting called foo"),
        ({"train": [{"path": "a", "weight": 0}]}, "weight"),
    ],
)
def test_values_of_the_wrong_kind_name_their_field(changes, field):
    with pytest.raises(ConfigError, match=field):
        TrainConfig.from_dict({"name": "x", "train": ["images"], **changes})


@pytest.mark.parametrize("content", [b"\x00\x01", b"\x89PNG\r\n", "name: Köln".encode("latin-1")])
def test_a_file_that_is_no_text_is_no_configuration(content, tmp_path):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="is no text"):
        TrainConfig.read(tmp_path / "c.yaml")


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path):
    (tmp_path / "c.yaml").write_text("name: x\ntrain: [hr.npy]\nlearning_rate: 1e-4\nadversarial: {weight: 1e-3}\n")
    config = TrainConfig.read(tmp_path / "c.yaml")
    assert (config.learning_rate, config.adversarial.weight) == (1e-4, 1e-3)


def test_measuring_a_step_fetches_nothing(images, monkeypatch):
    def fetch(*arguments, **options):
        raise AssertionError("it would fetch 548 MB")

    monkeypatch.setattr(perceptual, "BLOCKS", ((2, 2), (2, 2), (2, 4), (2, 4), (2, 4)))
    monkeypatch.setattr(perceptual, "read_weights", fetch)
    for recipe in ("srgan", "esrgan"):
        network = "srresnet" if recipe == "srgan" else "rrdb"
        config = small(images, recipe, hyper_parameters=SMALL[network], lr_patch=24,
                       adversarial={"critic_hyper_parameters": {"num_features": 4}})  # fmt: skip
        assert seconds_per_step(config, seconds=0.2, device="cpu") > 0


def test_a_discriminator_with_batch_norm_needs_two_patches(images, tmp_path):
    changes = {"hyper_parameters": SMALL["srresnet"], "lr_patch": 24, "batch_size": 1, "loss": "l1"}
    config = small(images, "wgan-gp", **{**changes, "network": "srresnet", "adversarial": {
        "critic": "vgg-discriminator", "critic_hyper_parameters": {"num_features": 4}}})  # fmt: skip
    with pytest.raises(TrainingError, match="batch_size: vgg-discriminator needs at least 2"):
        fit(config, tmp_path / "run", device="cpu")


def test_missing_weights_say_where_to_put_them(monkeypatch):
    def offline(*arguments, **options):
        raise OSError("offline")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(ConfigError, match="checkpoints"):
        perceptual.read_weights("")
    assert perceptual.cached().name == "vgg19-dcbb9e9d.pth"
    assert sys.modules["napari_sr.losses.perceptual"].cached().parent.name == "checkpoints"
