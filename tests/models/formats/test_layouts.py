"""Weights of every published layout compute here what they compute where they come from (CPU, fp32)."""

from __future__ import annotations

import importlib
import warnings

import published
import pytest
import torch
from published import grey, made, new_names
from safetensors.torch import save_file

from napari_sr.errors import ModelError
from napari_sr.models.formats import OpenQuestion, Question, convert, load_foreign
from napari_sr.models.formats.checkpoint import read_checkpoint, weights_in
from napari_sr.models.formats.found import Answers
from napari_sr.networks import create_network

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def of_spandrel(architecture: str, **settings: object) -> torch.nn.Module:
    module = importlib.import_module(f"spandrel.architectures.{architecture}")
    with warnings.catch_warnings():  # of torch, about how its networks are written
        warnings.simplefilter("ignore", UserWarning)
        return made(getattr(module, architecture)(**settings))


RRDB = {"in_nc": 3, "out_nc": 3, "num_filters": 8, "num_blocks": 2, "scale": 4}
SWIN = {"img_size": 16, "window_size": 8, "depths": [2, 2], "embed_dim": 16, "num_heads": [2, 2], "mlp_ratio": 2}
RCAN = {"n_feats": 16, "n_resblocks": 2, "n_resgroups": 2, "reduction": 4}
#: name: (module, the names of its weights where they are not its own, network here, scale)
LAYOUTS = {
    "rrdb-old": (lambda: of_spandrel("ESRGAN", **RRDB), None, "rrdb", 4),
    "rrdb-new": (lambda: of_spandrel("ESRGAN", **RRDB), new_names, "rrdb", 4),
    "rrdb-trunk": (lambda: of_spandrel("ESRGAN", **RRDB), lambda s: new_names(s, trunk=True), "rrdb", 4),
    "rrdb-x2plus": (
        lambda: of_spandrel("ESRGAN", **{**RRDB, "in_nc": 12, "shuffle_factor": 2}), new_names, "rrdb", 2,
    ),
    "rrdb-old-x8": (lambda: of_spandrel("ESRGAN", **{**RRDB, "scale": 8, "num_blocks": 1}), None, "rrdb", 8),
    "rrdb-old-x2": (lambda: of_spandrel("ESRGAN", **{**RRDB, "scale": 2, "num_blocks": 1}), None, "rrdb", 2),
    "rrdb-old-x1": (lambda: of_spandrel("ESRGAN", **{**RRDB, "scale": 1, "num_blocks": 1}), None, "spandrel", 1),
    "esrgan-plus": (lambda: of_spandrel("ESRGAN", **{**RRDB, "plus": True}), None, "esrgan-plus", 4),
    "srvgg-x4": (lambda: of_spandrel("Compact", num_feat=8, num_conv=3), None, "srvgg", 4),
    "srvgg-x3": (lambda: of_spandrel("Compact", num_feat=8, num_conv=2, upscale=3), None, "srvgg", 3),
    "srvgg-x1": (lambda: of_spandrel("Compact", num_feat=8, num_conv=2, upscale=1), None, "srvgg", 1),
    "rcan": (lambda: of_spandrel("RCAN", **RCAN, norm=False, scale=2), None, "rcan", 2),
    "swinir-classical": (
        lambda: of_spandrel("SwinIR", **SWIN, upsampler="pixelshuffle", upscale=4), None, "colour", 4,
    ),
    "swinir-light": (
        lambda: of_spandrel("SwinIR", **SWIN, upsampler="pixelshuffledirect", upscale=3), None, "colour", 3,
    ),
    "swinir-real": (
        lambda: of_spandrel("SwinIR", **SWIN, upsampler="nearest+conv", upscale=4, resi_connection="3conv"),
        None, "colour", 4,
    ),
    "edsr-official": (lambda: made(published.OfficialEDSR(4, 8, 1.0, 255.0)), None, "colour", 4),
    "edsr-official-unit": (lambda: made(published.OfficialEDSR(3, 8, 1.0, 1.0)), None, "colour", 3),
    "edsr-basicsr": (lambda: made(published.BasicEDSR(2, 8)), None, "colour", 2),
    "msrresnet-x4": (lambda: made(published.MSRResNet(4, 8)), None, "msrresnet", 4),
    "msrresnet-x3": (lambda: made(published.MSRResNet(3, 8)), None, "msrresnet", 3),
    "srgan": (lambda: made(published.SRGAN(4, 8)), None, "colour", 4),
    "span": (
        lambda: of_spandrel("SPAN", num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2), None, "spandrel", 2,
    ),
}  # fmt: skip


@pytest.mark.usefixtures("spandrel")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_computes_what_the_original_does(layout, tmp_path):
    build, names, network, scale = LAYOUTS[layout]
    torch.manual_seed(0)
    module = build()
    state = module.state_dict()
    torch.save(names(state) if names else state, tmp_path / "x.pth")
    model = load_foreign(tmp_path / "x.pth")
    assert (model.card.network, model.scale) == (network, scale)
    assert (model.card.in_channels, model.card.out_channels) == (1, 1)
    assert f"×{scale}" in model.card.source["detected"]
    lr = torch.rand(1, 1, 16, 24)
    expected = grey(module, lr)
    assert expected.std() > 1e-3
    with torch.inference_mode():
        torch.testing.assert_close(model.network(lr), expected, **TOLERANCE)


def test_rcan_with_the_mean_colour_of_its_authors(spandrel, tmp_path):
    """Its layers for the mean are not scaled as the others are: they say which mean, and which range."""
    torch.manual_seed(0)
    module = of_spandrel("RCAN", **RCAN, norm=True, scale=4)
    for shift in (module.sub_mean, module.add_mean):
        shift.weight.data, sign = torch.eye(3).view(3, 3, 1, 1), -1 if shift is module.sub_mean else 1
        shift.bias.data = sign * 255 * torch.tensor(published.MEAN)
    torch.save(module.state_dict(), tmp_path / "rcan.pt")
    model = load_foreign(tmp_path / "rcan.pt")
    assert model.card.hyper_parameters["settings"]["value_range"] == 255
    assert model.network.localises  # its attention pools over windows, as that of an RCAN for one channel does
    lr = torch.rand(1, 1, 12, 9)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(lr), grey(module, lr), **TOLERANCE)


#: how programs wrap weights: what is around them, and what is before their names
CONTAINERS = {
    "plain": lambda s: s,
    "params": lambda s: {"params": s},
    "ema before the last": lambda s: {"params": {k: v + 1 for k, v in s.items()}, "params_ema": s},
    "state_dict and more": lambda s: {"state_dict": s, "epoch": 3, "optimizer": {"state": {}, "param_groups": []}},
    "model": lambda s: {"model": s, "iter": 5},
    "nested": lambda s: {"model": {"state_dict": s}},
    "netG": lambda s: {"netG": s, "netD": {"a": torch.ones(2)}},
    "generator beside a discriminator": lambda s: {"discriminator": {"a": torch.ones(2)}, "generator": s},
}
PREFIXES = {
    "none": lambda s: s,
    "module": lambda s: {f"module.{k}": v for k, v in s.items()},
    "netG": lambda s: {f"netG.{k}": v for k, v in s.items()},
    "Lightning": lambda s: {
        **{f"generator.{k}": v for k, v in s.items()}, "discriminator.0.weight": torch.ones(3, 3),
        "loss.vgg.0.weight": torch.ones(3),
    },
    "model": lambda s: {f"model.{k}": v for k, v in s.items()},
    "module.model": lambda s: {f"module.model.{k}": v for k, v in s.items()},
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(spandrel):
    """Three layouts, one of which has names that begin like a prefix."""
    torch.manual_seed(0)
    old = of_spandrel("ESRGAN", **{**RRDB, "num_blocks": 1})
    compact = of_spandrel("Compact", num_feat=4, num_conv=1)
    return {"old": (old, old.state_dict()), "new": (old, new_names(old.state_dict())),
            "compact": (compact, compact.state_dict())}  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("layout", ["old", "new", "compact"])
def test_containers_and_prefixes_are_taken_off(weights, layout, prefix, container, tmp_path):
    _, state = weights[layout]
    torch.save(CONTAINERS[container](PREFIXES[prefix](dict(state))), tmp_path / "x.ckpt")
    found = convert.find(weights_in(read_checkpoint(tmp_path / "x.ckpt"), "x.ckpt"), Answers())
    plain = convert.find(weights_in(state, "plain"), Answers())
    assert (found.network, found.hyper_parameters) == (plain.network, plain.hyper_parameters)
    assert found.state.keys() == plain.state.keys()
    assert all(torch.equal(found.state[name], plain.state[name]) for name in plain.state)
    notes = " ".join(found.detected.notes)
    assert ("were left out ('discriminator.0.weight'" in notes) == (prefix == "Lightning")
    assert bool(found.detected.container) == (container != "plain")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_weights_become_single(weights, dtype, tmp_path):
    module, state = weights["compact"]
    save_file({k: v.to(dtype).contiguous() for k, v in state.items()}, tmp_path / "half.safetensors")
    model = load_foreign(tmp_path / "half.safetensors")
    assert all(p.dtype == torch.float32 for p in model.network.parameters())
    assert f"stored as {str(dtype).removeprefix('torch.')}" in model.card.description
    lr = torch.rand(1, 1, 6, 7)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(lr), grey(module, lr), rtol=0.05, atol=0.02)


OWN = [
    ("wgan", {"num_blocks": 2, "num_features": 8, "head": "tanh"}),
    ("dfcan", {"num_groups": 2, "num_blocks": 3, "num_features": 16, "head": "sigmoid", "skip": "filter"}),
    ("srresnet", {"num_blocks": 2, "num_features": 8, "head": "linear"}),
    ("rcan", {"num_groups": 2, "num_blocks": 3, "num_features": 32, "head": "linear"}),
    ("rrdb", {"num_blocks": 2, "num_features": 8, "growth": 4, "head": "linear"}),
    ("adaptive", {"num_blocks": 1, "num_features": 8, "kernel_size": 5}),
    ("edsr", {"num_blocks": 3, "num_features": 8}),
    ("srvgg", {"num_blocks": 3, "num_features": 8}),
    ("swinir", {"num_blocks": 1, "num_layers": 2, "num_features": 8, "num_heads": 2, "window_size": 4}),
    ("wdsr", {"num_blocks": 2, "num_features": 8, "expansion": 2}),
    ("vdsr", {"num_blocks": 3, "num_features": 8}),
    ("fsrcnn", {"num_blocks": 2, "num_features": 8, "num_shrunk": 6}),
    ("srcnn", {"num_features": 8, "num_maps": 4}),
    ("drcn", {"num_features": 8, "num_blocks": 3}),
    ("msrresnet", {"num_features": 8, "num_blocks": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), OWN, ids=[name for name, _ in OWN])
def test_our_own_weights_without_a_card(name, settings, tmp_path):
    torch.manual_seed(0)
    network = create_network(name, scale=4, **settings).eval()
    torch.save({"state_dict": network.state_dict()}, tmp_path / "own.pt")
    answers = {key: settings[key] for key in ("head",) if key in settings}
    if name in ("srcnn", "vdsr", "drcn", "fsrcnn"):  # nothing in them shows the scale
        with pytest.raises(OpenQuestion, match="scale"):
            load_foreign(tmp_path / "own.pt")
        answers["scale"] = 4
    model = load_foreign(tmp_path / "own.pt", answers=answers)
    assert model.card.network == name
    lr = torch.rand(1, 1, 9, 8)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(lr), network(lr), rtol=0, atol=0)


def test_what_weights_do_not_show_is_asked(tmp_path):
    network = create_network("wgan", scale=2, num_blocks=1, num_features=8)
    torch.save(network.state_dict(), tmp_path / "own.pt")
    with pytest.raises(OpenQuestion, match=r"own.pt: .*several activations.* head, one of: linear, tanh") as caught:
        load_foreign(tmp_path / "own.pt")
    assert isinstance(caught.value.question, Question)
    assert caught.value.question.choices == ("linear", "tanh", "sigmoid")
    answered = load_foreign(tmp_path / "own.pt", answers={caught.value.question.key: "tanh"})
    assert answered.intensity.upper < 1  # tanh does not reach it
    with pytest.raises(ModelError, match="'relu' is no answer"):
        load_foreign(tmp_path / "own.pt", answers={"head": "relu"})


def test_a_scale_that_is_not_shown_is_assumed_and_said(spandrel, tmp_path):
    """One step of nearest-neighbour upsampling is by 2 or 3."""
    module = of_spandrel("ESRGAN", **{**RRDB, "scale": 2, "num_blocks": 1})
    torch.save(module.state_dict(), tmp_path / "x.pth")
    model = load_foreign(tmp_path / "x.pth")
    assert model.scale == 2
    assert "scale = 2 was assumed (2 or 3)" in model.card.description
    other = load_foreign(tmp_path / "x.pth", scale=3)
    assert other.scale == 3
    assert "assumed" not in other.card.description
    with torch.inference_mode():
        assert other.network(torch.rand(1, 1, 5, 6)).shape == (1, 1, 15, 18)
