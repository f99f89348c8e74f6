"""Recipes as published hold the numbers of their sources."""

import pytest

from napari_sr.networks.singan import SinGANPyramid
from napari_sr.training import RECIPES, Source, recipe_config
from napari_sr.training.recipes import published
from napari_sr.training.settings import grid, parse_axis

#: table 1 and 2 of the thesis on WGAN-GP; HR patches of 128 pixels at x4 are LR patches of 32
THESIS = {"scale": 4, "lr_patch": 32, "batch_size": 8, "loss": "l1"}
OF_THE_SOURCES = {
    "wgan-gp": {
        **THESIS, "steps": 108_000, "learning_rate": 5e-4, "betas": (0.5, 0.9), "schedule": "one-cycle",
        "optimizer": "adam", "adversarial.critic_learning_rate": 5e-4, "adversarial.n_critic": 5,
        "adversarial.loss": "wasserstein", "adversarial.gradient_penalty": 10.0,
    },
    "wgan-gp-nbody": {
        **THESIS, "steps": 160_002, "learning_rate": 5e-4, "betas": (0.5, 0.9), "schedule": "one-cycle",
        "adversarial.critic_learning_rate": 1e-3, "adversarial.n_critic": 5, "intensity.kind": "log",
        "degradation": "nbody",
    },
    "rcan-rmsprop": {**THESIS, "steps": 21_600, "learning_rate": 1e-3, "optimizer": "rmsprop", "schedule": "one-cycle"},
    "dfcan-l1": {
        **THESIS, "steps": 21_600, "learning_rate": 3e-4, "betas": (0.9, 0.999), "schedule": "one-cycle",
        "hyper_parameters.head": "sigmoid", "hyper_parameters.skip": "none",
    },
    "esrgan-plus": {
        **THESIS, "steps": 100_000, "learning_rate": 1e-4, "betas": (0.9, 0.999), "schedule": "multi-step",
        "adversarial.critic_learning_rate": 1e-4,
    },
    # table 5.1 of the thesis on DFCAN, experiment 6; section 5.3
    "dfcan-notebook": {
        "scale": 2, "loss": "mse+ssim", "learning_rate": 1e-3, "batch_size": 4, "lr_patch": 128, "monitor": "loss",
        "patience": 10, "validation_share": 0.1, "schedule": "one-cycle", "hyper_parameters.head": "sigmoid",
    },
    # Ledig et al. 2017, section 3.2
    "srgan": {
        "lr_patch": 24, "batch_size": 16, "learning_rate": 1e-4, "betas": (0.9, 0.999), "loss": "mse",
        "extra_options.perceptual.layer": "conv5_4", "extra_options.perceptual.distance": "l2",
        "extra_options.perceptual.after_activation": True, "adversarial.weight": 1e-3, "adversarial.pixel_weight": 0.0,
        "adversarial.loss": "standard", "adversarial.critic": "srgan-discriminator",
    },
    # fine-tuning in the text on fluorescence pairs, section III
    "real-esrgan": {
        "scale": 2, "learning_rate": 5e-4, "schedule": "cosine", "rotate": False, "flip": False,
        "adversarial.weight": 0.1, "adversarial.pixel_weight": 1.0, "adversarial.critic": "unet-discriminator",
        "adversarial.loss": "relativistic",
    },
    # Shaham et al. 2019, sections 2.2, 3 (training) and 4 (α and r of super-resolution), and the code's defaults
    "singan": {
        "images": 1, "batch_size": 1, "learning_rate": 5e-4, "betas": (0.5, 0.999), "loss": "mse",
        "adversarial.loss": "wasserstein", "adversarial.critic": "singan-critic", "adversarial.n_critic": 3,
        "adversarial.n_generator": 3, "adversarial.gradient_penalty": 0.1, "adversarial.pixel_weight": 100.0,
        "adversarial.critic_learning_rate": 5e-4, "rotate": False, "flip": False,
    },
    "swinir": {"steps": 500_000, "learning_rate": 2e-4, "batch_size": 32, "lr_patch": 48, "loss": "l1"},
    "edsr": {"steps": 300_000, "learning_rate": 1e-4, "batch_size": 16, "lr_patch": 48, "loss": "l1"},
}  # fmt: skip


def value_at(values, path):
    for name in path.split("."):
        values = values[name]
    return values


def config_of(recipe):
    return recipe_config(recipe, name="x", train=(Source("x"),))


@pytest.mark.parametrize("recipe", [name for name in RECIPES if published(name)])
def test_recipes_have_the_numbers_of_their_sources(recipe):
    values = config_of(recipe).to_dict()
    for path, expected in OF_THE_SOURCES[recipe].items():
        found = value_at(values, path)
        assert (tuple(found) if isinstance(found, list) else found) == expected, path


def generator_steps(config):
    settings = config.adversarial
    return settings.pixel_steps + (config.steps - settings.pixel_steps) * settings.n_generator // settings.cycle


def test_generators_have_as_many_steps_as_their_sources_count():
    assert generator_steps(config_of("wgan-gp")) == 18_000
    assert generator_steps(config_of("wgan-gp-nbody")) == 26_667
    assert generator_steps(config_of("srgan")) == 10**6 + 2 * 10**5
    assert generator_steps(config_of("real-esrgan")) == 10_000
    singan = config_of("singan")
    sizes = SinGANPyramid.sizes_of(250, 250, ratio=2 ** (1 / 3))
    assert 4 * singan.lr_patch == pytest.approx(250, abs=2)
    assert generator_steps(singan) == len(sizes) * 2000 * 3
    # 10 epochs of the patches that are left of 3 from each of 492 images when a tenth validates, four at a time
    notebook = config_of("dfcan-notebook")
    assert notebook.steps == 10 * (3 * 492 * 9 // 10 // 4)
    assert notebook.validate_every * 10 == notebook.steps


@pytest.mark.parametrize(("recipe", "gammas"), [("wgan-gp", (200, 100, 50)), ("wgan-gp-nbody", (100, 50, 10))])
def test_the_theses_models_are_one_grid(recipe, gammas):
    runs = grid(config_of(recipe), [parse_axis(f"adversarial.pixel_weight={','.join(map(str, gammas))}")])
    assert [config.adversarial.pixel_weight for _, config in runs] == list(gammas)
    assert {config.steps for _, config in runs} == {RECIPES[recipe]["steps"]}
