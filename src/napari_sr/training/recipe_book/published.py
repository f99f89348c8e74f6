"""Recipes as their sources have them: every number here stands there.

What a source leaves open is said beside it. A step moves one network: where a source counts iterations that move
generator and discriminator, there are two steps to one of its.
"""

from __future__ import annotations

from napari_sr.training.recipes import PUBLISHED, RECIPES, TANH

WGAN_THESIS = "thesis of 2021 on WGAN-GP super-resolution of EM and N-body images"
DFCAN_THESIS = "thesis of 2021 on an easy-to-use DFCAN"
#: the discriminator's side of GANs that move both networks in turn
IN_TURN = {"n_critic": 1, "gradient_penalty": 0.0}

# table 1; γ = 100 of 200, 100 and 50, which the experts ranked first. λ is not given: 10, as the WGAN-GP paper has it
RECIPES.register("wgan-gp", title="WGAN-GP: sharp, may invent", reference=f"{WGAN_THESIS}; arXiv:1704.00028")(
    {
        "network": "wgan", "loss": "l1", "intensity": TANH, "learning_rate": 5e-4, "betas": (0.5, 0.9),
        "lr_patch": 32, "batch_size": 8, "steps": 108_000,
        "adversarial": {"critic_learning_rate": 5e-4, "n_critic": 5, "pixel_weight": 100.0},
    }
)  # fmt: skip
PUBLISHED["wgan-gp"] = f"{WGAN_THESIS}, table 1 (EM)"

# table 2; γ = 100 of 100, 50 and 10
RECIPES.register(
    "wgan-gp-nbody", title="WGAN-GP for N-body densities: sharp, may invent", reference=f"{WGAN_THESIS}, table 2"
)(
    {
        "network": "wgan", "loss": "l1", "degradation": "nbody", "intensity": TANH, "learning_rate": 5e-4,
        "betas": (0.5, 0.9), "lr_patch": 32, "batch_size": 8, "steps": 160_002,
        "adversarial": {"critic_learning_rate": 1e-3, "n_critic": 5, "pixel_weight": 100.0},
    }
)  # fmt: skip
PUBLISHED["wgan-gp-nbody"] = f"{WGAN_THESIS}, table 2 (N-body)"

# the first WGAN, whose critic is kept smooth by clipping (algorithm 1; its batches have 64 images, and no pixel loss)
RECIPES.register(
    "wgan-clip",
    title="WGAN with clipped weights: the baseline before WGAN-GP",
    reference="Arjovsky et al. 2017, arXiv:1701.07875",
)(
    {
        "network": "wgan", "loss": "l1", "intensity": TANH, "learning_rate": 5e-5, "optimizer": "rmsprop",
        "schedule": "constant", "lr_patch": 32, "batch_size": 8, "steps": 108_000,
        "adversarial": {
            "critic_learning_rate": 5e-5, "n_critic": 5, "gradient_penalty": 0.0, "clip": 0.01, "pixel_weight": 100.0,
        },
    }
)  # fmt: skip

# table 1; 8 000 steps for N-body
RECIPES.register("rcan-rmsprop", title="RCAN as in the WGAN-GP thesis (RMSprop)", reference=f"{WGAN_THESIS}, table 1")(
    {
        "network": "rcan", "loss": "l1", "optimizer": "rmsprop", "learning_rate": 1e-3, "lr_patch": 32,
        "batch_size": 8, "steps": 21_600,
    }
)  # fmt: skip
PUBLISHED["rcan-rmsprop"] = f"{WGAN_THESIS}, table 1 (EM; 8 000 steps for N-body)"

# table 1; 8 000 steps for N-body
RECIPES.register("dfcan-l1", title="DFCAN as in the WGAN-GP thesis (L1)", reference=f"{WGAN_THESIS}, table 1")(
    {
        "network": "dfcan", "hyper_parameters": {"head": "sigmoid", "skip": "none"}, "loss": "l1",
        "learning_rate": 3e-4, "lr_patch": 32, "batch_size": 8, "steps": 21_600,
    }
)  # fmt: skip
PUBLISHED["dfcan-l1"] = f"{WGAN_THESIS}, table 1 (EM; 8 000 steps for N-body)"

# experiment 6 of table 5.1, its best: 10 epochs of the 1328 patches that are left of 3 from each of 492 images when
# a tenth validates, in batches of 4
RECIPES.register("dfcan-notebook", title="DFCAN as in its notebook (×2)", reference=f"{DFCAN_THESIS}, table 5.1")(
    {
        "network": "dfcan", "hyper_parameters": {"head": "sigmoid", "skip": "none"}, "loss": "mse+ssim", "scale": 2,
        "learning_rate": 1e-3, "lr_patch": 128, "batch_size": 4, "steps": 3320, "validate_every": 332,
        "validation_share": 0.1, "monitor": "loss", "patience": 10,
    }
)  # fmt: skip
PUBLISHED["dfcan-notebook"] = f"{DFCAN_THESIS}, table 5.1, experiment 6"

# section 3.2: 10^6 updates of SRResNet with MSE, then 10^5 at 10^-4 and 10^5 at 10^-5 against the discriminator;
# features are scaled by 1/12.75, so that their squares count 0.006
RECIPES.register("srgan", title="SRGAN: sharp, may invent", reference="Ledig et al. 2017, arXiv:1609.04802")(
    {
        "network": "srresnet", "loss": "mse", "intensity": TANH, "learning_rate": 1e-4, "schedule": "tenth",
        "lr_patch": 24, "batch_size": 16, "steps": 1_400_000, "extra_losses": {"perceptual": 0.006},
        "extra_options": {"perceptual": {"layer": "conv5_4", "distance": "l2", "after_activation": True}},
        "adversarial": {
            **IN_TURN, "loss": "standard", "critic": "srgan-discriminator", "critic_learning_rate": 1e-4,
            "weight": 1e-3, "pixel_weight": 0.0, "pixel_steps": 1_000_000, "pixel_schedule": "constant",
        },
    }
)  # fmt: skip
PUBLISHED["srgan"] = "Ledig et al. 2017, section 3.2"

# 50 epochs in each phase; how many steps that is, the report does not say
RECIPES.register(
    "esrgan-w2s",
    title="ESRGAN for widefield → SIM (W2S), two phases",
    reference="report on W2S ESRGAN, sections 2.4 to 3.1",
)(
    {
        "network": "rrdb", "scale": 2, "loss": "l1", "learning_rate": 1e-4, "optimizer": "amsgrad",
        "betas": (0.9, 0.99), "schedule": "halving-50", "lr_patch": 64, "batch_size": 4, "steps": 150_000,
        "extra_losses": {"perceptual": 1e-2}, "extra_options": {"perceptual": {"layer": "conv3_4"}},
        "adversarial": {
            **IN_TURN, "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4,
            "weight": 1.0, "pixel_weight": 1e-2, "pixel_steps": 50_000,
        },
    }
)  # fmt: skip

# table 1; the weights of the losses are those of ESRGAN (arXiv:1809.00219, section 3)
RECIPES.register(
    "esrgan-plus", title="ESRGAN+: sharp, may invent", reference=f"arXiv:2001.08073; {WGAN_THESIS}, table 1"
)(
    {
        "network": "esrgan-plus", "loss": "l1", "learning_rate": 1e-4, "schedule": "multi-step", "lr_patch": 32,
        "batch_size": 8, "steps": 100_000,
        "extra_losses": {"perceptual": 1.0}, "extra_options": {"perceptual": {"layer": "conv5_4"}},
        "adversarial": {
            **IN_TURN, "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4,
            "weight": 5e-3, "pixel_weight": 1e-2,
        },
    }
)  # fmt: skip
PUBLISHED["esrgan-plus"] = f"{WGAN_THESIS}, table 1"

# fine-tuning of section III: 10 000 iterations, no augmentation, λ = 0.1 of the adversarial and η = 1 of the pixel loss
RECIPES.register(
    "real-esrgan",
    title="Real-ESRGAN on measured pairs: sharp, may invent",
    reference="text on Real-ESRGAN for fluorescence pairs; arXiv:2107.10833",
)(
    {
        "network": "rrdb", "scale": 2, "degradation": "second-order", "loss": "l1", "learning_rate": 5e-4,
        "schedule": "cosine", "lr_patch": 64, "batch_size": 4, "steps": 20_000, "rotate": False, "flip": False,
        "validate_every": 250, "patience": 4,
        "extra_losses": {"perceptual": 1.0}, "extra_options": {"perceptual": {"layer": "conv5_4"}},
        "adversarial": {
            **IN_TURN, "loss": "relativistic", "critic": "unet-discriminator", "critic_learning_rate": 5e-4,
            "weight": 0.1, "pixel_weight": 1.0,
        },
    }
)  # fmt: skip
PUBLISHED["real-esrgan"] = "text on Real-ESRGAN for fluorescence pairs, section III"

# sections 2 to 4 and the published code: 2000 rounds of 3 steps of the critic and 3 of the generator at each size, with
# λ = 0.1, α = 100 and a pyramid of 2^(1/3) for super-resolution; images of at most 250 pixels, which make 10 sizes
RECIPES.register(
    "singan", title="SinGAN: learns one image, may invent", reference="Shaham et al. 2019, arXiv:1905.01164"
)(
    {
        "network": "singan", "loss": "mse", "intensity": TANH, "learning_rate": 5e-4, "betas": (0.5, 0.999),
        "schedule": "tenth-late", "images": 1, "lr_patch": 62, "batch_size": 1, "steps": 120_000,
        "rotate": False, "flip": False,
        "adversarial": {
            "critic": "singan-critic", "critic_learning_rate": 5e-4, "n_critic": 3, "n_generator": 3,
            "gradient_penalty": 0.1, "pixel_weight": 100.0,
        },
    }
)  # fmt: skip
PUBLISHED["singan"] = "Shaham et al. 2019, section 3 and the published code"

# section 4.1; batches of 32 patches of 48 LR pixels
RECIPES.register("swinir", title="SwinIR: faithful, slow", reference="Liang et al. 2021, arXiv:2108.10257")(
    {
        "network": "swinir", "loss": "l1", "learning_rate": 2e-4, "schedule": "halved-late", "lr_patch": 48,
        "batch_size": 32, "steps": 500_000,
    }
)  # fmt: skip
PUBLISHED["swinir"] = "Liang et al. 2021, section 4.1"

# section 4.1 of the paper: batches of 16 patches of 48 LR pixels
RECIPES.register("edsr", title="EDSR: faithful", reference="Lim et al. 2017, arXiv:1707.02921")(
    {
        "network": "edsr", "loss": "l1", "learning_rate": 1e-4, "schedule": "halving", "lr_patch": 48,
        "batch_size": 16, "steps": 300_000,
    }
)  # fmt: skip
PUBLISHED["edsr"] = "Lim et al. 2017, section 4"
