"""What a run leaves behind: curves, a report, a configuration that repeats it, and how far it got."""

import math
import re
import shlex
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure
from small_models import SMALL
from stopping import StopAt

from napari_sr.degradations import make_degradation
from napari_sr.errors import Cancelled, ConfigError, TrainingError
from napari_sr.intensity import Intensity
from napari_sr.models.model import load
from napari_sr.training import Source, TrainConfig, fit, recipe_config
from napari_sr.training.data.patches import PatchDataset, Plane2D
from napari_sr.training.data.split import kept_part, split_planes, stack_split
from napari_sr.training.lightning import clock, telling
from napari_sr.training.preview import PatchPreview, Place
from napari_sr.training.progress import TrainProgress
from napari_sr.training.recipes import LENGTHS, RECIPES, length_changes, length_title, published
from napari_sr.training.runs import finish as finishing
from napari_sr.training.runs.curves import curve, draw_curves, smoothed, thinned
from napari_sr.training.runs.folders import at_work, command_line, runs_folder, unfinished_runs
from napari_sr.training.runs.history import COLUMNS, History, read_history
from napari_sr.training.timing import expected_seconds, seconds_per_step


@pytest.fixture
def images(tmp_path, rng):
    from scipy.ndimage import gaussian_filter

    stack = gaussian_filter(rng.normal(size=(4, 80, 72)), (0, 2, 2))
    np.save(tmp_path / "hr.npy", np.clip(128 + stack * 500, 0, 255).astype(np.uint8))
    return tmp_path / "hr.npy"


def small(images, recipe="wgan-pixel", **changes):
    settings = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 8, "validate_every": 4,
        "hyper_parameters": SMALL["wgan"],
    }  # fmt: skip
    return recipe_config(recipe, name="small", train=(Source(str(images)),), **{**settings, **changes})


def critic_settings(**changes):
    return {"n_critic": 1, "critic_hyper_parameters": {"num_features": 4}, **changes}


def test_the_curves_are_what_was_reported(images, tmp_path):
    events = []
    fit(small(images, "wgan-gp", adversarial=critic_settings()), tmp_path / "run", device="cpu", on_event=events.append)
    told = [e for e in events if not e.is_message]
    kept = read_history(tmp_path / "run", steps=8)
    assert [p.step for p in kept] == [e.step for e in told]
    for one, other in zip(kept, told, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5, nan_ok=True)  # a critic's step is no loss
        assert (one.val_psnr is None) == (other.val_psnr is None)
        assert dict(one.losses) == pytest.approx(dict(other.losses), rel=1e-5)
    assert "gradient_penalty" in kept[-1].losses
    validated = [p for p in kept if p.val_psnr is not None]
    assert [p.step for p in validated] == [4, 8]
    assert all(-1 <= p.val_ssim <= 1 and p.val_loss > 0 for p in validated)


def test_curves_go_on_after_a_resume_without_what_never_was(images, tmp_path):
    with pytest.raises(Cancelled):
        fit(small(images), tmp_path / "run", device="cpu", **StopAt(6).arguments)
    history = History(tmp_path / "run", from_step=6)
    history.add(TrainProgress(7, 8, 99.0, 1.0))  # a killed process reported more than it had saved
    fit(small(images), tmp_path / "run", device="cpu", resume=True)
    steps = [p.step for p in read_history(tmp_path / "run", steps=8)]
    assert steps == sorted(steps)
    assert steps.count(7) == 1
    seconds = [p.seconds for p in read_history(tmp_path / "run", steps=8)]
    assert seconds == sorted(seconds)
    assert seconds[-1] < 99


def test_a_line_that_was_cut_off_is_passed_over_and_nonsense_is_refused(tmp_path):
    history = History(tmp_path)
    history.add(TrainProgress(3, 9, 1.0, 0.5))
    with (tmp_path / "history.csv").open("a") as file:
        file.write("4,1.2,0.")
    assert [p.step for p in read_history(tmp_path, steps=9)] == [3]
    with (tmp_path / "history.csv").open("ab") as file:
        file.write(b"\0\0\0\n5" + b"," * (len(COLUMNS) - 1) + b"\n")
    assert [p.step for p in read_history(tmp_path, steps=9)] == [3, 5]
    (tmp_path / "history.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TrainingError, match="not the history"):
        read_history(tmp_path, steps=9)
    assert read_history(tmp_path / "nowhere", steps=9) == []


def test_smoothing_is_that_of_adams_moments(rng):
    values = rng.normal(size=20)
    closed = [
        sum(0.9 ** (n - i) * values[i] for i in range(n + 1)) / sum(0.9**i for i in range(n + 1)) for n in range(20)
    ]
    np.testing.assert_allclose(smoothed(list(values)), closed, rtol=1e-12)
    assert smoothed([3.0] * 5) == pytest.approx([3.0] * 5)


def test_curves_leave_out_what_is_no_number_and_keep_the_last_point():
    history = [TrainProgress(i, 9, 0.0, math.nan if i == 2 else float(i)) for i in range(2000)]
    steps, values = curve(history, lambda p: p.train_loss)
    assert 2 not in steps
    few, _ = thinned((steps, values))
    assert few[-1] == 1999
    assert len(few) < 700
    assert thinned(([], [])) == ([], [])
    figure = Figure()
    draw_curves(figure, [])  # before the first report
    assert len(figure.axes) == 2
    draw_curves(figure, [TrainProgress(1, 9, 0.0, 1.0, losses={"critic_loss": -1.0})])
    assert len(figure.axes) == 4
    assert figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize("recipe", ["wgan-pixel", "wgan-gp"])
def test_the_report_needs_nothing_beside_it(recipe, images, tmp_path):
    critic = {"hyper_parameters": SMALL["wgan"], "adversarial": critic_settings()} if recipe == "wgan-gp" else {}
    config = small(images, recipe, **critic)
    fit(config, tmp_path / "run", device="cpu")
    text = (tmp_path / "run" / "report.html").read_text()
    links = re.findall(r"(?:src|href)='([^']*)'", text)
    assert links
    assert all(link.startswith("data:image/") for link in links)

    class Tables(HTMLParser):
        opened = 0

        def handle_starttag(self, tag, attributes):
            self.opened += tag == "table"

        def handle_endtag(self, tag):
            self.opened -= tag == "table"

    parser = Tables()
    parser.feed(text)
    assert parser.opened == 0
    card = load(tmp_path / "run" / "small.safetensors").card
    assert f"{card.metrics[0]['model']['psnr']:.2f}" in text
    assert "bicubic-x2" in text
    settings = re.search(r"<pre>(.*)</pre>", text, re.DOTALL)[1]
    assert TrainConfig.from_dict(yaml.safe_load(unescape(settings))) == config


def test_the_report_shows_the_model_that_the_run_started_from(images, tmp_path):
    first = fit(small(images), tmp_path / "first", device="cpu")
    again = small(images, start_from=str(first), hyper_parameters={})
    path = fit(again, tmp_path / "second", device="cpu")
    entry = load(path).card.metrics[0]
    assert entry["start"]["name"] == "small"
    assert entry["start"]["psnr"] == pytest.approx(load(first).card.metrics[0]["model"]["psnr"], abs=1e-6)
    assert "small (start)" in (tmp_path / "second" / "report.html").read_text()


def test_a_stop_while_measuring_leaves_the_model(images, tmp_path):
    measuring = []

    def see(event):
        measuring.extend([event.stage] if event.stage.startswith("Measuring") else [])

    path = fit(small(images), tmp_path / "run", device="cpu", on_event=see, should_stop=lambda: bool(measuring))
    assert load(path).card.metrics == ()
    assert not (tmp_path / "run" / "report.html").exists()


def test_stopping_acts_before_the_first_step_too(images, tmp_path):
    with pytest.raises(Cancelled, match="before the first step"):
        fit(small(images), tmp_path / "run", device="cpu", should_stop=lambda: True)
    assert not (tmp_path / "run").exists()


def test_a_pause_is_not_counted(images, tmp_path, monkeypatch):
    now, events = [0.0], []
    for module in (clock, telling):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def pause():
        if events and events[-1].step == 4:
            now[0] += 1000
        return False

    fit(small(images), tmp_path / "run", device="cpu", on_event=events.append, should_stop=pause)
    assert now[0] >= 1000
    told = [e for e in events if not e.is_message]
    before, after = (next(e.seconds for e in told if e.step == step) for step in (4, 5))
    assert after - before < 0.4
    assert told[-1].remaining == 0


def test_a_written_configuration_is_read_from_anywhere(images, tmp_path, monkeypatch):
    monkeypatch.chdir(images.parent)
    config = small("hr.npy")
    fit(config, tmp_path / "run", device="cpu")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    read = TrainConfig.read(tmp_path / "run" / "config.yaml")
    assert read.train[0].path == str(images)
    inside = tmp_path / "run" / "images" / "hr.npy"
    small(inside).write(tmp_path / "run" / "config.yaml")
    assert "images/hr.npy" in (tmp_path / "run" / "config.yaml").read_text()
    assert str(tmp_path) not in (tmp_path / "run" / "config.yaml").read_text()  # the folder can be moved


def test_runs_that_were_stopped_are_found(shell, images, tmp_path):
    assert unfinished_runs() == []
    with pytest.raises(Cancelled):
        fit(small(images), runs_folder() / "a b", device="cpu", **StopAt(5).arguments)
    fit(small(images), runs_folder() / "done", device="cpu")
    (runs_folder() / "broken").mkdir()
    (runs_folder() / "broken" / "last.ckpt").write_bytes(b"")
    for name, text in {"older": "train: [{path: a, x: 1}]", "binary": "\x00"}.items():  # of no use, and no harm
        (runs_folder() / name).mkdir()
        (runs_folder() / name / "last.ckpt").write_bytes(b"")
        (runs_folder() / name / "config.yaml").write_text(text)
    (run,) = unfinished_runs()
    assert (run.folder.name, run.step, run.config) == ("a b", 5, small(images))
    program, *words = shlex.split(command_line(run.folder, str(tmp_path / "c d")))
    assert program == "napari-sr"
    code, said, _ = shell(*words, "--device", "cpu")
    assert code == 0
    assert "small.safetensors" in said


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_run_whose_checkpoint_is_cut_off_is_listed_and_says_so(share, images):
    with pytest.raises(Cancelled):
        fit(small(images), runs_folder() / "one", device="cpu", **StopAt(5).arguments)
    checkpoint = runs_folder() / "one" / "last.ckpt"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: int(share * len(whole))])
    (run,) = unfinished_runs()
    assert (run.folder.name, run.config) == ("one", small(images))
    assert "last.ckpt in" in run.problem
    assert "is damaged" in run.problem
    assert "Delete that folder" in run.problem
    checkpoint.write_bytes(whole)
    assert [(run.step, run.problem) for run in unfinished_runs()] == [(5, "")]


@pytest.mark.parametrize("recipe", ["dfcan", "wgan-gp", "wgan-pixel", "rcan", "regression"])
def test_steps_are_measured_for_every_recipe(recipe, images):
    network = RECIPES[recipe]["network"]
    hyper = {**SMALL[network], **({"skip": "bicubic"} if network == "dfcan" else {})}
    changes = {"adversarial": critic_settings()} if "adversarial" in RECIPES[recipe] else {}
    config = small(images, recipe, hyper_parameters=hyper, batch_size=1, **changes)
    estimates = []
    measured = seconds_per_step(config, seconds=0.3, device="cpu", on_estimate=estimates.append)
    assert estimates  # there is a first figure before the last
    assert all(0 < estimate < 60 for estimate in estimates)
    assert 0 < measured < 10
    assert expected_seconds(config, 2.0) == pytest.approx(2 * 8, rel=0.2)
    assert seconds_per_step(config, device="cpu", should_stop=lambda: True) is None


def test_lengths_keep_the_papers_steps():
    for recipe in RECIPES:
        steps = {length: length_changes(recipe, length)["steps"] for length in LENGTHS}
        assert steps["quick"] < steps["good"]
        assert steps["quick"] < steps["thorough"] == RECIPES[recipe].get("steps", TrainConfig.steps)
        recipe_config(recipe, name="x", train=(Source("x"),), **length_changes(recipe, "quick"))


def test_as_published_stands_beside_numbers_of_a_source_only():
    for recipe in RECIPES:
        title = length_title(recipe, "thorough")
        assert title.startswith("As published (" if published(recipe) else "Thorough (")
        assert "steps" in RECIPES[recipe] or not published(recipe)
    assert length_title("wgan-gp", "thorough") == "As published (108\u202f000 steps)"
    assert length_title("adaptive", "quick") == "Quick look (500 steps)"


def test_densities_bring_their_logarithm(images):
    config = small(images, degradation="nbody")
    assert config.intensity == {
        "kind": "log", "low": -1.699, "high": 2.602, "offset": 0.02, "lower": -0.8, "upper": 0.8,
    }  # fmt: skip
    assert small(images, degradation="nbody", intensity={"kind": "range"}).intensity == {"kind": "range"}


def test_half_of_the_patches_are_not_rounded(rng):
    hr = rng.integers(0, 255, (64, 64)).astype(np.uint8)
    settings = {
        "planes": [Plane2D(hr)], "degradation": make_degradation("em", 4), "scale": 4, "lr_patch": 8, "length": 200,
        "intensity": Intensity(kind="fixed", low=0.0, high=1.0),
    }  # fmt: skip

    def shares(rounded):
        patches = PatchDataset(**settings, rounded=rounded)
        return np.mean([bool((lr == lr.round()).all()) for lr, *_ in (patches[i] for i in range(200))])

    assert shares(1.0) == 1
    assert shares(0.0) == 0
    assert 0.4 < shares(0.5) < 0.6
    with pytest.raises(ConfigError, match="rounded"):
        TrainConfig(name="x", train=(Source("x"),), rounded=1.5)


def test_what_is_kept_aside_is_what_the_window_says(rng):
    planes = [Plane2D(np.full((20, 20), n), name="stack") for n in range(23)]
    train, validation = split_planes(planes, scale=2, lr_patch=4)
    trained, kept = stack_split(23)
    assert [p.hr[0, 0] for p in train] == list(range(trained))
    assert [p.hr[0, 0] for p in validation] == list(range(kept, 23))
    one = Plane2D(rng.random((40, 120)))
    axis, trained, start = kept_part((40, 120), scale=2, lr_patch=8)
    (train,), (kept,) = split_planes([one], scale=2, lr_patch=8)
    assert (axis, train.hr.shape[1], kept.hr.shape[1]) == (1, 2 * trained, 120 - 2 * start)


def test_a_picture_is_the_part_of_what_the_whole_image_gives(rng):
    hr = rng.integers(0, 255, (60, 44)).astype(np.uint8)
    chain, intensity = make_degradation("area", 2), Intensity()
    plane = Plane2D(hr)
    preview = PatchPreview(plane=lambda number: plane, degradation=chain, intensity=intensity, scale=2, side=16)
    identity = torch.nn.Upsample(scale_factor=2)
    identity.conditions = ()
    identity.register_parameter("unused", torch.nn.Parameter(torch.zeros(1)))
    got = preview(identity, Place(0, 5, 100))
    assert got.place == Place(0, 5, 6)  # moved into the image
    np.testing.assert_array_equal(got.hr, hr[10:42, 12:44])
    np.testing.assert_array_equal(got.lr, np.rint(hr.reshape(30, 2, 22, 2).mean(axis=(1, 3)))[5:21, 6:22])
    np.testing.assert_allclose(got.sr, np.kron(got.lr, np.ones((2, 2))), atol=1e-3)
    small_image = PatchPreview(
        plane=lambda number: Plane2D(hr[:20, :20]), degradation=chain, intensity=intensity, scale=2, side=16
    )
    assert small_image(identity, Place(0, 0, 0)).sr.shape == (20, 20)


def test_a_run_that_is_at_work_is_not_offered_and_not_disturbed(images):
    with pytest.raises(Cancelled):
        fit(small(images), runs_folder() / "one", device="cpu", **StopAt(5).arguments)
    assert len(unfinished_runs()) == 1
    command = [sys.executable, "-c", HOLD, at_work(runs_folder() / "one").lock_file]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert unfinished_runs() == []
        with pytest.raises(TrainingError, match="Another training is at work"):
            fit(small(images), runs_folder() / "one", device="cpu", resume=True)
        other.kill()
    assert len(unfinished_runs()) == 1  # the system takes the lock of a process that was killed


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_that_failed_is_offered(images, monkeypatch):
    from napari_sr.training.lightning.module import SRModule

    original = SRModule.content_loss

    def content_loss(self, *arguments):
        return original(self, *arguments) * (torch.nan if self.global_step >= 5 else 1)

    monkeypatch.setattr(SRModule, "content_loss", content_loss)
    with pytest.raises(TrainingError, match="third time"):
        fit(small(images), runs_folder() / "one", device="cpu")
    assert [run.folder.name for run in unfinished_runs()] == ["one"]


def test_a_model_that_cannot_be_measured_is_not_lost(images, tmp_path, monkeypatch):
    def finish(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finishing, "finish", finish)
    events = []
    path = fit(small(images), tmp_path / "run", device="cpu", on_event=events.append)
    assert load(path).card.training["steps"] == 8
    assert "could not be measured" in events[-1].note


def test_the_card_counts_all_parts_of_a_run_and_the_steps_that_were_done(images, tmp_path, monkeypatch):
    with pytest.raises(Cancelled):
        fit(small(images), tmp_path / "run", device="cpu", **StopAt(4).arguments)
    file = tmp_path / "run" / "history.csv"
    lines = file.read_text().splitlines()
    last = lines[-1].split(",")
    last[1] = "600"
    file.write_text("\n".join([*lines[:-1], ",".join(last)]) + "\n")
    assert load(fit(small(images), tmp_path / "run", device="cpu", resume=True)).card.training["minutes"] >= 10
    early = small(images, steps=40, validate_every=2, patience=1, learning_rate=1e-9)
    card = load(fit(early, tmp_path / "early", device="cpu")).card
    assert card.training["steps"] < 40


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", "a\\b", "bicubic-x4", "a.", "-a", "x\n"])
def test_names_that_cannot_be_files_are_refused(name, images):
    with pytest.raises(ConfigError, match="name"):
        TrainConfig(name=name, train=(Source(str(images)),))


def test_a_run_goes_on_when_the_model_it_started_from_has_moved_with_it(images, tmp_path):
    first = fit(small(images), tmp_path / "first", device="cpu")
    folder = tmp_path / "run"
    (folder / "start").mkdir(parents=True)
    (folder / "start" / "small.safetensors").write_bytes(first.read_bytes())
    again = small(images, start_from=str(folder / "start" / "small.safetensors"), hyper_parameters={})
    again.write(folder / "config.yaml")
    folder.rename(tmp_path / "moved")
    read = TrainConfig.read(tmp_path / "moved" / "config.yaml")
    assert read.start_from == str(tmp_path / "moved" / "start" / "small.safetensors")
