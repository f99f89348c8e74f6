"""Two processes that share every batch learn what one learns."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from small_models import SMALL

from napari_sr.training import Source, fit, recipe_config
from napari_sr.training.runs.history import read_history


@pytest.mark.xdist_group("processes")  # two at a time are enough for two cores, and look for a free port
@pytest.mark.parametrize("recipe", ["dfcan", "wgan-gp"])
def test_two_processes_equal_one(recipe, tmp_path, rng):
    from scipy.ndimage import gaussian_filter

    stack = gaussian_filter(rng.normal(size=(4, 72, 72)), (0, 2, 2))
    np.save(tmp_path / "hr.npy", (stack * 500 + 1000).astype(np.uint16))
    changes = {"hyper_parameters": SMALL["dfcan"]}
    if recipe == "wgan-gp":
        adversarial = {"critic_hyper_parameters": {"num_features": 4}, "n_critic": 1}
        changes = {"hyper_parameters": SMALL["wgan"], "adversarial": adversarial}
    config = recipe_config(
        recipe, name="shared", train=(Source(str(tmp_path / "hr.npy")),), scale=2, degradation="area", lr_patch=16,
        batch_size=4, steps=6, validate_every=6, **changes,
    )  # fmt: skip
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config.to_dict()))
    fit(config, tmp_path / "1", device="cpu")
    done = subprocess.run(
        [sys.executable, "-m", "napari_sr", "train", str(tmp_path / "c.yaml"), "-o", str(tmp_path / "2"),
         "--devices", "2", "--device", "cpu"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Model: ") == 1
    states = [torch.load(tmp_path / devices / "last.ckpt", weights_only=False) for devices in ("1", "2")]
    histories = [read_history(tmp_path / devices, steps=6) for devices in ("1", "2")]
    losses = [[p.train_loss for p in history if np.isfinite(p.train_loss)] for history in histories]
    assert len(losses[0]) >= 6
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)  # what is reported is of the whole batch
    np.testing.assert_allclose(histories[1][-1].val_loss, histories[0][-1].val_loss, rtol=1e-4)
    alone, shared = (s["state_dict"] for s in states)
    assert states[1]["global_step"] == 6
    # instance norm takes a bias before it away again: its gradient is rounding noise, which Adam blows up
    without_effect = {f"critic.body.{layer}.bias" for layer in (0, 3, 6, 9)}
    for name, value in ((n, v) for n, v in alone.items() if n not in without_effect):
        torch.testing.assert_close(shared[name], value, rtol=1e-4, atol=1e-4, msg=name)
