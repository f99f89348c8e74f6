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


COLOUR = {"in_channels": 3, "out_channels": 3}
CLASSICAL = {"num_features": 180, "num_blocks": 6, "upsampler": "pixelshuffle"}
LARGE = {"num_features": 240, "num_blocks": 9, "num_heads": 8, "upsampler": "nearest+conv", "residual": "3conv"}


@pytest.mark.parametrize(
    ("network", "settings", "count"),
    [
        # ESRGAN's RRDBNet: 16.7 M; ESRGAN+ adds 69 convolutions 1x1 from 64 to 32 features to it
        ("rrdb", {"scale": 4, **COLOUR}, 16_697_987),
        ("esrgan-plus", {"scale": 4, **COLOUR, "noise": False}, 16_697_987 + 69 * 64 * 32),
        ("esrgan-plus", {"scale": 4, **COLOUR}, 16_697_987 + 69 * 64 * 32 + 69 * 64),
        # Real-ESRGAN's published files realesr-animevideov3 and realesr-general-x4v3
        ("srvgg", {"scale": 4, **COLOUR}, 621_424),
        ("srvgg", {"scale": 4, **COLOUR, "num_blocks": 32}, 1_213_296),
        # EDSR's table: baseline 1.37 M (x2) and 1.52 M (x4), full 40.7 M (x2) and 43.1 M (x4)
        ("edsr", {"scale": 2, **COLOUR}, 1_369_859),
        ("edsr", {"scale": 4, **COLOUR}, 1_517_571),
        ("edsr", {"scale": 2, **COLOUR, "num_features": 256, "num_blocks": 32}, 40_729_603),
        ("edsr", {"scale": 4, **COLOUR, "num_features": 256, "num_blocks": 32}, 43_089_923),
        # SwinIR's code: lightweight 910 k (x2) and 930 k (x4) (the paper: 878 and 897 k), classical 11.8 and 11.9 M,
        # large real-world 28.0 M
        ("swinir", {"scale": 2, **COLOUR}, 910_152),
        ("swinir", {"scale": 4, **COLOUR}, 929_628),
        ("swinir", {"scale": 2, **COLOUR, **CLASSICAL}, 11_752_487),
        ("swinir", {"scale": 4, **COLOUR, **CLASSICAL}, 11_900_199),
        ("swinir", {"scale": 4, **COLOUR, **LARGE}, 28_013_059),
    ],
)
def test_networks_have_their_published_sizes(network, settings, count):
    with torch.device("meta"):
        assert create_network(network, **settings).parameter_count() == count


@pytest.mark.parametrize(
    ("network", "settings", "millions", "digits"),
    [
        ("srresnet", {"scale": 4, **COLOUR}, 1.5, 1),  # SRGAN's authors, three colours
        ("rcan", {"scale": 4, **COLOUR, "num_features": 64}, 15.6, 1),  # RCAN's paper: 10 groups of 20 blocks
        ("wdsr", {"scale": 2, **COLOUR}, 1.19, 2),  # WDSR's code, WDSR-A of 16 blocks of 32 to 128 features
        ("drcn", {"scale": 4}, 1.77, 2),  # DRCN as later papers count it; 1 775 121 with its biases
    ],
)
def test_networks_have_about_their_published_sizes(network, settings, millions, digits):
    with torch.device("meta"):
        count = create_network(network, **settings).parameter_count()
    assert abs(count / 1e6 - millions) <= 10**-digits * 0.6


@pytest.mark.parametrize(
    ("network", "count"),
    [("srcnn", 8_032), ("fsrcnn", 12_464), ("vdsr", 9 * (64 + 18 * 64 * 64 + 64))],
)
def test_networks_have_the_weights_their_papers_count(network, count):
    """SRCNN 9-1-5, FSRCNN (56, 12, 4) and VDSR's twenty layers: weights of convolutions, one channel."""
    network = create_network(network, scale=4)
    assert sum(p.numel() for p in network.parameters() if p.ndim == 4) == count


def test_the_wiener_filter_keeps_single_precision_in_mixed_training():
    network = create_network("wiener", scale=2)
    torch.manual_seed(0)
    torch.nn.init.normal_(network.taps, std=0.3)
    lr = torch.rand(1, 1, 20, 20)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = network(lr)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, network(lr).detach())
