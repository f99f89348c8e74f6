"""What a run does when something goes wrong: broken numbers, collapse, a full disk, a killed process."""

import signal
import subprocess
import sys
import time

import pytest
import torch
from small_models import SMALL
from stopping import StopAt

from napari_sr.errors import Cancelled, TrainingError
from napari_sr.models.model import load
from napari_sr.training import Source, fit, recipe_config
from napari_sr.training.lightning import watchdog
from napari_sr.training.lightning.module import SRModule
from napari_sr.training.lightning.telling import Telling

pytestmark = pytest.mark.usefixtures("no_curves")


def small(images, recipe="wgan-pixel", **changes):
    settings = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 12, "validate_every": 3,
        "hyper_parameters": SMALL["wgan"],
    }  # fmt: skip
    return recipe_config(recipe, name="small", train=(Source(str(images)),), **{**settings, **changes})


def broken_at(steps, monkeypatch):
    """The loss is no number at the given steps, each time the run comes by; counts how often."""
    original, met = SRModule.content_loss, []

    def content_loss(self, sr, hr, *args):
        loss = original(self, sr, hr, *args)
        if self.global_step in steps and met.count(self.global_step) < steps[self.global_step]:
            met.append(self.global_step)
            return loss * torch.nan
        return loss

    monkeypatch.setattr(SRModule, "content_loss", content_loss)
    return met


def test_it_goes_back_with_half_the_rate_and_then_ends_well(images, tmp_path, monkeypatch):
    met = broken_at({7: 1, 10: 1}, monkeypatch)
    events, rates = [], {}
    original = Telling.on_train_batch_end

    def spy(self, trainer, *args, **kwargs):
        rates.setdefault(len(met), {})[trainer.global_step] = trainer.optimizers[0].param_groups[0]["lr"]
        return original(self, trainer, *args, **kwargs)

    monkeypatch.setattr(Telling, "on_train_batch_end", spy)
    fit(small(images), tmp_path / "run", device="cpu", on_event=events.append)
    notes = [e.note for e in events if e.note.startswith("Back")]
    assert len(notes) == 2
    assert "step 7" in notes[0]
    assert "0.0003" in notes[0] or "0.0002" in notes[0]  # half of 5e-4, one digit
    assert met == [7, 10]
    assert min(rates[1]) == 7  # from the checkpoint of step 6
    assert rates[1][8] == pytest.approx(0.5 * one_cycle(8), rel=1e-6)
    assert rates[2][11] == pytest.approx(0.25 * one_cycle(11), rel=1e-6)


def test_a_rollback_of_a_resumed_run_lowers_further(images, tmp_path, monkeypatch):
    broken_at({4: 1, 7: 1}, monkeypatch)
    with pytest.raises(Cancelled):  # after both: a quarter of the rate is in the checkpoint
        fit(small(images), tmp_path / "run", device="cpu", **StopAt(9).arguments)
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["rate_factor"] == 0.25
    monkeypatch.undo()
    broken_at({11: 1}, monkeypatch)
    events = []
    fit(small(images), tmp_path / "run", device="cpu", resume=True, on_event=events.append)
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["rate_factor"] == 0.125
    assert any("6e-05" in e.note for e in events)  # an eighth of 5e-4


def one_cycle(step):
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-4, total_steps=13, cycle_momentum=False)
    for _ in range(step):
        optimizer.step()
        schedule.step()
    return optimizer.param_groups[0]["lr"]


def test_the_last_checkpoint_is_the_last_also_when_validation_gets_worse(images, tmp_path, monkeypatch):
    from napari_sr.training.lightning import module

    fidelity = iter([30.0, 20.0, 10.0, 5.0] + [5.0] * 20)
    current = {"psnr": 0.0}
    monkeypatch.setattr(module, "psnr", lambda pred, target, span: torch.tensor(current["psnr"]))
    original = SRModule.on_validation_epoch_start

    def advance(self):
        current["psnr"] = next(fidelity)
        original(self)

    monkeypatch.setattr(SRModule, "on_validation_epoch_start", advance)
    fit(small(images), tmp_path / "run", device="cpu")
    steps = {n: torch.load(tmp_path / "run" / f"{n}.ckpt", weights_only=False)["global_step"] for n in ("best", "last")}
    assert steps == {"best": 3, "last": 12}


def test_the_third_time_it_stops_and_the_checkpoint_stands(images, tmp_path, monkeypatch):
    broken_at({7: 99}, monkeypatch)
    with pytest.raises(TrainingError, match=r"third time.*learning rate"):
        fit(small(images), tmp_path / "run", device="cpu")
    monkeypatch.undo()
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)
    assert state["global_step"] == 6
    assert all(torch.isfinite(v).all() for v in state["state_dict"].values())
    assert load(fit(small(images), tmp_path / "run", device="cpu", resume=True)).card.training["steps"] == 12


def test_a_network_that_paints_one_colour_is_noticed(images, tmp_path, monkeypatch):
    from napari_sr.networks.wgan import WGANGenerator

    monkeypatch.setattr(watchdog, "WARM_UP_STEPS", 0)
    original = WGANGenerator.forward
    monkeypatch.setattr(WGANGenerator, "forward", lambda self, lr: original(self, lr) * 0 - 0.5)
    with pytest.raises(TrainingError, match=r"one colour.*lower learning rate"):
        fit(small(images), tmp_path / "run", device="cpu")


def test_a_network_worse_than_bicubic_is_said_once(images, tmp_path, monkeypatch):
    monkeypatch.setattr(watchdog, "WARM_UP_STEPS", 0)
    events = []
    fit(small(images, learning_rate=1e-6), tmp_path / "run", device="cpu", on_event=events.append)
    assert ["worse than bicubic" in e.note for e in events if e.note] == [True]


def test_early_stopping_looks_at_the_smoothed_psnr(images, tmp_path, monkeypatch):
    from napari_sr.training.lightning import module

    values = iter([20.0, 25.0, 26.0, 25.9, 25.8, *[25.0] * 20])
    monkeypatch.setattr(module, "psnr", lambda pred, target, span: torch.tensor(current["psnr"]))
    current = {"psnr": 0.0}
    original = SRModule.on_validation_epoch_start

    def advance(self):
        if self.trainer.state.fn == "fit":
            current["psnr"] = next(values)
        original(self)

    monkeypatch.setattr(SRModule, "on_validation_epoch_start", advance)
    events = []
    fit(small(images, steps=60, patience=2), tmp_path / "run", device="cpu", on_event=events.append)
    # smoothed with 0.6: 20, 22, 23.6, 24.52, 25.03, then 25.02 and 25.01: no better at the seventh, step 21
    assert [e.note for e in events if e.note][-1].startswith("Ended early")
    assert max(e.step for e in events if not e.is_message) == 21


def test_a_full_disk_is_said_and_the_last_checkpoint_stands(images, tmp_path, monkeypatch):
    from lightning.pytorch import Trainer

    original, saved = Trainer.save_checkpoint, []

    def save(self, path, *args, **kwargs):
        if len(saved) >= 2:
            raise OSError(28, "No space left on device", str(path))
        saved.append(path)
        return original(self, path, *args, **kwargs)

    monkeypatch.setattr(Trainer, "save_checkpoint", save)
    with pytest.raises(TrainingError, match=r"No space left on device.*resume"):
        fit(small(images), tmp_path / "run", device="cpu")
    monkeypatch.undo()
    assert fit(small(images), tmp_path / "run", device="cpu", resume=True).exists()


RUN = """
import sys, time
from pathlib import Path
import torch
from napari_sr.training import TrainConfig, fit
folder = Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))  # sums depend on how many share them
config = TrainConfig.read(folder / "c.yaml")
def show(event):
    print(event.step, flush=True)
fit(config, folder / "run", device="cpu", on_event=show, should_stop=lambda: time.sleep(0.05))
"""


@pytest.mark.parametrize("recipe", ["wgan-pixel", "wgan-gp"])
def test_a_killed_run_goes_on_bit_for_bit(recipe, images, tmp_path):
    import yaml

    changes = {"adversarial": {"critic_hyper_parameters": {"num_features": 4}}} if recipe == "wgan-gp" else {}
    config = small(images, recipe, **changes)
    whole = load(fit(config, tmp_path / "whole", device="cpu")).network.state_dict()
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config.to_dict()))
    command = [sys.executable, "-c", RUN, str(tmp_path), str(torch.get_num_threads())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while not (tmp_path / "run" / "last.ckpt").exists() and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)["global_step"] < 12
    resumed = load(fit(config, tmp_path / "run", device="cpu", resume=True)).network.state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0, msg=name)
