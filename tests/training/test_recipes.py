"""Every recipe trains, stops, resumes and goes on; the schedules are those of torch."""

import numpy as np
import pytest
import torch
from small_models import SMALL
from stopping import StopAt

from napari_sr.errors import Cancelled, ConfigError, TrainingError
from napari_sr.losses.adversarial import gradient_penalty
from napari_sr.models.model import load
from napari_sr.training import RECIPES, Source, TrainConfig, fit, recipe_config
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.optimizers import OPTIMIZERS, SCHEDULES, lower_rates, make_optimizer, make_schedule
from napari_sr.training.lightning.regression import Regression
from napari_sr.training.start import starting_network


def small(recipe, images, **changes):
    network = RECIPES[recipe]["network"]
    settings = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 9, "validate_every": 3,
        "hyper_parameters": {**SMALL[network], **({"skip": "bicubic"} if network == "dfcan" else {})},
    }  # fmt: skip
    if RECIPES[recipe].get("adversarial") is not None:
        settings["adversarial"] = {"critic_hyper_parameters": {"num_features": 4}, "n_critic": 2}
    return recipe_config(recipe, name="small", train=(Source(str(images)),), **{**settings, **changes})


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_every_recipe_trains_stops_and_goes_on_bit_for_bit(recipe, images, tmp_path, small_vgg):
    config = small(recipe, images, ema=0.9 if recipe in ("wgan-gp", "rcan") else 0.0)
    fit(config, tmp_path / "whole", device="cpu")
    with pytest.raises(Cancelled, match="Stopped at step 4"):
        fit(config, tmp_path / "halves", device="cpu", **StopAt(4).arguments)
    fit(config, tmp_path / "halves", device="cpu", resume=True)
    # the last state; the best may be another, since stopping adds a validation
    whole, halves = (torch.load(tmp_path / n / "last.ckpt", weights_only=False) for n in ("whole", "halves"))
    torch.testing.assert_close(halves["state_dict"], whole["state_dict"], rtol=0, atol=0)
    torch.testing.assert_close(halves["optimizer_states"], whole["optimizer_states"], rtol=0, atol=0)
    again = TrainConfig.read(tmp_path / "whole" / "config.yaml")
    assert again == config


def validated(events):
    return [e.val_psnr for e in events if e.val_psnr is not None]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_mixed_precision_learns_the_same(recipe, images, tmp_path, small_vgg):
    """bf16 keeps 8 bits of each product, and weights and steps stay whole."""
    full, mixed = [], []
    fit(small(recipe, images), tmp_path / "full", device="cpu", on_event=full.append)
    path = fit(small(recipe, images, precision="bf16"), tmp_path / "mixed", device="cpu", on_event=mixed.append)
    np.testing.assert_allclose(validated(mixed), validated(full), atol=0.1)
    assert validated(mixed) != validated(full)  # it was another arithmetic
    assert all(p.dtype == torch.float32 for p in load(path).network.parameters())


def test_the_gradient_penalty_is_taken_in_single_precision():
    seen = []

    class Watching(torch.nn.Conv2d):
        def forward(self, image):
            seen.append((image.dtype, torch.is_autocast_enabled("cpu")))
            return super().forward(image).mean(dim=(1, 2, 3))

    image = torch.rand(2, 1, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gradient_penalty(Watching(1, 1, 3), image.bfloat16(), image, torch.rand(2))
    assert seen == [(torch.float32, False)]


def test_a_processor_takes_bf16_for_fp16_and_says_so(images, tmp_path):
    events = []
    fit(small("rcan", images, precision="fp16", steps=1, validate_every=1), tmp_path / "run", device="cpu",
        on_event=events.append)  # fmt: skip
    assert "Processors do not train in fp16; bf16 is taken." in {e.note for e in events}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", ["dfcan", "wgan-gp"])
def test_mixed_precision_on_cuda_learns_the_same(recipe, precision, images, tmp_path):
    full, mixed = [], []
    fit(small(recipe, images), tmp_path / "full", device="cuda", on_event=full.append)
    fit(small(recipe, images, precision=precision), tmp_path / "mixed", device="cuda", on_event=mixed.append)
    np.testing.assert_allclose(validated(mixed), validated(full), atol=0.1)


def test_settings_of_a_recipe_are_complete_and_changed_one_by_one(images):
    source = (Source(str(images)),)
    thesis = recipe_config("wgan-gp", name="a", train=source)
    side = thesis.adversarial
    assert (thesis.network, thesis.loss, thesis.betas, thesis.steps) == ("wgan", "l1", (0.5, 0.9), 108_000)
    assert (
        side.pixel_weight,
        side.gradient_penalty,
        side.n_critic,
        side.critic_learning_rate,
    ) == (
        100,
        10,
        5,
        5e-4,
    )
    sharper = recipe_config("wgan-gp", name="a", train=source, adversarial={"pixel_weight": 50.0})
    assert sharper.adversarial.pixel_weight == 50
    assert sharper.adversarial.n_critic == 5
    short = recipe_config("esrgan", name="a", train=source, steps=1000)
    assert short.adversarial.pixel_steps == 500  # half of it, as in the full run
    with pytest.raises(ConfigError, match="Known: adaptive, dfcan"):
        recipe_config("nix", name="a", train=source)
    with pytest.raises(ConfigError, match="n_critic"):
        recipe_config("wgan-gp", name="a", train=source, adversarial={"n_critic": 0})
    with pytest.raises(ConfigError, match="critic_learning_rate"):
        recipe_config("wgan-gp", name="a", train=source, adversarial={"critic_learning_rate": 7.0})
    with pytest.raises(ConfigError, match="pixel_steps"):
        recipe_config("wgan-gp", name="a", train=source, steps=5, adversarial={"pixel_steps": 5})


def test_five_critic_steps_come_before_each_generator_step(images):
    config = small("wgan-gp", images, adversarial={"n_critic": 5, "pixel_steps": 2}, steps=14)
    module = AdversarialTraining(network=starting_network(config).network, config=config)
    assert [module.is_generator_step(step) for step in range(14)] == [True] * 2 + [False] * 5 + [True] + [False] * 5 + [
        True
    ]


def test_critic_and_generator_both_learn_and_report(images, tmp_path):
    events = []
    config = small("wgan-gp", images, steps=40, validate_every=20, adversarial={
        "n_critic": 1, "critic_hyper_parameters": {"num_features": 4}})  # fmt: skip
    fit(config, tmp_path / "run", device="cpu", on_event=events.append)
    assert set([e for e in events if not e.is_message][-1].losses) == {
        "adversarial_loss",
        "critic_loss",
        "gradient_penalty",
    }
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=False)
    assert len(state["optimizer_states"]) == len(state["lr_schedulers"]) == 2
    moved = [k for k in state["state_dict"] if k.startswith("critic.")]
    fresh = AdversarialTraining(network=load(tmp_path / "run" / "small.safetensors").network, config=config)
    assert any(not torch.equal(state["state_dict"][k], fresh.state_dict()[k]) for k in moved)
    card = load(tmp_path / "run" / "small.safetensors").card
    assert card.training["loss"] == "100·l1 + 1·wasserstein against wgan-critic, λ = 10"


def test_patches_too_small_for_the_critic_are_refused(images, tmp_path):
    with pytest.raises(TrainingError, match="at least 32 pixels"):
        fit(small("wgan-gp", images, lr_patch=12), tmp_path / "run", device="cpu")


def test_the_mean_of_the_weights_is_what_is_kept(images, tmp_path):
    config = small("regression", images, ema=0.5, steps=3, validate_every=3)
    states = []
    original = Regression.on_train_batch_end

    def spy(self, *args, **kwargs):
        states.append({k: v.detach().clone() for k, v in self.network.state_dict().items()})
        return original(self, *args, **kwargs)

    Regression.on_train_batch_end = spy
    try:
        kept = load(fit(config, tmp_path / "run", device="cpu")).network.state_dict()
    finally:
        Regression.on_train_batch_end = original
    name = "blocks.0.conv1.weight"
    expected = states[0][name]  # the first update copies
    for state in states[1:]:
        expected = 0.5 * expected + 0.5 * state[name]
    torch.testing.assert_close(kept[name], expected)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_schedules_start_at_or_below_the_rate_and_end_lower(name):
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = make_optimizer("adam", [weight], 1e-3, (0.9, 0.999))
    schedule = make_schedule(name, optimizer, 1e-3, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([1.0] if name == "plateau" else []))
    assert max(rates) == pytest.approx(1e-3, rel=1e-3)
    assert rates[-1] <= (1e-3 if name == "constant" else 0.3e-3)
    lower_rates(optimizer, schedule, 0.5)
    assert optimizer.param_groups[0]["lr"] <= rates[-1] * 0.5 + 1e-9


@pytest.mark.parametrize("name", ["one-cycle", "cosine", "multi-step", "halving", "constant"])
def test_lowered_rates_are_the_same_curve_at_half_the_height(name):
    def curve(lowered_at):
        optimizer = make_optimizer("adam", [torch.nn.Parameter(torch.ones(1))], 1e-3, (0.9, 0.999))
        schedule = make_schedule(name, optimizer, 1e-3, 60)
        rates = []
        for step in range(60):
            if step == lowered_at:
                lower_rates(optimizer, schedule, 0.5)
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return np.array(rates)

    whole, lowered = curve(-1), curve(20)
    np.testing.assert_allclose(lowered[:20], whole[:20])
    np.testing.assert_allclose(lowered[20:], whole[20:] / 2, rtol=0.02, atol=2e-6)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_schedules_leave_the_moments_alone(name):
    optimizer = make_optimizer("adam", [torch.nn.Parameter(torch.ones(1))], 1e-3, (0.5, 0.9))
    schedule = make_schedule(name, optimizer, 1e-3, 10)
    for _ in range(9):
        optimizer.step()
        schedule.step(*([1.0] if name == "plateau" else []))
        assert optimizer.param_groups[0]["betas"] == (0.5, 0.9)
    plain = make_optimizer("rmsprop", [torch.nn.Parameter(torch.ones(1))], 1e-3, (0.9, 0.99))
    make_schedule(name, plain, 1e-3, 10)
    assert plain.param_groups[0]["momentum"] == 0


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_optimisers_find_a_minimum(name):
    weight = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    frozen = torch.nn.Parameter(torch.ones(1), requires_grad=False)
    optimizer = make_optimizer(name, [weight, frozen], 0.05, (0.9, 0.99))
    for _ in range(300):
        optimizer.zero_grad()
        (weight - torch.tensor([1.0, 1.0])).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.ones(2), atol=0.06, rtol=0)
    assert frozen.item() == 1
