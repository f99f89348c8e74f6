"""Trainings against what is known beforehand: closed forms, torch's own schedules, an image learnt by heart."""

import numpy as np
import pytest
import torch
from small_models import SMALL
from torch.optim import lr_scheduler

from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.intensity import Intensity
from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES, gradient_penalty
from napari_sr.models.model import load
from napari_sr.training import RECIPES, Source, fit, recipe_config
from napari_sr.training.data.patches import told
from napari_sr.training.lightning.optimizers import HALVINGS, SCHEDULES, make_optimizer, make_schedule
from napari_sr.training.start import starting_network

pytestmark = pytest.mark.usefixtures("no_curves")


@pytest.mark.parametrize(("distance", "weight"), [(1.0, 10.0), (3.0, 10.0), (2.0, 1.0)])
def test_a_linear_wasserstein_critic_finds_the_distance_of_two_gaussians(distance, weight):
    """max_w  w d - λ (|w| - 1)^2  is  d + d²/(4 λ), at w = 1 + d / (2 λ)."""
    drawn = torch.Generator().manual_seed(0)
    count = 10_000
    real, fake = (torch.randn(count, 1, 1, 1, generator=drawn) for _ in range(2))
    real += distance - real.mean()  # the means are those of the distributions, not of the draw
    fake -= fake.mean()
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 1))
    critic[1].weight.data.fill_(0.1)  # of the two signs, the wrong one is a minimum too
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.02)
    for _ in range(500):
        optimizer.zero_grad()
        loss = ADVERSARIAL_LOSSES["wasserstein"].critic(critic(real), critic(fake))
        loss = loss + weight * gradient_penalty(critic, real, fake, torch.rand(count, generator=drawn))
        loss.backward()
        optimizer.step()
    assert -loss.item() == pytest.approx(distance + distance**2 / (4 * weight), rel=0.02)
    assert critic[1].weight.item() == pytest.approx(1 + distance / (2 * weight), rel=0.02)


TORCHS_OWN = {
    "constant": lambda o: lr_scheduler.LambdaLR(o, lambda step: 1.0),
    "one-cycle": lambda o: lr_scheduler.OneCycleLR(o, max_lr=1e-3, total_steps=71, cycle_momentum=False),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=70, eta_min=1e-6),
    "multi-step": lambda o: lr_scheduler.MultiStepLR(o, milestones=[35, 52, 63], gamma=0.5),
    "halving": lambda o: lr_scheduler.StepLR(o, step_size=70 // (HALVINGS + 1), gamma=0.5),
    "halving-50": lambda o: lr_scheduler.StepLR(o, step_size=2, gamma=0.5),
    "halved-late": lambda o: lr_scheduler.MultiStepLR(o, milestones=[35, 56, 63, 66], gamma=0.5),
    "tenth": lambda o: lr_scheduler.MultiStepLR(o, milestones=[35], gamma=0.1),
    "tenth-late": lambda o: lr_scheduler.MultiStepLR(o, milestones=[56], gamma=0.1),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=3),
}


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_is_torchs_own(name):
    def rates(make):
        optimizer = make_optimizer("adam", [torch.nn.Parameter(torch.ones(1))], 1e-3, (0.9, 0.999))
        schedule = make(optimizer)
        found = []
        for step in range(70):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step(*([float(min(step, 20))] if name == "plateau" else []))
        return found

    ours = rates(lambda o: make_schedule(name, o, 1e-3, 70))
    np.testing.assert_allclose(ours, rates(TORCHS_OWN[name]), rtol=1e-9)


# SinGAN learns to make its image from noise, not from its LR image: see test_pyramid
@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "singan"])
def test_every_recipe_learns_one_image_by_heart(recipe, tmp_path, rng, small_vgg):
    from scipy.ndimage import gaussian_filter

    hr = np.clip(128 + 400 * gaussian_filter(rng.normal(size=(64, 64)), 2), 0, 255).astype(np.uint8)
    np.save(tmp_path / "hr.npy", hr)
    # one and the same image is not trained and validated on; but patches are turned in training, so turned it is learnt
    np.save(tmp_path / "turned.npy", np.rot90(hr, 2))
    network = RECIPES[recipe]["network"]
    source, turned = Source(str(tmp_path / "hr.npy")), Source(str(tmp_path / "turned.npy"))
    changes = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 80, "validate_every": 40,
        "learning_rate": 3e-3, "validation": (turned,),
        # without the linear filter, which leaves too little to learn
        "hyper_parameters": {
            **SMALL[network],
            **{"dfcan": {"skip": "none"}, "adaptive": {"skip": "bilinear", "num_blocks": 2}}.get(network, {}),
        },
    }  # fmt: skip
    if RECIPES[recipe].get("schedule") == "halving-50":
        changes["schedule"] = "constant"  # its rate is gone before so short a run has learnt anything
    if RECIPES[recipe].get("ema"):
        changes["ema"] = 0.9  # the mean of fewer steps than the run has
    if "adversarial" in RECIPES[recipe]:
        changes["adversarial"] = {"critic_hyper_parameters": {"num_features": 4}, "n_critic": 1}
        changes["steps"] = 160  # half of them are the critic's
    if "perceptual" in RECIPES[recipe].get("extra_losses", {}):
        # their second phase compares features, of which random weights tell nothing
        changes["adversarial"]["pixel_steps"] = 156
    config = recipe_config(recipe, name="x", train=(source,), **changes)
    torch.manual_seed(config.seed)
    start = starting_network(config).network
    lr, suffered = low_resolution_told(hr, make_degradation("area", 2), np.random.default_rng(0))
    fitted = Intensity.from_dict(config.intensity).fit(lr)
    conditions = told(start.conditions, suffered, fitted)[None]
    low, high = (torch.from_numpy(fitted.forward(a))[None, None] for a in (lr, hr))

    def error(network):
        with torch.no_grad():
            sr = network.eval()(low, conditions) if network.conditions else network.eval()(low)
            return (sr - high).abs().mean().item()

    trained = load(fit(config, tmp_path / "run", device="cpu")).network
    assert error(trained) < error(start) / 2
