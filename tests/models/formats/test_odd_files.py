"""Checkpoints that hold more than a network's weights, or hold them in another way: what is taken, and what is said."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_sr.errors import ModelError
from napari_sr.models.formats import OpenQuestion, load_foreign
from napari_sr.models.formats.checkpoint import read_checkpoint, weights_in


@pytest.fixture(scope="module")
def nets():
    """Two state dicts with the names of SRVGGNetCompact, for grey images at x2."""
    drawn = torch.Generator().manual_seed(0)

    def one():
        return {
            "body.0.weight": torch.randn(4, 1, 3, 3, generator=drawn), "body.0.bias": torch.zeros(4),
            "body.1.weight": torch.ones(4), "body.2.weight": torch.randn(4, 4, 3, 3, generator=drawn),
            "body.2.bias": torch.zeros(4), "body.3.weight": torch.ones(4),
            "body.4.weight": torch.randn(4, 4, 3, 3, generator=drawn), "body.4.bias": torch.zeros(4),
        }  # fmt: skip

    return one(), one()


def loaded(content, tmp_path, name="x.pth", **answers):
    torch.save(content, tmp_path / name)
    return load_foreign(tmp_path / name, answers=answers or None)


def first(model):
    return next(v for k, v in model.network.state_dict().items() if v.ndim == 4)


def prefixed(state, prefix):
    return {f"{prefix}{key}": value for key, value in state.items()}


@pytest.mark.parametrize(
    "pack",
    [
        lambda raw, mean: {"model": raw, "ema": mean},
        lambda raw, mean: {"state_dict": raw, "ema": mean},
        lambda raw, mean: {"model": raw, "ema": {"decay": 0.999, "shadow": mean}},
        lambda raw, mean: {"netG": raw, "netG_ema": mean},
        lambda raw, mean: {"params": raw, "params_ema": mean},
        lambda raw, mean: prefixed(raw, "netG.") | prefixed(mean, "netG_ema."),
        lambda raw, mean: prefixed(raw, "model.") | prefixed(mean, "model_ema."),
        lambda raw, mean: prefixed(raw, "model.") | prefixed(mean, "ema."),
        lambda raw, mean: prefixed(raw, "generator.") | prefixed(mean, "ema_model.module."),
    ],
)
def test_the_running_mean_is_taken_and_the_rest_is_named(pack, nets, tmp_path):
    raw, mean = nets
    model = loaded(pack(raw, mean), tmp_path)
    torch.testing.assert_close(first(model), mean["body.0.weight"], rtol=0, atol=0)
    assert "ot taken" in model.card.source["detected"] or "left out" in model.card.source["detected"]


def test_a_number_called_ema_is_no_mean(nets, tmp_path):
    model = loaded({"model": nets[0], "ema": 0.999, "epoch": 3}, tmp_path)
    torch.testing.assert_close(first(model), nets[0]["body.0.weight"], rtol=0, atol=0)


@pytest.mark.parametrize(
    "pack", [lambda state: {"epoch": 1, "my_model": state}, lambda state: [state], lambda state: (state, {"lr": 1.0})]
)
def test_weights_under_any_name(pack, nets, tmp_path):
    torch.testing.assert_close(first(loaded(pack(nets[0]), tmp_path)), nets[0]["body.0.weight"], rtol=0, atol=0)


def test_which_of_two_networks_is_meant_is_asked(nets, tmp_path):
    both = {"G_AB": nets[0], "G_BA": nets[1], "optimizer": {"state": {}}}
    with pytest.raises(OpenQuestion, match=r"weights of several networks.*weights, one of: G_AB, G_BA"):
        loaded(both, tmp_path)
    model = loaded(both, tmp_path, weights="G_BA")
    torch.testing.assert_close(first(model), nets[1]["body.0.weight"], rtol=0, atol=0)


def test_what_is_not_finite_elsewhere_does_not_spoil_the_network(nets, tmp_path):
    broken = torch.full((2,), float("nan"))
    model = loaded(prefixed(nets[0], "generator.") | {"discriminator.w": broken}, tmp_path)
    torch.testing.assert_close(first(model), nets[0]["body.0.weight"], rtol=0, atol=0)
    failed = {**nets[1], "body.0.bias": torch.full((4,), float("inf"))}
    model = loaded({"params_ema": failed, "params": nets[0]}, tmp_path, "y.pth")
    torch.testing.assert_close(first(model), nets[0]["body.0.weight"], rtol=0, atol=0)
    assert "Weights in params_ema are not finite (in 'body.0.bias')" in model.card.source["detected"]


def test_other_storage_of_the_same_numbers(nets, tmp_path):
    state = nets[0]
    sparse = {key: value.to_sparse() for key, value in state.items()}
    arrays = {key: value.numpy() for key, value in state.items()}
    for number, content in enumerate((sparse, arrays, {"state_dict": state, "best_psnr": np.float64(31.2)})):
        model = loaded(content, tmp_path, f"{number}.pth")
        torch.testing.assert_close(first(model), state["body.0.weight"], rtol=0, atol=0)
    with warnings.catch_warnings():  # torch will not make such tensors for ever; their files stay
        warnings.simplefilter("ignore", UserWarning)
        quantised = {k: torch.quantize_per_tensor(v, 0.01, 0, torch.qint32) for k, v in state.items()}
    (weights,) = weights_in(quantised, "q.pth")
    torch.testing.assert_close(weights.state["body.0.weight"], state["body.0.weight"], rtol=0, atol=0.0051)


@pytest.mark.parametrize("name", ["x.pth", "X.SAFETENSORS", "x"])
def test_a_file_is_what_it_holds_and_not_what_it_is_called(name, nets, tmp_path):
    save_file(nets[0], tmp_path / name)
    assert set(read_checkpoint(tmp_path / name)) == set(nets[0])
    torch.save(nets[0], tmp_path / "y.safetensors")
    assert set(read_checkpoint(tmp_path / "y.safetensors")) == set(nets[0])


def test_numpy_s_numbers_are_allowed_and_nothing_else_of_it(tmp_path):
    """What a program saved beside its weights must not open the door to what NumPy can run."""
    torch.save({"a": np.testing.assert_equal}, tmp_path / "x.pth")
    with pytest.raises(Exception, match="refused: it contains program code"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_file_of_torch_without_check_sums_opens(nets, tmp_path):
    """``torch.serialization.set_crc32_options(False)`` writes sums that are wrong, all of them."""
    torch.serialization.set_crc32_options(False)
    try:
        model = loaded(nets[0], tmp_path)
    finally:
        torch.serialization.set_crc32_options(True)
    torch.testing.assert_close(first(model), nets[0]["body.0.weight"], rtol=0, atol=0)


def test_what_nobody_asked_for_is_no_answer(nets, tmp_path):
    with pytest.raises(ModelError, match=r"no question that goes by 'scal'.*says everything itself"):
        loaded(nets[0], tmp_path, scal=2)
    with pytest.raises(ModelError, match=r"goes by 'scale', and upscales by 2"):
        loaded(nets[0], tmp_path, scale=4)
    assert loaded(nets[0], tmp_path, scale=2).card.scale == 2
    two = {"G_AB": nets[0], "G_BA": nets[1]}
    with pytest.raises(ModelError, match="holds the weights of several"):
        loaded(two, tmp_path, wieghts="G_BA")
    with pytest.raises(ModelError, match=r"by 'head'. It can be told: weights"):
        loaded(two, tmp_path, weights="G_BA", head="none")
