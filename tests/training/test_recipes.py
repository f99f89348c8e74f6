"""Every recipe trains, stops, resumes and goes on; the schedules are those of torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from bf16 import pretend_bf16
from small_models import SMALL
from stopping import StopAt

from napari_sr.errors import Cancelled, ConfigError, ModelError, TrainingError
from napari_sr.losses.adversarial import gradient_penalty
from napari_sr.models.blend import partners
from napari_sr.models.companions import critic_path, load_critic
from napari_sr.models.model import load
from napari_sr.training import RECIPES, Source, TrainConfig, fit, recipe_config
from napari_sr.training.critics import starting_critic
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    lower_rates,
    make_optimizer,
    make_phases,
    make_schedule,
)  # fmt: skip
from napari_sr.training.lightning.regression import Regression
from napari_sr.training.lightning.watchdog import Watchdog
from napari_sr.training.session import check_installable, settle
from napari_sr.training.start import starting_network

pytestmark = pytest.mark.usefixtures("no_curves", "few_for_filters")


def small(recipe, images, **changes):
    network = RECIPES[recipe]["network"]
    settings = {
        "scale": 2, "degradation": "area", "lr_patch": 16, "batch_size": 2, "steps": 9, "validate_every": 3,
        "hyper_parameters": {**SMALL[network], **({"skip": "bicubic"} if network == "dfcan" else {})},
    }  # fmt: skip
    if RECIPES[recipe].get("adversarial") is not None:
        settings["adversarial"] = {"critic_hyper_parameters": {"num_features": 4}, "n_critic": 2}
    if recipe == "singan":
        settings["batch_size"] = 1
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
def test_mixed_precision_learns_the_same(recipe, images, tmp_path, small_vgg, monkeypatch):
    """bf16 keeps 8 bits of each product, and weights and steps stay whole."""
    pretend_bf16(monkeypatch, fast=True)
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


@pytest.mark.parametrize(("asked", "fast", "taken"), [
    ("fp32", True, "fp32"), ("fp32", False, "fp32"), ("bf16", True, "bf16"), ("bf16", False, "fp32"),
    ("fp16", True, "bf16"), ("fp16", False, "fp32"),
])  # fmt: skip
def test_a_processor_takes_what_it_is_made_for_and_says_so(asked, fast, taken, images, tmp_path, monkeypatch):
    pretend_bf16(monkeypatch, fast=fast)
    events = []
    path = fit(small("rcan", images, precision=asked, steps=1, validate_every=1), tmp_path / "run", device="cpu",
               on_event=events.append)  # fmt: skip
    said = f"This processor does not compute in {asked}; {taken} is taken."
    assert (said in {e.note for e in events}) == (asked != taken)
    assert load(path).card.training["precision"] == taken


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


def test_rmsprop_decays_as_torch_and_the_theses_have_it():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = make_optimizer("rmsprop", [weight], 1e-3, (0.9, 0.999))
    weight.grad = torch.tensor([0.7])
    optimizer.step()
    # v = (1 - 0.99) g^2, and the step is rate g / sqrt(v): ten times the rate; with Adam's 0.999 it would be 32 times
    assert 1 - weight.item() == pytest.approx(1e-3 / np.sqrt(1 - 0.99), rel=1e-4)
    assert optimizer.param_groups[0]["momentum"] == 0


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "plateau"])
def test_each_phase_has_the_schedule_of_a_run_of_its_own(name):
    def rates(phases):
        optimizer = make_optimizer("adam", [torch.nn.Parameter(torch.ones(1))], 1e-3, (0.9, 0.999))
        schedule = make_phases(optimizer, 1e-3, phases)
        found = []
        for _ in range(sum(steps for _, steps in phases)):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return found

    both = rates([("constant", 7), (name, 20)])
    np.testing.assert_allclose(both, rates([("constant", 7)]) + rates([(name, 20)]), rtol=1e-9)
    assert rates([("cosine", 0), (name, 20)]) == rates([(name, 20)])


def test_the_generator_meets_the_critic_at_its_full_rate(images):
    config = small("esrgan", images, steps=40, extra_losses={}, extra_options={})
    config = replace(config, adversarial=replace(config.adversarial, pixel_steps=20, n_critic=1))
    module = AdversarialTraining(network=starting_network(config).network, config=config)
    (generator, critic), (of_generator, _) = module.configure_optimizers()
    for _ in range(20):
        generator.step()
        of_generator.step()
    assert generator.param_groups[0]["lr"] == critic.param_groups[0]["lr"] == config.learning_rate


def test_clipped_weights_stay_within_their_limits_and_others_do_not(images, tmp_path):
    for clip, expected in ((0.01, True), (0.0, False)):
        config = small("wgan-clip", images)
        config = replace(config, adversarial=replace(config.adversarial, clip=clip))
        fit(config, tmp_path / f"{clip}", device="cpu")
        critic = load_critic(tmp_path / f"{clip}" / "small.safetensors")
        assert (max(float(w.abs().max()) for w in critic.state.values()) <= 0.01) is expected


def test_the_critic_is_kept_beside_the_model_and_gone_on_from(images, tmp_path):
    notes = []

    def run(name, **changes):
        config = small("wgan-gp", images, **changes)
        fit(config, tmp_path / name, device="cpu", on_event=lambda event: notes.append(event.note))
        return tmp_path / name / "small.safetensors"

    first = run("first")
    kept = load_critic(first)
    assert kept.critic == "wgan-critic"
    config = small("wgan-gp", images, start_from=str(first))
    assert "critic of small" in starting_critic(config).note
    torch.testing.assert_close(dict(starting_critic(config).state), dict(kept.state), rtol=0, atol=0)
    # a first step of the critic moves it from where it was by no more than a few learning rates
    again = load_critic(run("again", start_from=str(first), steps=3))
    moved = max(float((again.state[k] - v).abs().max()) for k, v in kept.state.items())
    assert 0 < moved < 20 * 5e-4
    other = {"critic_hyper_parameters": {"num_features": 8}}
    assert "another one" in starting_critic(small("wgan-gp", images, start_from=str(first), adversarial=other)).note
    critic_path(first).unlink()
    assert "no critic" in starting_critic(config).note
    critic_path(first).write_bytes(b"no critic at all")
    with pytest.raises(ModelError, match="damaged"):
        starting_critic(config)


def test_the_models_of_both_phases_are_kept_and_belong_together(images, tmp_path, small_vgg, monkeypatch):
    monkeypatch.setenv("NAPARI_SR_MODELS", str(tmp_path / "models"))
    config = small("esrgan", images, steps=12)
    config = replace(config, adversarial=replace(config.adversarial, pixel_steps=6))
    path = fit(config, tmp_path / "run", device="cpu")
    settle(path, installed="all")
    sharp, faithful = (load(tmp_path / "models" / f"{name}.safetensors") for name in ("small", "small-pixel"))
    assert faithful.card.training["steps"] == 6
    assert "relativistic" not in faithful.card.training["loss"]
    assert faithful.card.metrics[0]["model"]["psnr"] > 0
    assert [card.name for card in partners(sharp.card, [faithful.card])] == ["small-pixel"]
    with pytest.raises(ModelError, match="small"):
        check_installable(config, overwrite=False)
    of_both = (faithful.network.state_dict(), sharp.network.state_dict())
    assert any(not torch.equal(weight, of_both[1][name]) for name, weight in of_both[0].items())


def test_early_stopping_by_the_loss_is_that_of_keras(images):
    from types import SimpleNamespace

    said = []
    config = small("regression", images, monitor="loss", patience=2, steps=100)
    watchdog = Watchdog(config=config, say=lambda step, text: said.append(text))
    trainer = SimpleNamespace(
        state=SimpleNamespace(fn="fit"), sanity_checking=False, global_step=10, should_stop=False, callback_metrics={}
    )
    stopped = []
    # PSNR only rises: it is the loss that counts; patience ends with the second one that is not below the lowest
    for loss in (5.0, 4.0, 4.5, 3.9, 4.0, 3.9, 3.0):
        trainer.callback_metrics = {"val_psnr": 40 - loss, "val_loss": loss}
        watchdog.on_validation_end(trainer, None)
        stopped.append(trainer.should_stop)
    assert stopped == [False, False, False, False, False, True, True]
    with pytest.raises(ConfigError, match="psnr, loss"):
        small("regression", images, monitor="nix")


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
