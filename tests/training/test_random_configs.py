"""Whatever a configuration holds, it either builds or is refused with a sentence that names the field."""

import os
from dataclasses import fields

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sr.degradations import make_degradation
from napari_sr.errors import SRError
from napari_sr.losses import LOSSES
from napari_sr.losses.adversarial import ADVERSARIAL_LOSSES
from napari_sr.networks import CRITICS, NETWORKS
from napari_sr.training import Adversarial, Source, TrainConfig
from napari_sr.training.lightning.adversarial import AdversarialTraining
from napari_sr.training.lightning.optimizers import OPTIMIZERS, SCHEDULES
from napari_sr.training.lightning.regression import Regression
from napari_sr.training.start import starting_network

#: `make soak` asks for more
EXAMPLES = int(os.environ.get("NAPARI_SR_EXAMPLES", "200"))
NAMES = {f.name for f in (*fields(TrainConfig), *fields(Adversarial), *fields(Source))} | {
    "num_blocks", "num_features", "num_groups", "reduction", "growth", "head", "skip", "in_channels", "out_channels",
    "kernel_size",
}  # fmt: skip

# senseless values now and then: with more of them, hardly anything would build
counts = st.sampled_from([*[1, 2, 3, 4, 8, 16] * 6, -1, 0])
shares = st.sampled_from([*[0.0, 0.5, 0.999] * 8, -1.0, 1.0, 2.0, float("nan"), float("inf")])
rates = st.sampled_from([*[1e-5, 1e-3, 0.5, 1.0] * 6, 0.0, 7.0, -1e-3, float("nan")])


def one_of(registry, *wrong):
    # the weights of VGG19 are a file of 548 MB
    return st.sampled_from([n for n in registry if n not in ("perceptual", "texture")] * 5 + list(wrong))


def few(values, **always):
    """A dictionary with some of ``values``."""
    return st.fixed_dictionaries(always, optional=values)


hyper_parameters = few(
    {
        "num_blocks": counts, "num_features": counts, "num_groups": counts, "reduction": counts, "growth": counts,
        "head": st.sampled_from(["linear", "tanh", "sigmoid", "nix"]),
        "skip": st.sampled_from(["bicubic", "none", "nix"]), "in_channels": st.sampled_from([*[1] * 12, 3, 0]),
    }
)  # fmt: skip
critic_settings = few(
    {
        "loss": one_of(ADVERSARIAL_LOSSES, "nix"), "critic": one_of(CRITICS, "nix"), "n_critic": counts,
        "critic_learning_rate": rates, "gradient_penalty": shares, "weight": shares, "pixel_weight": shares,
        "pixel_steps": counts, "critic_hyper_parameters": few({"num_features": counts}),
    }
)  # fmt: skip
configs = few(
    {
        "network": one_of(NETWORKS, "nix"), "hyper_parameters": hyper_parameters,
        "scale": st.sampled_from([2, 3, 4, 8, 5, 0]), "loss": one_of(LOSSES, "nix"),
        "extra_losses": st.dictionaries(one_of(LOSSES, "nix"), shares, max_size=2),
        "optimizer": one_of(OPTIMIZERS, "nix"),
        "schedule": one_of(SCHEDULES, "nix"), "lr_patch": counts, "batch_size": counts, "steps": counts,
        "validate_every": counts, "learning_rate": rates | st.sampled_from(["1e-4", "1e-4", "fast"]),
        "ema": shares, "rounded": shares, "patience": counts,
        "betas": st.sampled_from([*[[0.5, 0.9]] * 9, [0.9], [0.9, 2.0], ["a", "b"]]),
        "card": st.sampled_from([*[{"title": "mine"}] * 9, {"nonsense": 3}]),
        "intensity": st.sampled_from([*[{}, {"kind": "range"}] * 5, {"kind": "nix"}, {"low": -5}, {"lwo": 3}]),
        "rotate": st.sampled_from([*[True, False] * 9, "maybe"]),
        "flip": st.sampled_from([True, False]),
        "validation_share": st.sampled_from([*[0.1] * 9, 0.3, 0.0, 2.0]),
        "precision": st.sampled_from([*["fp32", "bf16", "fp16"] * 5, "fp8"]),
        "adversarial": st.none() | critic_settings, "seed": counts,
        "degradation": st.sampled_from([*["em", "area", "gaussian(2) + bicubic"] * 6, "", "nix"]), "nonsense": counts,
    },
    train=st.sampled_from(
        [*[["images"], [{"path": "images", "weight": 2.0}]] * 9, [], 3, [{"path": "a", "weight": 0}]]
    ),
    name=st.sampled_from([*["x", "ü"] * 10, "", "a/b"]),
)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(configs)
def test_a_configuration_builds_or_names_its_field(values):
    try:
        config, module = build(values)
    except SRError as refusal:
        sentence = str(refusal)
    else:
        sentence = ""
        assert TrainConfig.from_dict(config.to_dict()) == config
        assert all(p.is_meta for p in module.network.parameters())
    assert not sentence or any(name in sentence for name in (*NAMES, "nonsense")), sentence


def build(values):
    """As ``fit`` does, but without images, and with networks that take no memory."""
    config = TrainConfig.from_dict(values)
    if config.degradation:
        make_degradation(config.degradation, config.scale)
    with torch.device("meta"):
        network = starting_network(config).network
        module = (Regression if config.adversarial is None else AdversarialTraining)(network=network, config=config)
        module.configure_optimizers()
    return config, module
