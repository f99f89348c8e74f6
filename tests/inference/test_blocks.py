import dask.array
import numpy as np
import pytest
from small_models import make_model

import napari_sr
from napari_sr import load_model
from napari_sr.errors import ConfigError
from napari_sr.inference import Upscaler
from napari_sr.inference.block_tiling import block_tiling
from napari_sr.inference.blocks import BlockPlan, even_tile, reading
from napari_sr.inference.device import Target
from napari_sr.inference.tiling import DEFAULT_TILE, Tiling
from napari_sr.inference.to_zarr import iter_upscale_to_zarr
from napari_sr.models.export import export_model
from napari_sr.models.formats import load_foreign


@pytest.mark.parametrize("size", [(1, 1), (100, 700), (512, 512), (2048, 4096), (5000, 3001)])
@pytest.mark.parametrize("planes", [1, 3])
def test_blocks_cover_every_pixel_of_every_resolution_once(size, planes):
    plan = BlockPlan(planes, size, 512)
    seen = [np.zeros((planes, *s), np.uint8) for s in plan.sizes]
    for number in range(len(plan)):
        block = plan.block(number)
        assert number in plan.numbers(block.level)
        assert block.rows.start % 512 == block.columns.start % 512 == 0
        seen[block.level][block.plane, block.rows, block.columns] += 1
    assert all((s == 1).all() for s in seen)


def test_a_pyramid_ends_where_a_window_shows_it_all():
    assert BlockPlan(1, (5000, 3001), 2048).sizes == ((5000, 3001), (2500, 1501), (1250, 751), (625, 376), (313, 188))
    assert BlockPlan(1, (512, 20), 2048).levels == 1


def test_blocks_of_large_planes_are_larger():
    assert (BlockPlan.of(1, (16_384, 900)).side, BlockPlan.of(1, (900, 16_385)).side) == (2048, 4096)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("tiling", [Tiling(40, 7, 0), Tiling(500, 7, 0), Tiling(40, 8, 4), Tiling(300, 8, 4)])
def test_what_is_read_for_a_block_makes_exactly_the_block(scale, tiling):
    """Weights of one plane's tiles, gathered block by block, sum to one; each sees its context, or the image's end."""
    whole, corner = (201, 170), (11, 20)
    part = (150, 97)
    plan = BlockPlan(1, (part[0] * scale, part[1] * scale), 128)
    for number in plan.numbers(0):
        block = plan.block(number)
        read = reading(block, tiling, corner=corner, whole=whole, scale=scale)
        assert read.rows.stop <= whole[0]
        tiles, sums = read.tiles(tiling), np.zeros([n * scale for n in read.shape])
        for row, column in tiles:
            sums[row.target(scale), column.target(scale)] += np.outer(row.weights(scale), column.weights(scale))
            for span, window, length in ((row, read.rows, whole[0]), (column, read.columns, whole[1])):
                assert span.outer_start >= 0
                assert span.outer_stop <= window.stop - window.start
                first, last = window.start + span.outer_start, window.start + span.outer_stop
                assert span.inner_start - span.outer_start >= tiling.halo or first == 0
                assert span.outer_stop - span.inner_stop >= tiling.halo or last == length
        np.testing.assert_allclose(sums[read.keep], 1, atol=1e-6)
        # the block's first pixel, in pixels of the whole result
        assert read.rows.start * scale + read.keep[0].start == corner[0] * scale + block.rows.start
        assert read.columns.start * scale + read.keep[1].start == corner[1] * scale + block.columns.start


@pytest.mark.parametrize(("core", "longest", "halo"), [(512, 192, 10), (512, 192, 0), (683, 192, 11), (20, 192, 30)])
def test_tiles_divide_a_block_evenly(core, longest, halo):
    tile = even_tile(core, longest, halo)
    pieces = -(-core // (tile - 2 * halo))
    assert (tile - 2 * halo) * pieces - core < pieces
    assert tile - 2 * halo >= min(core, 2 * halo)


def test_tiles_of_blocks_are_never_measured_and_given_ones_are_kept():
    target, settings = Target("cpu", "fp32"), {"plane": (40_000, 40_000), "side": 4096, "overlap": None}
    wgan = make_model("wgan", 4)
    halo = wgan.network.halo
    assert block_tiling(wgan, target, tile=None, **settings) == Tiling(even_tile(1024, 256, halo), halo, 0)
    assert block_tiling(wgan, target, tile=333, **settings).tile == 333
    assert block_tiling(make_model("dfcan", 2), target, tile=None, **settings) == Tiling(4 * 32, 4, 2)
    with pytest.raises(ConfigError, match="use at least"):
        block_tiling(wgan, target, tile=5, **settings)


@pytest.mark.parametrize(("name", "precision", "side"), [
    ("em-x4", "fp32", 256), ("em-x4", "bf16", 256), ("fluo-x4", "bf16", 256),
    ("em-wgan-pixel-x4", "fp32", 192), ("em-wgan-pixel-x4", "bf16", 256),
])  # fmt: skip
def test_tiles_of_blocks_are_as_large_as_memory_allows(name, precision, side):
    """The generator makes 64 features of 4 x 4 pixels an LR pixel, the adaptive network 48 of one."""
    model, settings = load_model(name), {"plane": (40_000, 40_000), "side": 4096, "tile": None}
    found = block_tiling(model, Target("cpu", precision), overlap=None, **settings)
    needed = model.card.halo["fp32" if precision == "fp32" else "low"]
    core = found.tile - 2 * found.halo
    assert core == -(-1024 // -(-1024 // side))
    if precision == "bf16" and core % 2 == 0:
        assert found.tile % 8 == 0  # rows that its kernels divide
        assert needed <= found.halo < needed + 4
    else:
        assert found.halo == needed
    assert block_tiling(model, Target("cpu", precision), overlap=21, **settings).halo == 21  # as it was asked for
    assert not any(m._forward_hooks for m in model.network.modules())


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
def test_networks_that_cannot_be_looked_into_have_smaller_tiles(to, tmp_path, rng):
    """They have no parameters, and how large their layers are is not known."""
    model = make_model("wgan", 2)
    again = load_foreign(export_model(model, tmp_path / "exported", to=to).path, allow_code=True)
    settings = {"plane": (40_000, 40_000), "side": 4096, "tile": None, "overlap": None}
    found = block_tiling(again, Target("cpu", "fp32"), **settings)
    assert found.tile - 2 * found.halo <= DEFAULT_TILE["cpu"]
    image, upscaler = rng.random((70, 90), np.float32), Upscaler(again, device="cpu", precision="fp32")
    *_, end = iter_upscale_to_zarr(image, tmp_path / "out.zarr", upscaler)
    np.testing.assert_allclose(end.image[:], upscaler(image), atol=1e-5)
    lazy = napari_sr.upscale_lazy(dask.array.from_array(image, chunks=40), again, device="cpu", precision="fp32")
    np.testing.assert_allclose(lazy.compute(scheduler="sync"), upscaler(image), atol=1e-5)
