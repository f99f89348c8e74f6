"""The training command: what it takes over from a model, what it refuses, and Ctrl-C."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from small_models import SMALL

from napari_sr.inference import device
from napari_sr.models.model import load, read_card
from napari_sr.models.store import user_folder
from napari_sr.training import Source, fit, recipe_config
from napari_sr.training.lightning import machine

pytestmark = pytest.mark.usefixtures("no_curves")
TINY = ("--steps", "2", "--lr-patch", "10", "--batch-size", "1", "--device", "cpu")


@pytest.fixture
def images(tmp_path, rng):
    np.save(tmp_path / "hr.npy", rng.integers(0, 255, (3, 64, 64)).astype(np.uint8))
    return tmp_path / "hr.npy"


@pytest.mark.parametrize(("network", "recipe"), [("wgan", "wgan-pixel"), ("dfcan", "dfcan")])
def test_fine_tuning_takes_recipe_and_attribution_of_the_model(network, recipe, run, images, tmp_path):
    hyper = {**SMALL[network], **({"skip": "bicubic"} if network == "dfcan" else {})}
    card = {"attribution": "somebody", "licence": "CC BY", "citation": "a paper", "kind": "EM"}
    start = recipe_config(
        recipe, name="start", train=(Source(str(images)),), scale=2, degradation="area", steps=1, lr_patch=10,
        batch_size=1, hyper_parameters=hyper, card=card,
    )  # fmt: skip
    path = fit(start, tmp_path / "start", device="cpu")
    code, _, out = run("train", images, "-o", tmp_path / "tuned", "--name", "tuned", "--start-from", path, *TINY)
    assert code == 0, out
    tuned = read_card(tmp_path / "tuned" / "tuned.safetensors")
    assert tuned.training["recipe"] == recipe
    assert tuned.degradation == "area"
    assert {name: getattr(tuned, name) for name in card} == card
    code, _, out = run("train", images, "-o", tmp_path / "other", "--start-from", path, "--network", "rcan")
    assert code == 1
    assert "keeps its own" in out


def test_any_network_can_be_trained_with_a_pixel_loss(run, images, tmp_path):
    small = ("--set", "hyper_parameters.num_features=8", "--set", "hyper_parameters.num_blocks=1")
    changes = ("--scale", 2, "--degradation", "area", *small, *TINY)
    code, _, out = run("train", images, "-o", tmp_path / "run", "--network", "rrdb", *changes)
    assert code == 0, out
    model = load(tmp_path / "run" / "my-model.safetensors")
    assert (model.card.network, model.card.training["recipe"]) == ("rrdb", "regression")
    code, _, out = run("train", images, "-o", tmp_path / "no", "--network", "rrdb", "--recipe", "dfcan")
    assert code == 1
    assert "the recipe regression" in " ".join(out.split())


def test_a_configuration_is_not_overruled_silently(run, images, tmp_path):
    (tmp_path / "c.yaml").write_text("name: x\ntrain: [hr.npy]\n")
    code, _, out = run(
        "train", tmp_path / "c.yaml", "-o", tmp_path / "run", "--name", "other", "--recipe", "rcan", "--scale", 2
    )
    assert code == 1
    assert "--recipe, --name, --scale: c.yaml says that already" in " ".join(out.split())


@pytest.fixture
def smooth(tmp_path, rng):
    """Images that bicubic interpolation is good at."""
    stack = gaussian_filter(rng.normal(size=(3, 64, 64)), (0, 2, 2))
    np.save(tmp_path / "smooth.npy", np.clip(128 + 400 * stack, 0, 255).astype(np.uint8))
    return tmp_path / "smooth.npy"


def test_a_bad_model_is_not_installed_unless_that_is_asked_for(run, smooth, tmp_path):
    command = ("train", smooth, "-o", tmp_path / "run", "--name", "mine", "--recipe", "wgan-pixel", "--scale", 2,
               "--degradation", "area", *TINY)  # fmt: skip
    target = user_folder() / "mine.safetensors"
    code, out, err = run(*command, "--install")
    assert code == 0, err
    said = " ".join(out.split())
    assert "It is worse than bicubic interpolation" in said
    assert "2 steps are too few" in said
    assert "Not added to your models. To add it anyway, give the same command with --install-anyway" in said
    assert not target.exists()
    before = (tmp_path / "run" / "mine.safetensors").stat().st_mtime_ns
    code, out, err = run(*command, "--install-anyway")
    assert code == 0, err
    said = " ".join(out.split())
    assert "Nothing is trained" in said
    assert "worse than bicubic" in said
    assert "Added to your models as mine" in said
    assert (tmp_path / "run" / "mine.safetensors").stat().st_mtime_ns == before
    assert target.read_bytes() == (tmp_path / "run" / "mine.safetensors").read_bytes()
    code, _, err = run(*command, "--install-anyway")
    assert code == 1
    assert "You have a model called mine already" in " ".join(err.split())


def test_a_model_is_installed_right_after_a_training_that_came_to_nothing_if_asked(run, smooth, tmp_path):
    code, out, err = run("train", smooth, "-o", tmp_path / "run", "--recipe", "wgan-pixel", "--scale", 2,
                         "--degradation", "area", *TINY, "--install-anyway")  # fmt: skip
    assert code == 0, err
    assert "step 2/2" in out
    assert "worse than bicubic" in " ".join(out.split())
    assert (user_folder() / "my-model.safetensors").exists()


def test_a_good_model_is_installed(run, smooth, tmp_path):
    """A network that starts as the least-squares filter undoes a blur at once."""
    config = recipe_config(
        "dfcan", name="filter", train=(Source(str(smooth)),), scale=2, degradation="em", steps=1, validate_every=1,
        learning_rate=1e-9, lr_patch=10, batch_size=1, hyper_parameters={**SMALL["dfcan"], "skip": "filter"},
    )  # fmt: skip
    config.write(tmp_path / "c.yaml")
    code, out, err = run("train", tmp_path / "c.yaml", "-o", tmp_path / "run", "--device", "cpu", "--install")
    assert code == 0, err
    assert "dB better than bicubic" in " ".join(out.split())
    assert "Added to your models as filter" in out


def test_before_the_generator_moves_no_loss_is_reported_as_nan(run, smooth, tmp_path):
    code, out, err = run("train", smooth, "-o", tmp_path / "run", "--recipe", "wgan-gp", "--scale", 2,
                         "--degradation", "area", "--steps", 7, "--lr-patch", 16, "--batch-size", 1,
                         "--device", "cpu")  # fmt: skip
    assert code == 0, err
    assert "nan" not in out
    lines = [line for line in out.splitlines() if line.startswith("step ")]
    assert "the critic is learning first" in lines[0]
    assert "loss " in lines[-1]


RUN = """
import sys, torch
torch.set_num_threads(1)
from napari_sr.cli.app import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise on Windows")
def test_ctrl_c_saves_and_says_how_to_go_on(images, tmp_path, run):
    command = [sys.executable, "-c", RUN, "train", str(images), "-o", str(tmp_path / "run"), "--recipe", "wgan-pixel",
               "--scale", "2", "--degradation", "area", "--steps", "100000", "--lr-patch", "10", "--batch-size", "1",
               "--device", "cpu"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("step "):
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Stopping after this step" in err
    assert "resume from" in err
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)
    assert state["global_step"] >= 1


def test_a_second_ctrl_c_stops_at_once():
    code = (
        "import signal, time, os\n"
        "from napari_sr.cli.stopping import interruptible\n"
        "with interruptible() as stopped:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert stopped.is_set()\n"
        "    print('going on', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "going on" in done.stdout
    assert "KeyboardInterrupt" in done.stderr
    assert time.monotonic() - begun < 50


def test_any_field_can_be_set_and_a_grid_compares(run, images, tmp_path):
    few = ("--recipe", "regression", "--scale", 2, "--degradation", "area", "--validation-share", 0.3)[:-2]
    small = ("--set", "hyper_parameters.num_features=8", "--set", "hyper_parameters.num_blocks=1")
    code, out, errors = run(
        "train", images, "-o", tmp_path / "grid", *few, *TINY, *small, "--set", "validate_every=1", "--few", "1,2",
        "--grid", "loss=l1,mse",
    )  # fmt: skip
    assert code == 0, errors
    assert "4 of 4: images = 2, loss = mse" in out
    table = (tmp_path / "grid" / "grid.csv").read_text().splitlines()
    assert table[0].startswith("model,images,loss,PSNR")
    assert len(table) == 6
    assert (tmp_path / "grid" / "few.png").exists()
    assert read_card(tmp_path / "grid" / "my-model-1" / "my-model-1.safetensors").hyper_parameters["num_features"] == 8
    code, _, errors = run("train", images, "-o", tmp_path / "x", *few, "--set", "nix=1")
    assert (code, "nix: there is no such field" in errors) == (1, True)
    code, _, errors = run("train", images, "-o", tmp_path / "x", *few, "--few", "1,2", "--install")
    assert (code, "models add" in errors.replace("\n", " ")) == (1, True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--device", "foo"), "'foo' is not available here; use one of: auto, cpu"),
        (("--seed", "99999999999999999999"), "seed must be at most 4294967295"),
        (("--name", "x" * 300), "it has 300 letters, more than 100"),
        (("--start-from", "em-wiener-x4"), "em-wiener-x4 is a linear filter"),
    ],
)
def test_what_cannot_be_trained_is_said_before_it_begins(more, message, run, images, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "available_devices", lambda: ("cpu",))
    monkeypatch.setattr(machine, "available_devices", lambda: ("cpu",))
    arguments = [*TINY[:-2], *more] if "--device" in more else [*TINY, *more]
    code, out, errors = run("train", images, "-o", tmp_path / "run", *arguments)
    assert code == 1
    assert message in (out + errors).replace("\n", " ")


def test_trainings_of_a_grid_that_all_fail_say_why(run, images, tmp_path):
    code, out, _ = run(
        "train", images, "-o", tmp_path / "few", "--recipe", "wgan-pixel", "--few", "100", "--steps", "2",
        "--device", "cpu",
    )  # fmt: skip
    assert code == 1
    assert "100" in out
    assert "few.png" not in out
    text = (tmp_path / "few" / "grid.csv").read_text()
    assert "why not" in text
    assert "images" in text.splitlines()[1]


def test_a_path_that_is_too_long_is_no_path(run, tmp_path):
    for command in (["train", "x" * 400, "-o", tmp_path / "run"], ["upscale", f"/{'z' * 300}.tif", "-m", "bicubic-x2"]):
        code, _, errors = run(*command)
        assert code == 1
        assert "no file or folder" in errors.replace("\n", " ")


def test_an_image_of_a_configuration_has_a_path(run, tmp_path):
    (tmp_path / "c.yaml").write_text("name: a\ntrain: [{hr: x.tif}]\n")
    code, _, errors = run("train", tmp_path / "c.yaml", "-o", tmp_path / "run")
    assert code == 1
    assert "an image of train has no setting called hr. It has: path, weight, lr." in errors.replace("\n", " ")


def test_images_that_are_too_small_are_refused_before_a_filter_is_fitted(run, images, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_sr.training.task.start_filters", lambda *a: pytest.fail("a filter was fitted"))
    code, out, errors = run("train", images, "-o", tmp_path / "run", "--lr-patch", "1000", "--steps", "2")
    assert code == 1
    assert "No image is as large as one patch of 4000 HR pixels" in (out + errors).replace("\n", " ")
