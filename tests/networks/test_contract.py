"""What every registered network must do."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import SMALL

from napari_sr.errors import ConfigError
from napari_sr.networks import NETWORKS, create_network

# those of other programs are nothing without their weights: test_foreign_contract.py
OWN = [name for name in NETWORKS if not NETWORKS[name].foreign]
ALL = [(name, scale) for name in OWN for scale in NETWORKS[name].scales if scale <= 8]
TRAINABLE = [name for name in OWN if NETWORKS[name].trainable]


def small(name, scale, **changes):
    torch.manual_seed(0)
    return create_network(name, scale=scale, **{**SMALL.get(name, {}), **changes}).eval()


@pytest.mark.parametrize(("name", "scale"), ALL)
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (12, 17)])
def test_output_is_scaled_and_finite(name, scale, size):
    with torch.inference_mode():
        sr = small(name, scale)(torch.rand(2, 1, *size))
    assert sr.shape == (2, 1, size[0] * scale, size[1] * scale)
    assert sr.dtype == torch.float32
    assert torch.isfinite(sr).all()


@pytest.mark.parametrize("name", OWN)
def test_hyper_parameters_rebuild_it(name):
    network = small(name, 2)
    again = create_network(name, **network.hyper_parameters)
    again.load_state_dict(network.state_dict())
    lr = torch.rand(1, 1, 9, 8)
    with torch.inference_mode():
        torch.testing.assert_close(again.eval()(lr), network(lr), rtol=0, atol=0)


@pytest.mark.parametrize(("name", "scale"), ALL)
def test_folding_changes_no_number(name, scale):
    network = small(name, scale)
    lr = torch.randn(1, 1, 13, 9)
    with torch.inference_mode():
        torch.testing.assert_close(copy.deepcopy(network).fold_for_inference()(lr), network(lr), rtol=1e-5, atol=2e-6)


def reach(network, scale):
    """How far the farthest LR pixel is that an LR pixel's outputs depend on: where their gradient is not zero.

    With random weights in double precision, no end of a kernel is too faint to be seen.
    """
    dtype = torch.float64 if network.trainable else torch.float32
    network = network.to(dtype)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.2 * torch.randn_like(weight))
    middle = network.halo + 2
    lr = torch.rand(1, 1, 2 * middle + 1, 2 * middle + 1, dtype=dtype, requires_grad=True)
    own = network(lr)[..., middle * scale : (middle + 1) * scale, middle * scale : (middle + 1) * scale]
    (gradient,) = torch.autograd.grad(own.square().sum(), lr)
    return int((torch.nonzero(gradient[0, 0]) - middle).abs().max())


@pytest.mark.parametrize(("name", "scale"), [(n, s) for n, s in ALL if not NETWORKS[n].pools_tile])
def test_halo_is_the_receptive_field(name, scale):
    """Neither too small, which shows as seams, nor too large, which costs time for nothing."""
    network = small(name, scale)
    if scale == 1:  # an interpolation then looks at one pixel alone, whatever its kernel
        assert reach(network, scale) <= network.halo
    else:
        assert reach(network, scale) == network.halo


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_few_steps_lower_the_loss(name):
    network = small(name, 2).train()
    lr = torch.rand(2, 1, 16, 16)
    target = torch.nn.functional.interpolate(lr, scale_factor=2, mode="bilinear") * 0.5
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = (network(lr) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("name", OWN)
def test_impossible_settings_are_refused(name):
    with pytest.raises(ConfigError, match="cannot upscale by 9"):
        create_network(name, scale=9)
    with pytest.raises(ConfigError, match="colour"):
        create_network(name, scale=2, colour="blue")


@given(height=st.integers(1, 12), width=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_power_spectrum_is_the_shifted_fft(height, width):
    from napari_sr.networks.dfcan import power_spectrum

    x = torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(height * 13 + width))
    full = torch.fft.fftshift(torch.fft.fft2(x, norm="ortho").abs().pow(0.8), dim=(-2, -1))
    torch.testing.assert_close(power_spectrum(x), full, rtol=1e-4, atol=1e-4)
