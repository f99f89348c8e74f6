"""Convolutions fused with what follows them, against torch's own steps."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from small_models import SMALL
from torch import nn

from napari_sr.inference.device import Target, prepare
from napari_sr.inference.runner import interruptible
from napari_sr.networks import NETWORKS, blocks, create_network, fused
from napari_sr.networks.blocks import OutputHead
from napari_sr.networks.channel_attention import channel_factors, fix_channels
from napari_sr.networks.fused import ConvActivated, ConvPlus, FusedBlock

FAST = [name for name in NETWORKS if NETWORKS[name].trainable and not NETWORKS[name].foreign]
#: those whose blocks are fused as soon as they are prepared
BLOCKS = ("adaptive", "dfcan", "edsr", "esrgan-plus", "msrresnet", "rrdb", "vdsr", "wdsr", "wgan")
ACTIVATIONS = (
    (nn.ReLU(), F.relu), (nn.LeakyReLU(0.1), lambda y: F.leaky_relu(y, 0.1)),
    (nn.PReLU(init=-0.3), lambda y: torch.where(y < 0, -0.3 * y, y)), (nn.GELU(), F.gelu),
)  # fmt: skip
TRIED = (torch.float32, torch.bfloat16)


def features(*shape, dtype=torch.float32):
    return torch.randn(*shape).to(dtype).contiguous(memory_format=torch.channels_last)


def of(network, kind):
    return [m for m in network.modules() if isinstance(m, kind)]


def with_weights(name, scale=2):
    torch.manual_seed(0)
    network = create_network(name, scale=scale, **SMALL.get(name, {})).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))  # some begin at zero, and would hide what comes before them
    return network


@pytest.mark.parametrize("dtype", TRIED)
@pytest.mark.parametrize(("activation", "expected"), ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 16, 1, 1), (2, 16, 7, 30), (1, 16, 64, 33)])
def test_a_block_is_convolution_activation_convolution_and_sum(activation, expected, dtype, shape):
    if not fused.can_fuse(dtype):  # nothing is fused on such a processor: test_nothing_is_fused_where_it_cannot_be
        return
    torch.manual_seed(0)
    conv1, conv2 = (nn.Conv2d(16, 16, 3, padding=1).to(dtype) for _ in range(2))
    x = features(*shape, dtype=dtype)
    before = x.clone()
    with torch.inference_mode():
        want = x.double() + F.conv2d(
            expected(F.conv2d(x.double(), conv1.weight.double(), conv1.bias.double(), padding=1)),
            conv2.weight.double(), conv2.bias.double(), padding=1,
        )  # fmt: skip
        found = FusedBlock(conv1, activation, conv2)(x)
    assert found.dtype == dtype
    close = {torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    torch.testing.assert_close(found.double(), want, rtol=close, atol=close)
    assert torch.equal(x, before)  # other parts of a network read it, too


@pytest.mark.parametrize("name", FAST)
def test_a_prepared_network_gives_the_numbers_of_the_network(name):
    network = with_weights(name)
    lr = torch.rand(2, 1, 24, 33)
    prepared = prepare(network, Target("cpu", "fp32"))
    with torch.inference_mode():
        expected = network(lr)
        size = float(expected.abs().max())
        torch.testing.assert_close(prepared(lr), expected, rtol=1e-5, atol=1e-5 * size)
    found = of(prepared, ConvActivated | ConvPlus)
    assert found or name not in BLOCKS or not fused.can_fuse(torch.float32)


@pytest.mark.parametrize("name", BLOCKS)
def test_low_precision_rounds_no_worse(name):
    network = with_weights(name)
    lr = torch.rand(1, 1, 24, 33)
    target = Target("cpu", "bf16")
    steps = prepare(network, Target("cpu", "fp32"))
    prepared = prepare(network, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "can_fuse", lambda dtype: False)
        plain = prepare(network, target)
    assert not of(plain, ConvActivated | ConvPlus)
    with torch.inference_mode():
        exact = steps(lr)
        errors = [float((n(lr) - exact).square().mean().sqrt()) for n in (prepared, plain)]
    assert errors[0] <= 1.1 * errors[1] + 1e-6


def test_nothing_is_fused_where_it_cannot_be(monkeypatch):
    class Without:
        def __getattr__(self, name):
            raise AttributeError(f"no operator {name}")

    fused.can_fuse.cache_clear()
    monkeypatch.setattr(torch.ops, "mkldnn", Without(), raising=False)
    try:
        assert not fused.can_fuse(torch.float32)
        network = with_weights("wgan")
        lr = torch.rand(1, 1, 9, 8)
        prepared = prepare(network, Target("cpu", "fp32"))
        assert not of(prepared, ConvActivated | ConvPlus)
        with torch.inference_mode():
            torch.testing.assert_close(prepared(lr), network(lr), rtol=1e-5, atol=1e-5)
    finally:
        monkeypatch.undo()
        fused.can_fuse.cache_clear()


def test_operators_that_compute_something_else_are_not_used(monkeypatch):
    fused.can_fuse.cache_clear()
    monkeypatch.setattr(ConvPlus, "forward", lambda self, x, other: nn.Conv2d.forward(self, x))  # forgets the sum
    try:
        assert not fused.can_fuse(torch.float32)
    finally:
        fused.can_fuse.cache_clear()


def test_double_precision_is_left_alone():
    assert not fused.can_fuse(torch.float64)


def test_gradients_and_records_take_the_usual_operators():
    network = with_weights("wgan")
    prepared = prepare(network, Target("cpu", "fp32"))
    lr = torch.rand(1, 1, 9, 8, requires_grad=True)
    (found,) = torch.autograd.grad(prepared(lr).square().sum(), lr)
    (expected,) = torch.autograd.grad(network(lr).square().sum(), lr)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # as OpenVINO's own recorder does it
        recorded = torch.jit.trace(prepared, lr.detach(), check_trace=False)
    assert "mkldnn::" not in str(recorded.inlined_graph)
    torch.testing.assert_close(copy.deepcopy(prepared)(lr), network(lr), rtol=1e-5, atol=1e-5)


def test_a_run_can_be_stopped_at_every_fused_layer():
    prepared = prepare(with_weights("wgan"), Target("cpu", "fp32"))
    asked = []
    with interruptible(prepared, lambda: bool(asked.append(1))), torch.inference_mode():
        prepared(torch.rand(1, 1, 9, 8))
    assert len(asked) >= len(of(prepared, nn.Conv2d))


def test_activations_without_a_name_are_refused():
    layer = nn.Conv2d(2, 2, 1)
    for activation in (nn.PReLU(2), nn.GELU("tanh"), nn.Tanh()):
        with pytest.raises(ValueError, match=f"{type(activation).__name__} cannot be fused"):
            ConvActivated(layer, activation)


@pytest.mark.parametrize("dtype", TRIED)
def test_a_block_can_be_added_to_something_else(dtype):
    torch.manual_seed(0)
    block = FusedBlock(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1)).to(dtype)
    x, other = features(2, 16, 9, 12, dtype=dtype), features(2, 16, 9, 12, dtype=dtype)
    with torch.inference_mode():
        found, plain = block(x, other), block(x)
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 0.05}[dtype]
    torch.testing.assert_close((found - other).float(), (plain - x).float(), rtol=0, atol=tolerance)


def test_rcan_is_fused_once_its_channels_are_fixed():
    network = with_weights("rcan")
    lr = torch.rand(1, 1, 24, 33)
    assert not of(prepare(network, Target("cpu", "fp32")), FusedBlock)  # weighed between its convolution and the sum
    fix_channels(network, channel_factors(network, lr)[0][0])
    prepared = prepare(network, Target("cpu", "fp32"))
    assert bool(of(prepared, FusedBlock)) == fused.can_fuse(torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(prepared(lr), network(lr), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", TRIED)
@pytest.mark.parametrize("order", [torch.channels_last, torch.contiguous_format])
def test_blocks_write_over_the_sum_before_them_and_nothing_else(dtype, order):
    if not fused.can_fuse(dtype):
        return
    torch.manual_seed(0)
    chain = nn.Sequential(
        *(FusedBlock(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1)) for _ in range(3))
    ).to(dtype)
    x = torch.randn(2, 16, 9, 12).to(dtype).contiguous(memory_format=order)
    before = x.clone()
    with torch.inference_mode():
        expected = chain(x)
        fused._overwrite(chain)
        assert [block.conv2.overwrites for block in chain] == [False, True, True]
        found = chain(x)
    assert torch.equal(x, before)
    torch.testing.assert_close(found, expected, rtol={torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype], atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("kernel_size", "shape"), [(3, (1, 4, 37, 20)), (9, (2, 4, 50, 11)), (1, (1, 4, 21, 9))])
def test_strips_of_the_last_convolution_are_the_whole(monkeypatch, kernel_size, shape, dtype):
    whole, heights = F.conv2d, []

    def counted(x, *rest, **settings):
        heights.append(x.shape[2])
        return whole(x, *rest, **settings)

    monkeypatch.setattr(F, "conv2d", counted)
    monkeypatch.setattr(blocks, "STRIP", 500)
    torch.manual_seed(0)
    head = OutputHead(in_channels=4, out_channels=2, kernel_size=kernel_size, activation="tanh")
    features = torch.randn(shape).to(dtype)
    with torch.inference_mode():
        found = head(features)
    assert len(heights) > 1
    assert max(heights) < shape[2]
    heights.clear()
    torch.testing.assert_close(found, head(features).detach(), rtol=1e-6, atol=1e-6)
    assert heights == [shape[2]]  # where gradients are recorded
