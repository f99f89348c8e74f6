"""Recipes for the computer at hand: settings that were measured here, or that shorten a published training."""

from __future__ import annotations

from napari_sr.training.recipes import RECIPES, TANH

RECIPES.register("adaptive", title="Any microscope: fast, faithful")(
    {
        "network": "adaptive", "loss": "l1", "degradation": "microscope", "learning_rate": 1e-3, "betas": (0.9, 0.99),
        "ema": 0.999, "lr_patch": 48, "batch_size": 8, "steps": 10_000,
    }
)  # fmt: skip
RECIPES.register("dfcan", title="DFCAN: faithful, sees frequencies", reference="Qiao et al. 2021")(
    {
        "network": "dfcan", "hyper_parameters": {"head": "linear", "skip": "filter"}, "loss": "mse+ssim",
        "learning_rate": 3e-4, "lr_patch": 64, "batch_size": 2,
    }
)  # fmt: skip
RECIPES.register("wgan-pixel", title="WGAN generator, pixel loss: faithful")(
    {"network": "wgan", "loss": "l1", "intensity": TANH, "learning_rate": 5e-4, "lr_patch": 32, "batch_size": 8}
)
RECIPES.register("rcan", title="RCAN: faithful, deep and narrow", reference="Zhang et al. 2018, arXiv:1807.02758")(
    {
        "network": "rcan", "loss": "l1", "learning_rate": 3e-4, "lr_patch": 32, "batch_size": 8, "steps": 20_000,
    }
)  # fmt: skip
RECIPES.register("regression", title="any network, pixel loss only")(
    {"network": "srresnet", "hyper_parameters": {"head": "linear"}, "loss": "charbonnier", "learning_rate": 2e-4}
)
# the report on W2S ESRGAN in fewer steps, with a rate that does not vanish on the way
RECIPES.register("esrgan", title="ESRGAN: sharp, may invent", reference="arXiv:1809.00219")(
    {
        "network": "rrdb", "loss": "l1", "learning_rate": 1e-4, "optimizer": "amsgrad", "betas": (0.9, 0.99),
        "schedule": "halving", "lr_patch": 64, "batch_size": 4, "steps": 100_000,
        "extra_losses": {"perceptual": 1e-2}, "extra_options": {"perceptual": {"layer": "conv3_4"}},
        "adversarial": {
            "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4, "n_critic": 1,
            "gradient_penalty": 0.0, "weight": 1.0, "pixel_weight": 1e-2, "pixel_steps": 50_000,
        },
    }
)  # fmt: skip
# the critic sees the LR image, and the structure of the truth counts: its gradients and its SSIM beside its values
RECIPES.register(
    "structure-gan",
    title="Conditional GAN that keeps structure: sharp, may invent",
    reference="text on SRGAN for scientific imaging; Isola et al. 2017, arXiv:1611.07004",
)(
    {
        "network": "srresnet", "loss": "l1", "intensity": TANH, "learning_rate": 1e-4, "betas": (0.5, 0.9),
        "lr_patch": 32, "batch_size": 8, "steps": 60_000, "extra_losses": {"gradient": 50.0, "ssim": 10.0},
        "adversarial": {"critic": "conditional-critic", "critic_learning_rate": 1e-4, "pixel_steps": 10_000},
    }
)  # fmt: skip
