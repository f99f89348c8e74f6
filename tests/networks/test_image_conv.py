"""Networks see all of an image in half precision, too, and lose next to nothing by it."""

import numpy as np
import pytest
import torch
from rounding import lost, rounding_of, told_to
from small_models import SMALL
from torch import nn

from napari_sr import load_model
from napari_sr.inference.device import Target, prepare
from napari_sr.models.store import shipped_names
from napari_sr.networks import NETWORKS, create_network
from napari_sr.networks.image_conv import HALF, ImageConv
from napari_sr.networks.rcan import ResidualGroup


@pytest.fixture
def bright():
    """A bright image with weak structure, which bfloat16 keeps one bit of."""
    return torch.from_numpy(0.9 + 0.002 * np.random.default_rng(3).normal(size=(2, 1, 24, 20)))


def sharpening(kind):
    """Weights that weigh differences alone, as a deconvolution's do."""
    torch.manual_seed(0)
    layer = kind(1, 6, 5, padding=2)
    with torch.no_grad():
        layer.weight.sub_(layer.weight.mean((2, 3), keepdim=True)).mul_(100)
    return layer


def whole(layer, image):
    """In double precision, of the weights as they are; without the border, where weights do not cancel."""
    return torch.conv2d(image, layer.weight.double(), layer.bias.double())


@pytest.mark.parametrize("dtype", HALF)
def test_an_image_is_not_rounded(bright, dtype):
    ours, usual = (sharpening(kind).to(dtype) for kind in (ImageConv, nn.Conv2d))
    expected = whole(ours, bright)
    found, rounded = (
        layer(image)[..., 2:-2, 2:-2].double() - expected
        for layer, image in ((ours, bright.float()), (usual, bright.to(dtype)))
    )
    step = torch.finfo(dtype).eps  # features are rounded
    assert found.abs().max() < step * expected.abs().max()
    assert rounded.std() > 20 * found.std()


def test_under_autocast_it_is_not_rounded(bright):
    layer = sharpening(ImageConv)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(bright.float())
    assert found.dtype == torch.bfloat16
    expected = whole(layer.bfloat16(), bright)
    assert (found[..., 2:-2, 2:-2].double() - expected).abs().max() < 2**-8 * expected.abs().max()


def test_a_library_that_rounds_is_given_both_parts(bright):
    layer = sharpening(ImageConv)
    expected = layer(bright.float())
    layer.rounded_to = torch.bfloat16
    seen = []
    layer_of = torch.nn.functional.conv2d

    def rounding(x, weight, bias, **more):
        seen.append(x.shape[1])
        return layer_of(x.bfloat16().float(), weight, bias, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_sr.networks.image_conv.F.conv2d", rounding)
        found = layer(bright.float())
    assert seen == [2]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=2e-3)


def test_in_single_precision_it_is_a_convolution(bright):
    torch.testing.assert_close(
        sharpening(ImageConv)(bright.float()), sharpening(nn.Conv2d)(bright.float()), rtol=0, atol=0
    )


def test_features_can_stay_in_single_precision(bright):
    layer = sharpening(ImageConv).bfloat16()
    layer.keeps_sums = True
    found = layer(bright.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[..., 2:-2, 2:-2].double(), whole(layer, bright), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in NETWORKS if NETWORKS[n].trainable and not NETWORKS[n].foreign])
def test_what_sees_the_image_gets_all_of_it(name):
    """In bfloat16, on the processor: not only what that keeps of it."""
    network = create_network(name, scale=NETWORKS[name].scales[0], **SMALL.get(name, {}))
    prepared = prepare(network, Target("cpu", "bf16"))
    seen = []
    for module in prepared.modules():
        if isinstance(module, ImageConv):
            module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        prepared(torch.rand(1, network.in_channels, 32, 32))
    if not all(p.dtype == torch.float32 for p in prepared.parameters()):
        assert seen
        assert all(image.dtype == torch.float32 for image in seen)
        assert (seen[0] != seen[0].bfloat16()).any()


def test_pixels_can_be_put_in_order_first(bright):
    layer = ImageConv(4, 6, 3, padding=1)

    def squares(image):
        return torch.pixel_unshuffle(image, 2)

    torch.testing.assert_close(layer(bright.float(), squares), layer(squares(bright.float())), rtol=0, atol=0)
    low = layer.bfloat16()
    torch.testing.assert_close(low(bright.float(), squares), low(squares(bright.float())), rtol=0, atol=0)


@pytest.mark.parametrize("name", [n for n in sorted(shipped_names()) if load_model(n).card.kind == "EM"])
def test_half_precision_costs_no_quality(name):
    """Before: up to 0.04 dB and 0.0026 of SSIM, by rounding the image alone."""
    model = load_model(name)
    runs = [prepare(model.network, Target("cpu", precision), told_to(model)) for precision in ("fp32", "bf16")]
    less = lost(model, *runs)
    assert less[0] < 0.02
    assert less[1] < 0.0005


@pytest.mark.parametrize("name", ["em-x4", "em-dfcan-x4", "em-wgan-pixel-x4", "em-wgan-x4", "em-rcan-x4"])
def test_it_is_what_rounding_had_cost_most(name, monkeypatch):
    """Beside the same with an image that is rounded; of RCAN, also with all sums rounded."""
    model = load_model(name)
    ours = rounding_of(model)
    monkeypatch.setattr("napari_sr.networks.image_conv.HALF", ())
    assert ours < 0.9 * rounding_of(model)


def test_sums_that_are_kept_cost_less_than_rounded_ones(monkeypatch):
    model = load_model("em-rcan-x4")
    ours = rounding_of(model)
    with monkeypatch.context() as patch:
        patch.setattr("napari_sr.networks.rcan.BFLOAT16", None)
        apart = rounding_of(model)
    for module in model.network.modules():
        if isinstance(module, ImageConv):
            module.keeps_sums = False
    assert ours < 0.95 * apart
    assert ours < 0.95 * rounding_of(model)


def test_sums_that_are_kept_apart_are_the_same(monkeypatch):
    """RCAN's groups, as they are computed in bfloat16, in single precision."""
    torch.manual_seed(1)
    group = ResidualGroup(num_features=8, num_blocks=5, reduction=4)
    x = torch.randn(2, 8, 12, 10)
    expected = group(x)
    monkeypatch.setattr("napari_sr.networks.rcan.BFLOAT16", torch.float32)
    torch.testing.assert_close(group(x), expected, rtol=1e-5, atol=1e-5)
