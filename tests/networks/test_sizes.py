"""Parameter counts that the sources state, and interpolation against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from napari_sr.networks import create_network


def test_wgan_generator_has_the_thesis_parameters():
    assert create_network("wgan", scale=4).parameter_count() == 1_406_546


def test_dfcan_has_about_2_4_million():
    assert create_network("dfcan", scale=4).parameter_count() == pytest.approx(2.4e6, rel=0.03)


def test_rcan_has_about_0_98_million():
    assert create_network("rcan", scale=4).parameter_count() == pytest.approx(0.98e6, rel=0.01)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_interpolation_equals_torch(mode, scale):
    lr = torch.rand(2, 1, 11, 14)
    options = {} if mode == "nearest" else {"align_corners": False}
    expected = F.interpolate(lr, scale_factor=scale, mode=mode, **options)
    torch.testing.assert_close(create_network(mode, scale=scale)(lr), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lanczos_keeps_constants_and_beats_bilinear_on_a_wave(scale):
    x = torch.arange(64, dtype=torch.float32)
    wave = torch.sin(x * 1.2)[None, None, None].expand(1, 1, 64, 64).contiguous()
    fine = (torch.arange(64 * scale) + 0.5) / scale - 0.5
    truth = torch.sin(fine * 1.2)
    inner = slice(6 * scale, -6 * scale)

    def error(name):
        return (create_network(name, scale=scale)(wave)[0, 0, 32 * scale] - truth)[inner].abs().mean()

    assert error("lanczos") < 0.5 * error("bilinear")
    constant = torch.full((1, 1, 5, 5), 3.25)
    torch.testing.assert_close(
        create_network("lanczos", scale=scale)(constant), torch.full((1, 1, 5 * scale, 5 * scale), 3.25)
    )


def test_generators_of_the_gans_have_their_published_sizes():
    # SRResNet as SRGAN's authors count it, with three colours: 1.5 M; ESRGAN's RRDBNet: 16.7 M
    srresnet = create_network("srresnet", scale=4, in_channels=3, out_channels=3).parameter_count()
    rrdb = create_network("rrdb", scale=4, in_channels=3, out_channels=3).parameter_count()
    assert round(srresnet / 1e6, 1) == 1.5
    assert rrdb == 16_697_987


def test_the_wiener_filter_keeps_single_precision_in_mixed_training():
    network = create_network("wiener", scale=2)
    torch.manual_seed(0)
    torch.nn.init.normal_(network.taps, std=0.3)
    lr = torch.rand(1, 1, 20, 20)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = network(lr)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, network(lr).detach())
