"""What every registered network must do while and after it is trained, besides its geometry."""

import numpy as np
import pytest
import torch
from small_models import SMALL, make_model

from napari_sr import upscale
from napari_sr.inference.device import Target, localised, prepare
from napari_sr.inference.fixed_channels import FixedChannels
from napari_sr.models.model import load, save
from napari_sr.networks import NETWORKS, create_network
from napari_sr.networks.channel_attention import channel_factors

TRAINABLE = [name for name in NETWORKS if NETWORKS[name].trainable and not NETWORKS[name].foreign]


def shaken(network):
    """What starts at zero, or as interpolation, hides what lies before it."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def small(name, scale=2, **changes):
    torch.manual_seed(0)
    return create_network(name, scale=scale, **{**SMALL.get(name, {}), **changes})


@pytest.mark.parametrize("name", [n for n in TRAINABLE if not NETWORKS[n].conditions and not NETWORKS[n].linear])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_colours_go_in_and_out(name, scale):
    network = small(name, scale, in_channels=3, out_channels=3).eval()
    with torch.inference_mode():
        sr = network(torch.rand(2, 3, 8, 9))
    assert sr.shape == (2, 3, 8 * scale, 9 * scale)
    assert torch.isfinite(sr).all()


@pytest.mark.parametrize("name", TRAINABLE)
def test_every_weight_learns(name):
    """One that gets no gradient is trained by nobody, and shipped for nothing."""
    network = shaken(small(name)).train()
    network(torch.rand(2, 1, 12, 12)).square().mean().backward()
    silent = [key for key, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert silent == []


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_saved_model_gives_the_same_numbers(name, tmp_path):
    """fp32 on the CPU, through the engine."""
    model = make_model(name, 2)
    save(model, tmp_path / "m.safetensors")
    image = (255 * torch.rand(20, 24, generator=torch.Generator().manual_seed(0))).numpy()
    first, again = (
        upscale(image, m, device="cpu", precision="fp32") for m in (model, load(tmp_path / "m.safetensors"))
    )
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", TRAINABLE)
def test_tiles_join_to_the_whole(name):
    """fp32 on the CPU: exactly within the receptive field, nearly where a window or a mean sees more."""
    model = make_model(name, 2)
    network = prepare(localised(model), Target("cpu", "fp32"))
    halo, side = min(model.network.halo, 24), 7  # no multiple of a window
    lr = torch.rand(1, 1, 2 * halo + 3 * side, 2 * halo + side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = network(lr)[..., 2 * (halo + side) : 2 * (halo + 2 * side), :]
        tile = network(lr[..., side : side + 2 * halo + side, :])[..., 2 * halo : 2 * (halo + side), :]
    far = float((tile - whole).abs().max() / whole.std())
    if model.network.pools_tile:
        assert far < (1e-3 if model.network.localises else 0.1)
    else:
        assert far < 1e-5


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", TRAINABLE)
def test_a_network_stays_what_it_is_while_a_copy_is_prepared(name, precision):
    model = make_model(name, 2)
    network = shaken(model.network)
    lr = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    kinds = [(type(m), m.training) for m in network.modules()]
    with torch.inference_mode():
        expected = network(lr)
    if network.fixes:  # scaled alike everywhere, and folded so
        factors, _ = channel_factors(network, lr)
        channels = FixedChannels(factors[0], {"fp32": 4})
        prepare(channels.of(model).network, Target("cpu", precision))
    prepare(localised(model), Target("cpu", precision))
    assert [(type(m), m.training) for m in network.modules()] == kinds
    assert all(p.requires_grad for p in network.parameters()) == ("filters.taps" not in before)  # those are fixed
    for key, value in network.state_dict().items():
        assert value.dtype == before[key].dtype, key
        assert torch.equal(value, before[key]), key
        assert value.stride() == before[key].stride(), key
    with torch.inference_mode():
        assert torch.equal(network(lr), expected)


@pytest.mark.parametrize("name", TRAINABLE)
def test_bf16_is_close_to_fp32(name):
    """On the CPU: within what eight bits leave of the values that go through it."""
    network = shaken(small(name)).eval()
    lr = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact, fast = (prepare(network, Target("cpu", precision))(lr) for precision in ("fp32", "bf16"))
    assert fast.dtype == torch.float32
    scale = max(float(exact.std()), float(exact.abs().mean()))
    assert float((fast - exact).abs().mean()) < 0.02 * scale
    assert len(np.unique(fast.numpy())) > 1000  # bf16 has 128 values an octave: the head must not be rounded to them
