import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from skimage.metrics import peak_signal_noise_ratio
from stopping import StopAt

from napari_sr import upscale
from napari_sr.errors import Cancelled, ConfigError, ModelError, TrainingError
from napari_sr.losses import LOSSES
from napari_sr.models.model import Model, load, save
from napari_sr.models.store import load_model
from napari_sr.networks import create_network
from napari_sr.training import Source, TrainConfig, fit
from napari_sr.training.config import TrainConfig as Config
from napari_sr.training.lightning.machine import usual_workers
from napari_sr.training.runs.card import make_card

pytestmark = pytest.mark.usefixtures("no_curves")

SMALL = {
    "num_groups": 1,
    "num_blocks": 1,
    "num_features": 8,
    "reduction": 4,
    "head": "linear",
    "skip": "bicubic",
}


@pytest.fixture
def images(tmp_path, rng):
    from scipy.ndimage import gaussian_filter

    stack = gaussian_filter(rng.normal(size=(4, 64, 64)), (0, 2, 2))
    np.save(tmp_path / "hr.npy", (stack * 500 + 1000).astype(np.uint16))
    return tmp_path / "hr.npy"


def config(images, **changes):
    settings = {
        "name": "tiny", "train": (Source(str(images)),), "hyper_parameters": SMALL, "scale": 2, "degradation": "area",
        "lr_patch": 12, "batch_size": 2, "steps": 12, "validate_every": 4, "learning_rate": 2e-3,
    }  # fmt: skip
    return TrainConfig(**{**settings, **changes})


def test_training_makes_a_model_with_its_card(images, tmp_path, automatic):
    events = []
    path = fit(config(images), tmp_path / "run", device="cpu", on_event=events.append)
    model = load(path)
    assert model.card.training["steps"] == 12
    assert model.card.training["data"] == ["hr.npy"]
    assert model.card.degradation == "area"
    assert model.card.trained_patch == 12
    assert model.card.hyper_parameters["skip"] == "bicubic"
    validated = [e for e in events if e.val_psnr is not None]
    assert [e.step for e in validated] == [4, 8, 12]
    kept = np.load(images)[3]  # the last one of four
    lr = kept.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    data_range = float(kept.max() - kept.min())
    for key, upscaler in (("model", model), ("bicubic", load_model("bicubic-x2"))):
        sr = upscale(np.rint(lr).astype(np.float32), upscaler, precision="fp32")  # on every processor
        expected = peak_signal_noise_ratio(kept.astype(float), sr.astype(float), data_range=data_range)
        assert model.card.metrics[0][key]["psnr"] == pytest.approx(expected, abs=1e-3)
    found = {p.name for p in (tmp_path / "run").iterdir()}
    assert found >= {
        "best.ckpt",
        "last.ckpt",
        "tiny.safetensors",
        "tiny-last.safetensors",
        "history.csv",
        "report.html",
    }


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ("perceptual", "texture")])  # need VGG19
def test_every_loss_goes_down(loss, images, tmp_path):
    events = []
    fit(config(images, loss=loss, steps=60, validate_every=30), tmp_path / "run", device="cpu", on_event=events.append)
    validated = [e for e in events if e.val_psnr is not None]
    assert validated[-1].val_psnr > validated[0].val_bicubic + 1  # the network starts as bicubic


def test_a_resumed_run_equals_an_uninterrupted_one(images, tmp_path):
    fit(config(images), tmp_path / "whole", device="cpu")
    with pytest.raises(Cancelled, match="resume"):
        fit(config(images), tmp_path / "parts", device="cpu", **StopAt(7).arguments)
    fit(config(images), tmp_path / "parts", resume=True, device="cpu")
    # the last state; the best may be another, since stopping adds a validation
    whole, parts = (torch.load(tmp_path / n / "last.ckpt", weights_only=False) for n in ("whole", "parts"))
    torch.testing.assert_close(parts["state_dict"], whole["state_dict"], rtol=0, atol=0)


HELPED = """
import sys
from pathlib import Path
import torch
from napari_sr.training import TrainConfig, fit
folder = Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))  # sums depend on how many share them
print(fit(TrainConfig.read(folder / "c.yaml"), folder / "helped", device="cpu", workers=2))
"""


def test_processes_that_prepare_patches_change_nothing(images, tmp_path):
    """In a process of their own, as from a shell: they are its copies, and one with threads must not be copied."""
    alone = load(fit(config(images), tmp_path / "alone", device="cpu"))
    config(images).write(tmp_path / "c.yaml")
    command = [sys.executable, "-c", HELPED, str(tmp_path), str(torch.get_num_threads())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    helped = load(Path(done.stdout.strip().splitlines()[-1]))
    for name, weights in alone.network.state_dict().items():
        torch.testing.assert_close(helped.network.state_dict()[name], weights, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ("device", "gpu", "platform", "expected"),
    [("auto", True, "linux", 4), ("cuda", True, "linux", 4), ("auto", False, "linux", 0), ("cpu", True, "linux", 0),
     ("cuda", True, "win32", 0)],
)  # fmt: skip
def test_a_gpu_is_not_kept_waiting_for_patches(device, gpu, platform, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr("os.cpu_count", lambda: 9)
    monkeypatch.setattr("sys.platform", platform)
    assert usual_workers(device) == expected


def test_a_run_resumed_after_its_last_validation_ends_well(images, tmp_path):
    odd = config(images, steps=7, validate_every=4)
    with pytest.raises(Cancelled):
        fit(odd, tmp_path / "run", device="cpu", **StopAt(6).arguments)
    card = load(fit(odd, tmp_path / "run", resume=True, device="cpu")).card
    assert card.metrics[0]["bicubic"]["psnr"] > 0
    assert Config.read(tmp_path / "run" / "config.yaml").steps == 7


def test_filters_in_a_network_start_as_the_wiener_filter(images, tmp_path):
    """With no step worth mentioning, the network is the least-squares filter and beats bicubic."""
    sharp = config(
        images, degradation="em", hyper_parameters={**SMALL, "skip": "filter"}, steps=1, validate_every=1,
        learning_rate=1e-9,
    )  # fmt: skip
    card = load(fit(sharp, tmp_path / "run", device="cpu")).card
    assert card.metrics[0]["model"]["psnr"] > card.metrics[0]["bicubic"]["psnr"] + 2


def test_fine_tuning_starts_from_a_model(images, tmp_path):
    first = fit(config(images, steps=30, validate_every=15), tmp_path / "a", device="cpu")
    tuned = config(images, name="tuned", start_from=str(first), steps=1, validate_every=1, learning_rate=1e-9)
    second = load(fit(tuned, tmp_path / "b", device="cpu"))
    for name, value in load(first).network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=0, atol=1e-6)
    with pytest.raises(TrainingError, match="needs the same"):
        fit(config(images, start_from=str(first), intensity={"kind": "range"}), tmp_path / "c", device="cpu")


@pytest.mark.parametrize("network", ["wgan", "dfcan"])
def test_fine_tuning_at_another_scale_takes_over_what_fits_and_says_so(network, images, tmp_path):
    from small_models import SMALL as SIZES

    hyper = {**SIZES[network], **({"skip": "filter"} if network == "dfcan" else {})}
    start = config(images, network=network, hyper_parameters=hyper, steps=2, validate_every=2)
    first = fit(start, tmp_path / "a", device="cpu")
    events = []
    other = replace(start, start_from=str(first), scale=3, steps=1, validate_every=1, learning_rate=1e-9, lr_patch=10)
    second = load(fit(other, tmp_path / "b", device="cpu", on_event=events.append))
    (note,) = [e.note for e in events if "taken over" in e.note]
    assert "upscales by 2" in note
    assert second.scale == 3
    assert "start" not in second.card.metrics[0]  # images of another size cannot be compared
    old, new = load(first).network.state_dict(), second.network.state_dict()
    fresh = {key for key in new if key not in old or new[key].shape != old[key].shape}
    assert fresh
    assert all(key in note for key in fresh)
    for key in set(new) - fresh:
        torch.testing.assert_close(new[key], old[key], rtol=0, atol=1e-6)
    if network == "dfcan":  # the filter of the new scale is fitted, not left as it was made
        (taps,) = [value for key, value in new.items() if key.endswith("taps")]
        assert taps.abs().sum() > 0.1


def test_a_colour_model_is_trained_on_as_its_grey_self_and_says_so(images, tmp_path):
    """One channel in is the same image in all three; one out is the mean of the three."""
    hyper = {**SMALL, "in_channels": 3, "out_channels": 3, "head": "linear"}
    colour = create_network("dfcan", scale=2, **hyper).eval()
    torch.nn.init.normal_(colour.last.conv.weight, std=0.1)  # begins with zeros, which hide the rest
    card = make_card(config(images, hyper_parameters=hyper), colour, planes=1, steps=1, minutes=0.0)
    path = tmp_path / "colour.safetensors"
    save(Model(network=colour, card=replace(card, name="colour")), path)
    events = []
    tuned = config(images, start_from=str(path), steps=1, validate_every=1, learning_rate=1e-9)
    grey = load(fit(tuned, tmp_path / "run", device="cpu", on_event=events.append))
    (note,) = [e.note for e in events if "channels" in e.note]
    assert "turns 3 channels into 3" in note
    assert (grey.card.in_channels, grey.card.out_channels) == (1, 1)
    assert grey.card.metrics[0]["start"]["name"] == "colour"
    lr = torch.rand(1, 1, 20, 20)
    with torch.no_grad():
        expected = load(path).network(lr.repeat(1, 3, 1, 1)).mean(1, keepdim=True)
        torch.testing.assert_close(grey.network(lr), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("field", ["in_channels", "out_channels"])
def test_more_than_one_channel_is_refused_from_scratch(field, images, tmp_path):
    with pytest.raises(ConfigError, match=field):
        fit(config(images, hyper_parameters={**SMALL, field: 3}), tmp_path / "run", device="cpu")


def test_a_loss_that_explodes_is_said(images, tmp_path):
    with pytest.raises(TrainingError, match="for the third time"):
        fit(config(images, learning_rate=1.0, loss="mse", steps=400, validate_every=400,
                   hyper_parameters={**SMALL, "skip": "none"}, network="exploding"),
            tmp_path / "run", device="cpu")  # fmt: skip


@pytest.fixture(autouse=True)
def exploding():
    """A network whose output overflows at once."""
    from napari_sr.networks import NETWORKS
    from napari_sr.networks.dfcan import DFCAN

    class Exploding(DFCAN):
        def forward(self, lr):
            return super().forward(lr) * torch.inf

    NETWORKS.register("exploding", title="for this test")(Exploding)
    yield
    NETWORKS.unregister("exploding")


def test_one_image_cannot_train_and_validate(tmp_path, rng):
    np.save(tmp_path / "one.npy", rng.random((64, 64)))
    with pytest.raises(TrainingError, match="too small to train and to validate"):
        fit(config(tmp_path / "one.npy"), tmp_path / "run", device="cpu")
    with pytest.raises(TrainingError, match="nothing to resume"):
        fit(config(tmp_path / "one.npy", validation=(Source(str(tmp_path / "one.npy")),)), tmp_path / "run",
            resume=True, device="cpu")  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"train": ()}, "train"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"name": "a/b"}, "name"),
        ({"intensity": {"kind": "nix"}}, "intensity"),
    ],
)
def test_senseless_configurations_name_the_field(changes, field, images):
    with pytest.raises(ConfigError, match=field):
        config(images, **changes)


def test_configuration_round_trip_and_files(images, tmp_path):
    import yaml

    original = config(images, start_from="em-dfcan-x4")
    assert Config.from_dict(yaml.safe_load(yaml.safe_dump(original.to_dict()))) == original
    (tmp_path / "c.yaml").write_text("name: a\ntrain: [hr.npy]\nsteps: 3\n")
    assert Config.read(tmp_path / "c.yaml").train == (Source(str(tmp_path / "hr.npy")),)
    (tmp_path / "bad.yaml").write_text("name: a\ntrain: [hr.npy]\nstepz: 3\n")
    with pytest.raises(ConfigError, match="stepz"):
        Config.read(tmp_path / "bad.yaml")
    (tmp_path / "worse.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        Config.read(tmp_path / "worse.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.read(tmp_path / "none.yaml")


def test_an_unknown_start_is_refused(images, tmp_path):
    with pytest.raises(ModelError, match="no model called"):
        fit(config(images, start_from="nix"), tmp_path / "run", device="cpu")


def test_model_is_usable_by_name_after_installing(images, tmp_path):
    from napari_sr.models.store import user_folder

    model = load(fit(config(images), tmp_path / "run", device="cpu"))
    save(model, user_folder() / "tiny.safetensors")
    assert load_model("tiny").card == load_model("tiny").card


def test_an_earlier_run_is_not_replaced_unasked(images, tmp_path):
    fit(config(images), tmp_path / "run", device="cpu")
    before = (tmp_path / "run" / "last.ckpt").read_bytes()
    with pytest.raises(TrainingError, match="earlier run"):
        fit(config(images), tmp_path / "run", device="cpu")
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before
    fit(config(images), tmp_path / "run", device="cpu", overwrite=True)


def test_the_card_of_a_fine_tuned_model_keeps_the_runs_before(images, tmp_path):
    first = fit(config(images, steps=4, seed=1), tmp_path / "a", device="cpu")
    second = fit(config(images, steps=5, seed=2, start_from=str(first)), tmp_path / "b", device="cpu")
    third = fit(config(images, steps=6, seed=3, start_from=str(second)), tmp_path / "c", device="cpu")
    training = load(third).card.training
    assert [run["steps"] for run in training["earlier"]] == [4, 5]
    assert training["steps"] == 6
    assert all("earlier" not in run for run in training["earlier"])


def test_resuming_keeps_the_checkpoints_also_with_overwrite(images, tmp_path):
    with pytest.raises(Cancelled):
        fit(config(images), tmp_path / "run", device="cpu", **StopAt(6).arguments)
    assert fit(config(images), tmp_path / "run", device="cpu", resume=True, overwrite=True).exists()


def test_a_run_goes_on_after_its_folder_was_moved(images, tmp_path):
    with pytest.raises(Cancelled):
        fit(config(images), tmp_path / "run", device="cpu", **StopAt(6).arguments)
    (tmp_path / "run").rename(tmp_path / "moved")
    before = torch.load(tmp_path / "moved" / "best.ckpt", weights_only=False)["callbacks"]
    (best_before,) = (s["best_model_score"] for s in before.values() if s.get("best_model_score") is not None)
    assert load(fit(config(images), tmp_path / "moved", device="cpu", resume=True)).card.training["steps"] == 12
    after = torch.load(tmp_path / "moved" / "last.ckpt", weights_only=False)["callbacks"]
    (best_after,) = (s["best_model_score"] for s in after.values() if s.get("best_model_score") is not None)
    assert best_after >= best_before
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"network": "unet"}, "network"), ({"loss": "l3"}, "loss"), ({"optimizer": "sgdd"}, "optimizer"),
     ({"schedule": "steps"}, "schedule"), ({"extra_losses": {"nice": 1.0}}, "extra_losses"),
     ({"adversarial": {"loss": "hard"}}, r"adversarial\.loss"),
     ({"adversarial": {"critic": "me"}}, r"adversarial\.critic")],
)  # fmt: skip
def test_names_that_do_not_exist_are_said_before_any_image_is_read(changes, field, images, tmp_path):
    given = config(images).to_dict() | {"train": [str(tmp_path / "nowhere")], "validation": []} | changes
    with pytest.raises(ConfigError, match=rf"^{field}: there is no .*; there are "):
        fit(TrainConfig.from_dict(given), tmp_path / "run", device="cpu")


def test_numbers_without_a_point_are_numbers(images, tmp_path):
    given = config(images).to_dict()
    text = yaml.safe_dump(given | {
        "learning_rate": "RATE", "betas": ["HALF", 0.99], "extra_losses": {"l2": "HALF"},
        "train": [{"path": s["path"], "weight": "RATE"} for s in given["train"]], "loss_options": {"epsilon": "RATE"},
    })  # fmt: skip
    (tmp_path / "c.yaml").write_text(text.replace("RATE", "1e-4").replace("HALF", "5e-1"))
    read = TrainConfig.read(tmp_path / "c.yaml")
    assert (read.learning_rate, read.betas, dict(read.extra_losses)) == (1e-4, (0.5, 0.99), {"l2": 0.5})
    assert (read.train[0].weight, dict(read.loss_options)) == (1e-4, {"epsilon": 1e-4})


@pytest.mark.parametrize("left", [0, 100, 0.5, 0.99])
def test_a_checkpoint_that_is_not_whole_is_said(left, images, tmp_path):
    with pytest.raises(Cancelled):
        fit(config(images), tmp_path / "run", device="cpu", **StopAt(6).arguments)
    content = (tmp_path / "run" / "last.ckpt").read_bytes()
    (tmp_path / "run" / "last.ckpt").write_bytes(content[: int(left * len(content)) if 0 < left < 1 else int(left)])
    with pytest.raises(TrainingError, match=r"last\.ckpt in .* is damaged, or not whole"):
        fit(config(images), tmp_path / "run", device="cpu", resume=True)


def test_a_full_disk_is_said_when_a_model_is_written(images, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def full(*arguments, **settings):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("napari_sr.models.model.save_file", full)
    with pytest.raises(ModelError, match=r"could not be written to .*No space left"):
        save(load_model("bicubic-x2"), tmp_path / "m.safetensors")
    assert not list(tmp_path.glob("*.part"))
