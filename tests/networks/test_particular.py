"""What only one network does."""

import math

import pytest
import torch
import torch.nn.functional as F
from small_models import SMALL

from napari_sr.errors import ConfigError
from napari_sr.networks import create_network
from napari_sr.networks.singan import SinGAN, SinGANPyramid


def small(name, scale=2, **changes):
    torch.manual_seed(0)
    return create_network(name, scale=scale, **{**SMALL[name], **changes})


@pytest.mark.parametrize("upsampler", ["pixelshuffledirect", "pixelshuffle", "nearest+conv"])
@pytest.mark.parametrize("residual", ["1conv", "3conv"])
@pytest.mark.parametrize("scale", [2, 3])
def test_swinirs_halo_is_that_of_the_pixel_that_sees_the_farthest(upsampler, residual, scale):
    """Where the outputs of each pixel of one window have a gradient, windows counted from the corner."""
    network = small("swinir", scale, num_layers=3, upsampler=upsampler, residual=residual).double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.3 * torch.randn_like(weight))
    window, reach = network.window_size, 0
    first = -(-network.halo // window) * window
    side = 2 * first + window
    lr = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    sr = network(lr)
    for pixel in range(first, first + window):
        own = sr[..., pixel * scale : (pixel + 1) * scale, pixel * scale : (pixel + 1) * scale]
        (gradient,) = torch.autograd.grad(own.square().sum(), lr, retain_graph=True)
        reach = max(reach, int((torch.nonzero(gradient[0, 0]) - pixel).abs().max()))
    assert reach == network.halo


def test_swinirs_tiles_are_exact_where_their_corner_is_a_windows():
    """fp32 on the CPU."""
    network = small("swinir").eval()
    halo = -(-network.halo // 4) * 4
    lr = torch.rand(1, 1, 3 * halo, 16)
    with torch.inference_mode():
        whole = network(lr)[..., 2 * 2 * halo : 2 * (2 * halo + 4), :]
        aligned = network(lr[..., halo:, :])[..., 2 * halo : 2 * (halo + 4), :]
        off = network(lr[..., halo - 1 :, :])[..., 2 * (halo + 1) : 2 * (halo + 5), :]
    torch.testing.assert_close(aligned, whole, rtol=0, atol=1e-5)
    assert (off - whole).abs().max() > 1e-5


def test_swinir_may_have_heads_that_do_not_divide_its_features():
    network = create_network("swinir", scale=2, num_features=16, num_blocks=1, num_layers=1, num_heads=6)
    assert network.blocks[0].layers[0].attention.qkv.out_features == 3 * 18


def test_noise_of_esrgan_plus_is_there_while_it_trains_and_only_where_it_was_learnt():
    network = small("esrgan-plus")
    lr = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(network.train()(lr), network(lr))  # starts without
    for key, parameter in network.named_parameters():
        if key.endswith("noise"):
            torch.nn.init.constant_(parameter, 0.5)
    assert (network(lr) - network(lr)).abs().max() > 1e-5
    network.eval()
    torch.testing.assert_close(network(lr), network(lr), rtol=0, atol=0)
    assert not [k for k, _ in small("esrgan-plus", noise=False).named_parameters() if k.endswith("noise")]


def test_what_drcn_returns_is_the_weighted_sum_of_what_it_predicts():
    network = small("drcn").eval()
    torch.nn.init.uniform_(network.weights)
    lr = torch.rand(2, 1, 6, 7)
    every = network.predictions(lr)
    assert every.shape == (2, 2, 1, 12, 14)
    torch.testing.assert_close(network(lr), sum(w * y for w, y in zip(network.weights, every, strict=True)))


@pytest.mark.parametrize("name", ["srvgg", "vdsr", "drcn", "singan"])
def test_an_output_that_is_added_to_the_input_has_its_channels(name):
    with pytest.raises(ConfigError, match="out_channels must be in_channels"):
        create_network(name, scale=2, in_channels=3)


@pytest.mark.parametrize("name", ["edsr", "rcan", "wdsr", "swinir"])
def test_a_mean_colour_is_that_of_colours(name):
    with pytest.raises(ConfigError, match="three colours"):
        create_network(name, scale=2, mean="div2k")
    network = small(name, in_channels=3, out_channels=3, mean="div2k", value_range=255.0).eval()
    plain = small(name, in_channels=3, out_channels=3).eval()
    plain.load_state_dict(network.state_dict())
    lr = torch.rand(1, 3, 9, 9)
    mean = torch.tensor([0.4488, 0.4371, 0.4040])[:, None, None]
    with torch.inference_mode():
        torch.testing.assert_close(network(lr), plain((lr - mean) * 255) / 255 + mean, rtol=1e-4, atol=1e-5)


def test_squares_of_other_sizes_are_refused():
    with pytest.raises(ConfigError, match="unshuffle is 1, 2 or 4"):
        create_network("rrdb", scale=2, unshuffle=3)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_singan_grows_step_by_step(scale):
    network = create_network("singan", scale=scale)
    assert network.ratio**network.num_steps == pytest.approx(scale)
    assert network.ratio == pytest.approx(2 ** (1 / 3), rel=0.04)
    for parameter in network.generator.last.parameters():
        torch.nn.init.zeros_(parameter)  # without detail, it is interpolation many times over
    ramp = torch.linspace(-0.5, 0.5, 40)[None, None, None].expand(1, 1, 12, 40)
    with torch.inference_mode():
        sr = network.eval()(ramp)
    expected = F.interpolate(ramp, scale_factor=scale, mode="bilinear")
    inner = slice(8 * scale, -8 * scale)
    # torch's bicubic kernel does not keep ramps; half a pixel's shift would be 0.0128
    torch.testing.assert_close(sr[..., inner], expected[..., inner], rtol=0, atol=5e-3)


def test_singans_pyramid_learns_to_reconstruct_its_image_from_fixed_noise():
    torch.manual_seed(0)
    sizes = SinGANPyramid.sizes_of(40, 52, ratio=2 ** (1 / 3), smallest=25)
    assert sizes[-1] == (40, 52)
    assert [min(s) for s in sizes] == [25, 32, 40]
    pyramid = SinGANPyramid(sizes=sizes, num_features=8, num_blocks=1)
    image = F.interpolate(torch.rand(1, 1, 10, 13), size=sizes[-1], mode="bicubic") - 0.5
    targets = pyramid.images(image)
    assert [t.shape[-2:] for t in targets] == sizes
    errors = []
    for number, target in enumerate(targets):
        optimizer = torch.optim.Adam(pyramid.generators[number].parameters(), lr=5e-3)
        for _ in range(40):
            noise = None if number else pyramid.fixed_noise
            loss = (pyramid.generators[number](pyramid.reconstructed(number), noise) - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        errors.append(math.sqrt(loss.item()))
        if number + 1 < len(sizes):
            pyramid.amplitudes[number + 1] = 0.1 * errors[-1]
    assert errors[-1] < 0.5 * float(image.std())
    assert [tuple(pyramid.drawn(n).shape[-2:]) for n in range(4)] == [*sizes, sizes[-1]]
    assert not pyramid.drawn(0).any()
    assert (pyramid.drawn(1) - pyramid.drawn(1)).abs().max() > 1e-3
    network = SinGAN(scale=2, num_features=8, num_blocks=1)
    network.generator.load_state_dict(pyramid.generators[-1].state_dict())
