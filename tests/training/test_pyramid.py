"""SinGAN's training: size by size, against the formulas of its paper and its published code."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from napari_sr.errors import Cancelled, TrainingError
from napari_sr.losses.adversarial import patch_gradient_penalty
from napari_sr.models.model import load
from napari_sr.networks import create_critic
from napari_sr.training import Source, fit, recipe_config
from napari_sr.training.data.loading import OneWindow
from napari_sr.training.lightning import pyramid as pyramid_module
from napari_sr.training.lightning.checkpoints import saved
from napari_sr.training.lightning.kinds import make_module
from napari_sr.training.start import starting_network
from napari_sr.training.timing import seconds_per_step

pytestmark = pytest.mark.usefixtures("no_curves")
STEPS = 72


@pytest.fixture
def images(tmp_path, rng):
    np.save(tmp_path / "images.npy", rng.integers(0, 255, (3, 80, 80)).astype(np.uint8))
    return Source(str(tmp_path / "images.npy"))


def small(source, **changes):
    settings = {
        "scale": 2, "degradation": "area", "lr_patch": 25, "steps": STEPS, "validate_every": 24,
        "hyper_parameters": {"num_features": 4, "num_blocks": 1},
        "adversarial": {"critic_hyper_parameters": {"num_features": 4}},
    }  # fmt: skip
    return recipe_config("singan", name="x", train=(source,), **{**settings, **changes})


def module_of(config):
    torch.manual_seed(0)
    return make_module(starting_network(config).network, config)


def test_patch_penalty_is_that_of_the_published_code(rng):
    """Its calc_gradient_penalty, line by line, but for where between the two images it is taken."""
    torch.manual_seed(0)
    critic = create_critic("singan-critic", in_channels=2, num_features=4)
    real, fake = (torch.from_numpy(rng.normal(size=(1, 2, 24, 20)).astype(np.float32)) for _ in range(2))
    alpha = torch.tensor([0.3])
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    values = critic(interpolates)
    gradients = torch.autograd.grad(
        outputs=values, inputs=interpolates, grad_outputs=torch.ones(values.size()), create_graph=True
    )[0]
    expected = ((gradients.norm(2, dim=1) - 1) ** 2).mean()
    torch.testing.assert_close(patch_gradient_penalty(critic, real, fake, alpha), expected)


@pytest.mark.parametrize("steps", [3, 7, 60, 61, 120_000])
def test_every_size_has_its_share_of_steps_and_each_begins_with_the_critic(images, steps):
    module = module_of(small(images, steps=steps))
    sizes = [module.size_of(step) for step in range(steps)]
    count = len(module.pyramid.sizes)
    assert count == 4
    assert sizes == sorted(sizes)
    lengths = [sizes.count(size) for size in range(count)]
    assert max(lengths) - min(lengths) <= 1
    assert [module.first_step(size) for size in set(sizes)] == [sizes.index(size) for size in set(sizes)]
    turns = [module.is_generator_step(step) for step in range(steps)]
    for size in set(sizes):
        first = sizes.index(size)
        seen = min(12, lengths[size])
        assert turns[first : first + seen] == ([False] * 3 + [True] * 3 + [False] * 3 + [True] * 3)[:seen]


def test_rates_begin_anew_at_every_size_and_come_down_after_80_percent_of_it(images):
    module = module_of(small(images, steps=240))
    (generator, _), (schedule, _) = module.configure_optimizers()
    rates = []
    for _ in range(120):  # every other step is the generator's
        rates.append(generator.param_groups[0]["lr"])
        generator.step()
        schedule.step()
    assert rates == pytest.approx(([5e-4] * 24 + [5e-5] * 6) * 4)


def test_the_losses_are_those_of_the_paper(images):
    """α ||G(0, rec) - x||^2 - C(fake), and C(fake) - C(real) + λ penalty, written out."""
    config = small(images)
    module = module_of(config)
    module.log = lambda *args, **kwargs: None
    module.trainer = type("T", (), {"world_size": 1, "global_rank": 0})()
    module.pyramid.eval()
    image = torch.rand(1, 1, 50, 50) - 0.5
    module.at.fill_(2)
    module.begin_size(image)
    side = module.pyramid.sizes[2]
    target = torch.nn.functional.interpolate(image, size=side, mode="bicubic", antialias=True)
    below = module.pyramid.reconstructed(2)
    assert float(module.pyramid.amplitudes[2]) == pytest.approx(0.1 * float((below - target).square().mean().sqrt()))
    generator, critic = module.singan.generator, module.critic

    torch.manual_seed(1)
    loss = module._generator_loss(image, target, None, 0)
    torch.manual_seed(1)
    fake = generator(module.pyramid.drawn(2), module.pyramid.noise(2))
    expected = 100 * (generator(below) - target).square().mean() - critic(fake).mean()
    torch.testing.assert_close(loss, expected)

    torch.manual_seed(1)
    loss = module._critic_loss(image, target, None, 5)
    penalty = patch_gradient_penalty(critic, target, fake, module._epsilon(1, 5))
    torch.testing.assert_close(loss, critic(fake).mean() - critic(target).mean() + 0.1 * penalty)


def test_coarser_generators_stay_as_they_are_and_the_last_one_is_kept(images, tmp_path, monkeypatch):
    kept = []
    keep = pyramid_module.Pyramid.keep_generator

    def watch(self):
        keep(self)
        kept.append({k: v.clone() for k, v in self.pyramid.generators[int(self.at) - 1].state_dict().items()})

    monkeypatch.setattr(pyramid_module.Pyramid, "keep_generator", watch)
    path = fit(small(images), tmp_path / "run", device="cpu")
    state = saved(tmp_path / "run" / "last.ckpt")["state_dict"]
    assert len(kept) == 3
    for number, generator in enumerate(kept):
        for name, value in generator.items():
            torch.testing.assert_close(state[f"pyramid.generators.{number}.{name}"], value, rtol=0, atol=0)
    weights = load(path).network.generator.state_dict()
    assert all(torch.equal(weights[name], state[f"network.generator.{name}"]) for name in weights)
    assert any((weights[name] - kept[-1][name]).abs().max() > 0 for name in weights)
    amplitudes = state["pyramid.amplitudes"]
    assert amplitudes[0] == 1
    assert (amplitudes[1:] < 0.2).all()


def test_it_learns_to_make_its_image_from_noise(tmp_path, rng):
    from scipy.ndimage import gaussian_filter

    hr = np.clip(128 + 400 * gaussian_filter(rng.normal(size=(3, 64, 64)), (0, 2, 2)), 0, 255).astype(np.uint8)
    np.save(tmp_path / "images.npy", hr)
    config = small(
        Source(str(tmp_path / "images.npy")), steps=480, learning_rate=5e-3,
        hyper_parameters={"num_features": 8, "num_blocks": 1},
    )  # fmt: skip
    fit(config, tmp_path / "run", device="cpu")
    state = saved(tmp_path / "run" / "last.ckpt")["state_dict"]
    pyramid = module_of(config).pyramid
    pyramid.load_state_dict({k.removeprefix("pyramid."): v for k, v in state.items() if k.startswith("pyramid.")})
    left = [float(a) / pyramid_module.NOISE for a in pyramid.amplitudes[1:]]  # RMSE of what the coarser ones make
    low, high = np.percentile(hr, (0.5, 99.5))
    contrast = 1.6 * hr.std() / (high - low)  # intensities are from -0.8 to 0.8
    assert max(left) < contrast / 2  # untrained generators make nothing, and leave all of it


@pytest.mark.parametrize("stop", [10, 18, 40])
def test_a_resumed_run_comes_to_the_same_weights(images, tmp_path, stop):
    """Within a size, and where one ends."""
    config = small(images)
    whole = load(fit(config, tmp_path / "whole", device="cpu")).network.state_dict()
    done = []
    with pytest.raises(Cancelled):
        fit(
            config, tmp_path / "parts", device="cpu", on_event=lambda event: done.append(event.step),
            should_stop=lambda: bool(done) and done[-1] >= stop,
        )  # fmt: skip
    assert saved(tmp_path / "parts" / "last.ckpt")["global_step"] == stop
    parts = load(fit(config, tmp_path / "parts", resume=True, device="cpu")).network.state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=0)


def test_every_batch_is_the_same_window():
    class Patches:
        def __len__(self):
            return 5

        def __getitem__(self, item):
            return torch.rand(1, 4, 4), torch.rand(1, 8, 8), torch.zeros(0)

    first, *others = DataLoader(OneWindow(Patches()), batch_size=1)
    assert len(others) == 4
    assert all(torch.equal(hr, first[1]) for _, hr, _ in others)


@pytest.mark.parametrize(
    ("changes", "field"), [({"batch_size": 2}, "batch_size"), ({"adversarial": {"pixel_steps": 3}}, "pixel_steps")]
)
def test_what_it_cannot_do_is_said(images, tmp_path, changes, field):
    with pytest.raises(TrainingError, match=f"{field}: singan"):
        fit(small(images, **changes), tmp_path / "run", device="cpu")


def test_the_estimate_counts_coarse_sizes_as_what_they_cost(images):
    module = module_of(small(images))
    share = module.prepare_timing()
    pixels = [h * w for h, w in module.pyramid.sizes]
    assert share == pytest.approx(np.mean(pixels) / pixels[-1])
    assert {module.size_of(step) for step in range(STEPS)} == {len(pixels) - 1}
    per_step = seconds_per_step(small(images), seconds=0.3, device="cpu")
    assert 0 < per_step < 2


def test_without_a_critic_it_is_a_network_like_others(images, tmp_path):
    config = recipe_config(
        "regression", name="x", train=(images,), network="singan", scale=2, degradation="area", lr_patch=16, steps=4,
        hyper_parameters={"num_features": 4, "num_blocks": 1}, batch_size=2,
    )  # fmt: skip
    assert fit(config, tmp_path / "run", device="cpu").exists()
