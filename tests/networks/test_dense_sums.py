"""Dense blocks as sums of convolutions, against convolutions of features side by side."""

import pytest
import torch
import torch.nn.functional as F
from small_models import SMALL
from torch import nn

from napari_sr.inference.openvino import OpenVINONetwork
from napari_sr.networks import create_network, fused
from napari_sr.networks.dense_sums import DenseSums
from napari_sr.networks.esrgan_plus import ResidualDenseBlock
from napari_sr.networks.rrdb import DenseBlock

TRIED = (torch.float32, torch.bfloat16)


def block_of(kind, dtype):
    torch.manual_seed(0)
    block = kind(num_features=16, growth=8).eval()
    with torch.no_grad():
        for layer in block.convs:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return block.to(dtype).to(memory_format=torch.channels_last)


def side_by_side(block, x):
    """The published formula, in double precision."""
    seen, shortcut = [x.double()], getattr(block, "shortcut", None)
    for number, layer in enumerate(block.convs):
        y = F.conv2d(torch.cat(seen, 1), layer.weight.double(), layer.bias.double(), padding=1)
        if number == 4:
            return seen[0] + 0.2 * y
        y = torch.where(y < 0, 0.2 * y, y)
        if shortcut is not None and number == 1:
            y = y + F.conv2d(seen[0], shortcut.weight.double())
        if shortcut is not None and number == 3:
            y = y + seen[2]
        seen.append(y)
    raise AssertionError


@pytest.mark.parametrize("dtype", TRIED)
@pytest.mark.parametrize("kind", [DenseBlock, ResidualDenseBlock])
@pytest.mark.parametrize("order", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("shape", [(1, 16, 1, 1), (2, 16, 7, 30), (1, 16, 64, 33)])
def test_sums_are_what_features_side_by_side_give(dtype, kind, order, shape):
    if not fused.can_fuse(dtype):  # nothing is fused on such a processor
        return
    block = block_of(kind, dtype)
    x = torch.randn(shape).to(dtype).contiguous(memory_format=order)
    before = x.clone()
    parts = block.fused()
    assert isinstance(parts, DenseSums)
    with torch.inference_mode():
        expected, found, again = side_by_side(block, x), parts(x), parts(x)
    assert torch.equal(x, before)  # what comes after the block adds its input
    assert torch.equal(found, again)
    size = float(expected.abs().max())
    close = {torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=close * size)


def test_numbers_are_those_of_the_block_in_the_order_that_they_had():
    block = block_of(DenseBlock, torch.float32)
    parts = block.fused()
    count = sum(p.numel() for p in block.parameters())
    assert sum(p.numel() for p in parts.parameters()) == count
    weights = [p for p in parts.parameters() if p.dim() == 4]
    assert len(weights) == 15
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


def test_gradients_of_a_fused_block_are_those_of_the_block():
    block = block_of(DenseBlock, torch.float32)
    x = torch.randn(1, 16, 9, 8, requires_grad=True)
    (found,) = torch.autograd.grad(block.fused()(x).square().sum(), x)
    (expected,) = torch.autograd.grad(block(x).square().sum(), x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", ["rrdb", "esrgan-plus"])
def test_openvino_gets_sums(name):
    network = create_network(name, scale=2, **SMALL[name]).eval()
    compiled = OpenVINONetwork(network, "fp32").network
    assert [m for m in compiled.modules() if isinstance(m, DenseSums)]
    assert not [m for m in compiled.modules() if isinstance(m, DenseBlock)]
    assert [m for m in network.modules() if isinstance(m, DenseBlock)]  # the caller's is as it was
