"""The systems of the sources, each a network and how it is trained, and the budget that each of them gets.

A budget of steps would give a network with a thousand times as many weights a thousand times as much work; one of time
would give every processor another table. So it is one of arithmetic: so many steps as make 20 TFLOP, that of the critic
included, and at most 1500. What a step takes is counted, not estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: TFLOP of convolutions and products, forwards and backwards, and the steps for those that need less
TFLOP, MOST_STEPS = 20.0, 1500
PATCHES = {"batch_size": 4, "lr_patch": 24}
TANH = {"lower": -0.8, "upper": 0.8}


@dataclass(frozen=True)
class System:
    """A network and how it is trained."""

    title: str
    network: str
    rate: float = 5e-4
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    adversarial: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


IN_TURN = {"n_critic": 1, "gradient_penalty": 0.0}
#: the slow ones first, so that they do not end last
SYSTEMS = {
    "swinir": System("SwinIR, lightweight", "swinir", 5e-4, {"num_features": 60, "num_blocks": 4, "mlp_ratio": 2.0}),
    "drcn": System("DRCN", "drcn", 3e-4),
    "rcan-paper": System("RCAN, paper size", "rcan", 1e-4, {"num_features": 64}),
    "esrgan-plus": System(
        "ESRGAN+ ¹", "esrgan-plus", 1e-4, {}, {
            **IN_TURN, "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4,
            "weight": 5e-3, "pixel_weight": 1.0,
        },
    ),
    "rrdb": System("RRDBNet (ESRGAN's generator)", "rrdb", 1e-4),
    "esrgan": System(
        "ESRGAN ¹", "rrdb", 1e-4, {}, {
            **IN_TURN, "loss": "relativistic", "critic": "vgg-discriminator", "critic_learning_rate": 1e-4,
            "weight": 5e-3, "pixel_weight": 1.0,
        },
    ),
    "real-esrgan": System(
        "Real-ESRGAN's critic ¹", "rrdb", 1e-4, {}, {
            **IN_TURN, "loss": "standard", "critic": "unet-discriminator", "critic_learning_rate": 1e-4,
            "weight": 0.1, "pixel_weight": 1.0,
        },
    ),
    "rcan": System("RCAN 16", "rcan", 3e-4),
    "rcan-rmsprop": System("RCAN 16, RMSprop at 1e-3", "rcan", 1e-3, {}, None, {"optimizer": "rmsprop"}),
    "wgan-gp": System(
        "WGAN-GP, γ = 100", "wgan", 5e-4, {}, {"pixel_weight": 100.0}, {"betas": (0.5, 0.9), "intensity": TANH},
    ),
    "wgan-clip": System(
        "WGAN, clipped weights", "wgan", 5e-5, {},
        {"pixel_weight": 100.0, "gradient_penalty": 0.0, "clip": 0.01, "critic_learning_rate": 5e-5},
        {"optimizer": "rmsprop", "intensity": TANH},
    ),
    "structure-gan": System(
        "Conditional GAN, structure", "srresnet", 1e-4, {"head": "tanh"},
        {"critic": "conditional-critic", "critic_learning_rate": 1e-4},
        {"betas": (0.5, 0.9), "intensity": TANH, "extra_losses": {"gradient": 50.0, "ssim": 10.0}},
    ),
    "srgan": System(
        "SRGAN ¹", "srresnet", 1e-4, {"head": "tanh"}, {
            **IN_TURN, "loss": "standard", "critic": "srgan-discriminator", "critic_learning_rate": 1e-4,
            "weight": 1e-3, "pixel_weight": 1.0,
        }, {"intensity": TANH},
    ),
    "dfcan": System("DFCAN, linear filter below", "dfcan", 3e-4, {"head": "linear", "skip": "filter"}),
    "dfcan-l1": System("DFCAN, as published", "dfcan", 3e-4, {"head": "sigmoid", "skip": "none"}),
    "wgan": System("WGAN generator, L1", "wgan", 5e-4, {}, None, {"intensity": TANH}),
    "srresnet": System("SRResNet", "srresnet", 2e-4, {"head": "linear"}),
    "edsr": System("EDSR, baseline", "edsr", 2e-4),
    "wdsr": System("WDSR", "wdsr", 5e-4),
    "srvgg": System("SRVGGNet (Real-ESRGAN, compact)", "srvgg", 5e-4),
    "vdsr": System("VDSR", "vdsr", 3e-4),
    "fsrcnn": System("FSRCNN", "fsrcnn", 1e-3),
    "srcnn": System("SRCNN", "srcnn", 1e-3),
}  # fmt: skip
#: it learns one image, so that it is measured on one: of so many HR pixels a side, in a tenth of its paper's steps
SINGAN, SINGAN_SIDE, SINGAN_STEPS = "singan", 240, 12_000
SETS = ("EM", "N-body", "N-body pairs")
#: on measured pairs, some of each kind
ON_PAIRS = ("dfcan-l1", "rcan", "wgan", "edsr", "srresnet", "rrdb", "wgan-gp", "swinir")


TITLES = {
    "EM": "EM: FlyEM, independent tissue (25 × 248²)",
    "N-body": "N-body: another box of 200 Mpc/h (16 × 256²), LR the mean of the logarithm",
    "N-body pairs": "N-body pairs: the same slices, LR another simulation with 4³ times fewer particles",
}
PLAIN = ("nearest-x4", "bilinear-x4", "lanczos-x4")
#: measured beside them, and not trained for the budget
BASELINES = {
    "EM": (*PLAIN, "em-wiener-x4"),
    "N-body": (*PLAIN, "nbody-wiener-x4"),
    "N-body pairs": (*PLAIN, "nbody-wiener-x4", "nbody-x4", "nbody-rcan-x4", "nbody-wgan-x4"),
}


def jobs_of(only: str) -> list[str]:
    """Return the names of the jobs, ``set/system``, those of ``only`` in their order."""
    found = [f"{kind}/{name}" for name in SYSTEMS for kind in SETS if kind != "N-body pairs" or name in ON_PAIRS]
    found += [f"{kind}/{SINGAN}" for kind in SETS if kind != "N-body pairs"]
    if unknown := sorted(set(filter(None, only.split(","))) - set(found)):
        raise SystemExit(f"There is no {unknown[0]}; there are {', '.join(found)}.")
    return only.split(",") if only else found


def config_of(job: str, data: Path, steps: int | None = None) -> Any:
    """Return the configuration of a job, by default for as many steps as its budget allows."""
    from napari_sr.training import TrainConfig

    if steps is None:
        return config_of(job, data, affordable_steps(config_of(job, data, MOST_STEPS)))
    kind, name = job.split("/")
    system, density = SYSTEMS[name], kind != "EM"
    settings = {**PATCHES, "steps": steps, **system.settings}
    limits = settings.pop("intensity", {})
    intensity = {**_intensity(kind), **limits}
    train, val = _sources(kind, data)
    adversarial = system.adversarial
    if adversarial is not None:
        adversarial = {"pixel_steps": steps // 2, "critic_learning_rate": system.rate, **adversarial}
    values = {
        "name": job.replace("/", "-").replace(" ", "-").lower(), "train": [train], "validation": [val],
        "network": system.network, "hyper_parameters": dict(system.hyper_parameters), "scale": 4, "loss": "l1",
        "degradation": {"EM": "em", "N-body": "nbody", "N-body pairs": ""}[kind], "intensity": intensity,
        "learning_rate": system.rate, "precision": "bf16", "validate_every": validate_every(steps),
        "adversarial": adversarial, "card": {"kind": "N-body" if density else "EM", "title": system.title}, **settings,
    }  # fmt: skip
    return TrainConfig.from_dict(values)


def validate_every(steps: int) -> int:
    """Return after how many steps a run is validated: thrice, but for a handful of steps at the end alone.

    DRCN's validation takes three times the arithmetic of its training.
    """
    return steps if steps < 10 else steps // 3


def singan_config(kind: str, lr: Path, data: Path) -> Any:
    """Return the configuration of SinGAN, which learns the LR image of 60 x 60 pixels in ``lr`` itself."""
    from napari_sr.training import Source, recipe_config

    intensity = {**_intensity(kind), **TANH}
    others = Source(_sources(kind, data)[1]["path"])
    return recipe_config(
        SINGAN, name=f"{kind}-{SINGAN}".lower(), train=(Source(str(lr)),), validation=(others,), scale=4,
        degradation={"EM": "em"}.get(kind, "nbody"), lr_patch=SINGAN_SIDE // 16, steps=SINGAN_STEPS,
        validate_every=SINGAN_STEPS, intensity=intensity, card={"kind": kind, "title": "SinGAN"},
    )  # fmt: skip


def _intensity(kind: str) -> dict[str, Any]:
    from napari_sr.training.recipes import DENSITY

    return {"kind": "percentile", "low": 0.5, "high": 99.5} if kind == "EM" else dict(DENSITY)


def _sources(kind: str, data: Path) -> tuple[dict[str, str], dict[str, str]]:
    if kind == "EM":
        return {"path": str(data / "em/train.npz")}, {"path": str(data / "em/val.npz")}
    lr = [str(data / f"nbody/lr/{part}.npz") if kind == "N-body pairs" else "" for part in ("train", "val")]
    parts = [{"path": str(data / f"nbody/hr/{part}.npz"), "lr": lr[i]} for i, part in enumerate(("train", "val"))]
    return parts[0], parts[1]


def affordable_steps(config: Any) -> int:
    """Return how many steps of a configuration the budget allows: half of them with its critic, if it has one."""
    return min(MOST_STEPS, max(1, int(TFLOP / tflop_a_step(config))))


def tflop_a_step(config: Any) -> float:
    """Return the TFLOP of a mean step, forwards and backwards: half of them with the pixel loss alone."""
    import torch

    from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES
    from napari_sr.networks import create_network
    from napari_sr.training.lightning.adversarial import make_critic

    settings, side = config.adversarial, config.lr_patch
    # without values: only shapes are computed with
    network = create_network(config.network, scale=config.scale, **dict(config.hyper_parameters)).to("meta").train()
    lr = torch.zeros(config.batch_size, 1, side, side, device="meta")
    pixel = _tflop(lambda: network(lr).mean().backward())
    if settings is None:
        return pixel
    side *= config.scale
    hr = torch.zeros(config.batch_size, 1, side, side, device="meta", requires_grad=True) * 1.0
    critic = make_critic(settings, channels=1, hr_patch=side).to("meta").train()
    loss = ADVERSARIAL_LOSSES[settings.loss]

    def judged(image: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = critic(image, lr) if critic.sees_lr else critic(image)
        return value

    def of_generator() -> None:
        critic.requires_grad_(False)
        loss.generator(judged(hr.detach()), judged(network(lr))).backward()
        critic.requires_grad_(True)

    def of_critic() -> None:
        with torch.no_grad():
            sr = network(lr)
        value = loss.critic(judged(hr.detach()), judged(sr))
        if settings.gradient_penalty:
            (gradient,) = torch.autograd.grad(judged(hr).sum(), hr, create_graph=True)
            value = value + gradient.square().mean()
        value.backward()

    turn = settings.n_generator * _tflop(of_generator) + settings.n_critic * _tflop(of_critic)
    return (pixel + turn / settings.cycle) / 2


def _tflop(step: Callable[[], None]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops() / 1e12)
