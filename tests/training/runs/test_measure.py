"""The end of a run: one figure, a verdict on the card and in the report, and who gets the model."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from small_models import SMALL

from napari_sr.errors import ModelError
from napari_sr.models.model import load, read_card, save
from napari_sr.models.store import install, user_folder
from napari_sr.training import Source, fit, recipe_config
from napari_sr.training.runs.folders import runs_folder, unfinished_runs
from napari_sr.training.runs.history import read_history
from napari_sr.training.runs.undecided import answer, undecided_runs, verdict_of
from napari_sr.training.runs.verdict import Verdict

pytestmark = pytest.mark.usefixtures("no_curves", "few_for_filters")


def settings(images, recipe="wgan-pixel", **changes):
    """A short run on images whose validation sees their middle only."""
    network = {"adaptive": "adaptive", "dfcan": "dfcan"}.get(recipe, "wgan")
    critic = {"adversarial": {"critic_hyper_parameters": {"num_features": 4}, "n_critic": 1}}
    values = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 12, "validate_every": 4,
        "hyper_parameters": SMALL[network] | ({"head": "linear", "skip": "filter"} if recipe == "dfcan" else {}),
        **({"lr_patch": 64, "batch_size": 1} if recipe == "dfcan" else {}),  # the recipe's: it pools over its patches
        **(critic if recipe == "wgan-gp" else {}),
    }  # fmt: skip
    return recipe_config(recipe, name="small", train=(Source(str(images)),), **{**values, **changes})


@pytest.fixture
def large(tmp_path, rng):
    """Larger than the 128 LR pixels that are validated, brighter towards one corner, and of unequal contrast."""
    stack = gaussian_filter(rng.normal(size=(12, 280, 300)), (0, 2, 2)) * np.linspace(300, 700, 12)[:, None, None]
    stack = np.clip(110 + stack + np.linspace(0, 60, 300), 0, 255)
    np.save(tmp_path / "large.npy", stack.astype(np.uint8))
    return tmp_path / "large.npy"


@pytest.mark.parametrize(
    ("recipe", "dtype", "degradation"),
    [
        ("dfcan", np.uint8, "area"),
        ("wgan-pixel", np.uint16, "em"),
        ("wgan-gp", np.uint8, "area"),
        ("adaptive", np.uint8, "gaussian(sigma=1) + area + shot(photons=200, read=2)"),
        ("wgan-pixel", np.float32, "nbody"),
    ],
)
def test_the_curves_and_the_card_show_one_figure(recipe, dtype, degradation, large, tmp_path):
    stack = np.load(large)[-3:].astype(np.float64)
    np.save(large, (stack / 20 if degradation == "nbody" else stack * (100 if dtype == np.uint16 else 1)).astype(dtype))
    config = settings(large, recipe, degradation=degradation)
    card = load(fit(config, tmp_path / "run", device="cpu")).card
    validated = [p for p in read_history(tmp_path / "run", steps=12) if p.val_psnr is not None]
    kept = validated[-1] if recipe == "wgan-gp" else max(validated, key=lambda p: p.val_psnr)
    assert card.metrics[0]["model"]["psnr"] == pytest.approx(kept.val_psnr, abs=0.01)
    assert card.metrics[0]["bicubic"]["psnr"] == pytest.approx(kept.val_bicubic, abs=0.01)
    assert card.metrics[0]["model"]["ssim"] == pytest.approx(kept.val_ssim, abs=5e-4)
    assert card.metrics[0]["bicubic"]["ssim"] == pytest.approx(kept.val_bicubic_ssim, abs=5e-4)


def test_many_images_are_all_measured_each_in_its_range(large, tmp_path):
    stack = np.load(large).astype(np.uint16)
    np.save(large, stack)
    np.save(tmp_path / "others.npy", stack[:, ::-1])
    config = settings(large, validation=[str(tmp_path / "others.npy")])
    card = load(fit(config, tmp_path / "run", device="cpu")).card
    validated = [p for p in read_history(tmp_path / "run", steps=12) if p.val_psnr is not None]
    assert "12 validation images" in card.metrics[0]["data"]
    assert card.metrics[0]["model"]["psnr"] == pytest.approx(max(p.val_psnr for p in validated), abs=0.01)


def test_the_verdict_is_on_the_card_and_in_the_report(images, tmp_path):
    path = fit(settings(images), tmp_path / "run", device="cpu")
    verdict = verdict_of(path)
    assert verdict.bad  # twelve steps from random weights
    assert any(r.startswith("12 steps are too few") for r in verdict.reasons)
    report = (tmp_path / "run" / "report.html").read_text("utf-8")
    for sentence in (verdict.headline, *verdict.reasons, *verdict.advice):
        assert sentence in report
    assert "still falling at the end" in report or "levelled off" in report or "jumps" in report


def test_a_rollback_is_in_the_verdict(images, tmp_path, monkeypatch):
    from napari_sr.training.lightning.module import SRModule

    original, met = SRModule.content_loss, []

    def content_loss(self, *arguments):
        broken = self.global_step == 6 and not met
        met.extend([6] if broken else [])
        return original(self, *arguments) * (float("nan") if broken else 1)

    monkeypatch.setattr(SRModule, "content_loss", content_loss)
    verdict = verdict_of(fit(settings(images), tmp_path / "run", device="cpu"))
    assert met
    assert any("stopped being a number" in reason for reason in verdict.reasons)


def test_a_model_is_copied_whole_or_not_at_all(images, tmp_path, monkeypatch):
    import shutil

    path = fit(settings(images), tmp_path / "run", device="cpu")

    def half(source, target):
        target.write_bytes(source.read_bytes()[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(shutil, "copy2", half)
        with pytest.raises(ModelError, match="No space left on device"):
            install(path)
    assert list(user_folder().iterdir()) == []
    assert install(path).read_bytes() == path.read_bytes()
    with pytest.raises(ModelError, match="Another model called small"):
        install(path)
    assert install(path, overwrite=True).exists()


def test_a_bad_model_waits_for_an_answer(images, own_folders):
    assert undecided_runs() == []
    for name in ("one", "two", "three", "four"):
        config = settings(images, steps=2, validate_every=2)
        folder = runs_folder() / name
        fit(config, folder, device="cpu")
        (folder / "small.safetensors").rename(folder / f"{name}.safetensors")
    answer(runs_folder() / "two")
    install(runs_folder() / "three" / "three.safetensors")
    fine = runs_folder() / "four" / "four.safetensors"
    model = load(fine)
    model.card.training["verdict"] = Verdict("good", "It is better.").to_dict()
    save(model, fine)
    assert read_card(fine).training["verdict"]["level"] == "good"
    (run,) = undecided_runs()
    assert run.path == runs_folder() / "one" / "one.safetensors"
    assert run.verdict.bad
    assert unfinished_runs() == []
