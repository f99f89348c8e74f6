"""Means over windows of the training patch's size, in place of means over the tile."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_models import make_model

from napari_sr import upscale
from napari_sr.inference.device import Target, localised
from napari_sr.inference.tiling import choose_tiling, context, fixed_tile
from napari_sr.models.store import load_model
from napari_sr.networks import NETWORKS, create_network
from napari_sr.networks.channel_attention import cell_means, cell_of, enlarged

SMALL = {"num_groups": 2, "num_blocks": 2, "num_features": 8, "reduction": 4}


@pytest.mark.parametrize("patch", [1, 4, 5, 8, 12, 40])
@pytest.mark.parametrize("size", [(9, 14), (1, 3), (40, 40)])
def test_cells_take_the_means_of_the_nearest_whole_windows(patch, size):
    """Against a loop; a window of an even number of cells is the mean of the two that hold a cell."""
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(patch))
    found = cell_means(x, patch)
    side = cell_of(patch)
    counts = [-(-n // side) for n in size]
    assert found.shape == (2, 3, *counts)
    starts = [[side * i for i in range(count)] for count in counts]
    cells = torch.stack(
        [torch.stack([x[..., y : y + side, z : z + side].mean((-1, -2)) for z in starts[1]], -1) for y in starts[0]], -2
    )
    lengths = [min(patch // side, count) for count in counts]

    def windows(at, length, count):
        middle = [at - (length - 1) // 2] if length % 2 else [at - length // 2, at - length // 2 + 1]
        return [min(max(first, 0), count - length) for first in middle]

    for row in range(counts[0]):
        for column in range(counts[1]):
            means = [
                cells[..., y : y + lengths[0], z : z + lengths[1]].mean((-1, -2))
                for y in windows(row, lengths[0], counts[0])
                for z in windows(column, lengths[1], counts[1])
            ]
            expected = torch.stack(means).mean(0)
            torch.testing.assert_close(found[..., row, column], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("side", [1, 2, 3, 8])
@pytest.mark.parametrize("cells", [(3, 5), (1, 4)])
def test_between_cells_it_is_torchs_interpolation(side, cells):
    x = torch.rand(2, 3, *cells)
    size = cells[0] * side, cells[1] * side
    expected = F.interpolate(x, size=size, mode="bilinear")
    torch.testing.assert_close(enlarged(x, side, *size), expected, rtol=1e-5, atol=1e-6)
    cut = enlarged(x, side, size[0], size[1] - side // 2)  # the last cells may be smaller
    torch.testing.assert_close(cut, expected[..., : size[1] - side // 2], rtol=1e-5, atol=1e-6)


def test_on_a_patch_of_its_training_size_nothing_changes():
    network = create_network("rcan", scale=2, **SMALL).eval()
    lr = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        whole = network(lr)
        network.localise(16)
        torch.testing.assert_close(network(lr), whole, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(network(torch.rand(1, 1, 32, 32))[..., :32, :32], whole)


@pytest.mark.parametrize("patch", [4, 5, 8])
@pytest.mark.parametrize("scale", [2, 3])
def test_its_reach_is_finite_and_known(patch, scale):
    """As the contract's receptive field: where an LR pixel's outputs have a gradient, no further than it says."""
    torch.manual_seed(0)
    network = create_network("rcan", scale=scale, **SMALL).double()
    network.localise(patch)
    assert not network.pools_tile
    assert NETWORKS["rcan"].pools_tile
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.03 * torch.rand_like(weight))  # no ReLU and no saturated sigmoid may hide what it sees
    middle = network.halo + patch
    lr = torch.rand(1, 1, 2 * middle + 1, 2 * middle + 1, dtype=torch.float64, requires_grad=True)
    own = network(lr)[..., middle * scale : (middle + 1) * scale, middle * scale : (middle + 1) * scale]
    (gradient,) = torch.autograd.grad(own.square().sum(), lr)
    reach = int((torch.nonzero(gradient[0, 0]) - middle).abs().max())
    assert 0.6 * network.halo <= reach <= network.halo


def test_the_shipped_rcan_gives_the_same_in_tiles_as_on_the_whole(rng):
    """fp32 on the CPU: how far a tile is from the whole, of the training patch's size and with means over the tile, as
    it was run before, and of twice that size with local means.
    """
    from scipy.ndimage import gaussian_filter

    model = load_model("em-rcan-x4")
    smooth = gaussian_filter(rng.normal(size=(96, 32)), 1.5)
    smooth[:48] *= 0.1  # half of it nearly empty: a tile's mean is not the image's
    lr = torch.from_numpy((0.5 + 0.15 * smooth / smooth.std()).astype(np.float32))[None, None]

    def error(local, tile, halo):
        network = localised(model) if local else model.network.eval()
        inner = slice(4 * halo, 4 * (tile - halo))
        with torch.inference_mode():
            whole, part = network(lr)[..., inner, :], network(lr[..., :tile, :])[..., inner, :]
        return float((whole - part).abs().max())

    assert error(True, 64, 24) < 1e-3
    assert error(True, 64, 24) < 0.1 * error(False, 32, 4)


def test_the_engine_localises_what_can_be_and_takes_larger_tiles(image):
    """fp32 on the CPU."""
    model = make_model("rcan", 2)
    target = Target("cpu", "fp32")
    sizes = {"shape": image.shape, "planes": 1, "tile": None, "overlap": None}
    assert choose_tiling(model, model.network, target, **sizes).tile == max(image.shape)
    whole = upscale(image, model, precision="fp32", dtype=np.float32)
    tiles = upscale(image, model, precision="fp32", dtype=np.float32, tile=64)
    assert np.abs(tiles - whole).max() < 1e-3 * np.ptp(whole)
    assert model.network.pools_tile  # the model's own network is left as it is
    dfcan = make_model("dfcan", 2)
    assert choose_tiling(dfcan, dfcan.network, target, **sizes).tile == 4 * 32  # patches that it was trained on


@pytest.mark.parametrize(
    ("patch", "device", "side"),
    [(32, "cpu", 128), (64, "cpu", 192), (64, "cuda:0", 256), (200, "cuda:0", 512), (300, "cpu", 300), (8, "cpu", 32)],
)
def test_tiles_of_several_patches_end_where_signs_of_life_would(patch, device, side):
    """Of a network whose statistics of a tile hold for larger ones; of another, tiles are of one patch."""
    for network, expected in (("dfcan", side), ("singan", patch)):
        model = make_model(network, 2)
        model = replace(model, card=replace(model.card, trained_patch=patch))
        halo, blend = context(model, Target(device, "fp32"), None)
        found = fixed_tile(model, Target(device, "fp32"), halo=halo, blend=blend, tile=None, longest=4000)
        assert found == expected
