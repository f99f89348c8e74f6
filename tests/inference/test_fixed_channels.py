"""Channels scaled as a whole image says: the same network of finite reach, only where that changes nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from small_models import make_model

from napari_sr.errors import Cancelled, SRError
from napari_sr.evaluation.trust import iter_uncertainty
from napari_sr.images.axes import Layout
from napari_sr.images.samples import load_sample
from napari_sr.inference import Finished, Progress, Upscaler, blocks, fixed_channels, spread_patches
from napari_sr.inference.device import Target
from napari_sr.inference.fixed_channels import FixedChannels, iter_fixed_channels
from napari_sr.inference.lazy.tile_network import TileNetwork
from napari_sr.inference.openvino import OpenVINONetwork
from napari_sr.inference.sent import SentModel
from napari_sr.inference.tiling import end_of
from napari_sr.inference.to_zarr import iter_upscale_to_zarr
from napari_sr.models.model import load, save
from napari_sr.models.store import load_model
from napari_sr.networks import NETWORKS
from napari_sr.networks.channel_attention import ChannelAttention, channel_factors, fix_channels

FIXES = sorted(name for name in NETWORKS if NETWORKS[name].fixes)
FP32 = {"device": "cpu", "precision": "fp32"}
CPU = Target("cpu", "fp32")


def textured(rng, shape):
    return (128 + 200 * gaussian_filter(rng.normal(size=shape), (0,) * (len(shape) - 2) + (1.5, 1.5))).astype(
        np.float32
    )


def measured(model, image, axes="YX", **settings):
    layout = Layout(axes, image.shape)
    pixels = settings.pop("pixels", image.size)
    return end_of(iter_fixed_channels(model, CPU, image, layout, pixels=pixels, **settings))


def choosy(network, scale=2):
    """A model whose factors are from 0 to 1, as the image is here."""
    model = make_model(network, scale, head="linear")
    with torch.no_grad():
        for name, weights in model.network.named_parameters():
            if "attention" in name and name.endswith("weight"):
                weights *= 20 if network == "dfcan" else 5  # more, and they would be 0 or 1 everywhere
            elif "blocks" in name or "groups" in name:
                weights *= 3
            elif "last" in name:
                weights *= 10
    return model


def test_networks_with_channel_attention_can_be_fixed():
    """All of those that pool over nothing else."""
    assert FIXES == ["dfcan", "rcan"]


@pytest.mark.parametrize("name", FIXES)
@pytest.mark.parametrize("shape", [(1, 1, 40, 33), (1, 1, 32, 64)])
def test_with_the_factors_of_an_image_it_gives_what_it_gave(name, shape):
    """fp32 on the CPU: as it is, and folded; channels count, one by one."""
    model = make_model(name, 2)
    network, lr = model.network, torch.rand(*shape)
    with torch.inference_mode():
        before = network(lr)
    factors, sr = channel_factors(network, lr)
    torch.testing.assert_close(sr, before)
    assert factors.shape == (1, sum(m.up.out_channels for m in network.modules() if isinstance(m, ChannelAttention)))
    assert torch.all((factors > 0) & (factors < 1))
    fixed = FixedChannels(factors[0], {}).of(model).network
    folded = FixedChannels(factors[0], {}).of(model).network.fold_for_inference()
    other = FixedChannels(factors[0] * 0.5, {}).of(model).network
    with torch.inference_mode():
        torch.testing.assert_close(fixed(lr), before, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(folded(lr), before, rtol=1e-5, atol=1e-5)
        assert float((other(lr) - before).abs().max()) > 1e-4
    assert (fixed.pools_tile, fixed.localises, fixed.fixes) == (False, False, False)
    assert network.fixes  # the model's own is left as it is
    assert network.pools_tile


@pytest.mark.parametrize("name", FIXES)
def test_factors_are_those_of_each_image_of_a_batch(name):
    network = make_model(name, 2).network
    lr = torch.rand(3, 1, 24, 24)
    found, _ = channel_factors(network, lr)
    for number in range(3):
        alone, _ = channel_factors(network, lr[number : number + 1])
        torch.testing.assert_close(found[number : number + 1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FIXES)
@pytest.mark.parametrize("scale", [2, 3])
def test_its_reach_is_finite_and_known(name, scale):
    """As the contract's receptive field: where an LR pixel's outputs have a gradient, no further than it says."""
    torch.manual_seed(0)
    network = make_model(name, scale).network.double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.03 * torch.rand_like(weight))
    fix_channels(network, channel_factors(network, torch.rand(1, 1, 20, 20, dtype=torch.float64))[0][0])
    middle = network.halo + 3
    lr = torch.rand(1, 1, 2 * middle + 1, 2 * middle + 1, dtype=torch.float64, requires_grad=True)
    own = network(lr)[..., middle * scale : (middle + 1) * scale, middle * scale : (middle + 1) * scale]
    (gradient,) = torch.autograd.grad(own.square().sum(), lr)
    reach = int((torch.nonzero(gradient[0, 0]) - middle).abs().max())
    assert 0.6 * network.halo <= reach <= network.halo


@pytest.mark.parametrize("name", FIXES)
def test_tiles_of_a_large_image_are_those_of_the_whole(name, rng):
    """fp32 on the CPU: beside the network itself on the whole image, and beside one tile."""
    model, lr = make_model(name, 2), textured(rng, (320, 300))
    events = list(Upscaler(model, **FP32).iter(lr, dtype=np.float32))
    report = events[-1].report
    assert any(isinstance(e, Progress) and "whole image" in e.stage for e in events)
    assert (report.fixed_channels, report.blend) == (True, 0)
    assert report.tile < 300
    found = events[-1].image
    one = Upscaler(model, tile=320, **FP32).fixed(measured(model, lr))(lr, dtype=np.float32)
    np.testing.assert_allclose(found, one, atol=3e-5 * np.ptp(one))
    chosen = Upscaler(model, tile=100, **FP32)
    assert not next(e for e in chosen.iter(lr) if isinstance(e, Finished)).report.fixed_channels
    fitted = model.intensity.fit(lr)
    with torch.inference_mode():
        whole = fitted.inverse(model.network(torch.from_numpy(fitted.forward(lr))[None, None])[0, 0].numpy())
    assert np.abs(found - whole).mean() < fixed_channels.TOLERANCE * np.ptp(lr)


@pytest.mark.parametrize("name", ["em-dfcan-x4", "em-rcan-x4", "nbody-rcan-x4"])
def test_the_shipped_models_can_be_fixed(name):
    """fp32 on the CPU: the patch that differs most, by less than a grey level; the halo is that of their cards."""
    model = load_model(name)
    lr = np.tile(load_sample("nbody" if "nbody" in name else "em-phantom").lr, (5, 5))
    found = measured(model, lr)
    assert found is not None
    assert found.halo == dict(model.card.halo)
    assert 8 <= found.halo["low"] < found.halo["fp32"] <= 24


@pytest.mark.parametrize("name", FIXES)
def test_what_does_differ_from_place_to_place_is_left_to_each_tile(name, rng):
    """Half of the image has a tenth of the contrast of the other."""
    model, lr = choosy(name), textured(rng, (320, 300))
    lr[:160] = 100 + 0.1 * lr[:160]
    assert measured(model, lr) is None
    report = next(e for e in Upscaler(model, **FP32).iter(lr) if isinstance(e, Finished)).report
    assert not report.fixed_channels
    assert report.blend == (2 if name == "dfcan" else 0)


@pytest.mark.parametrize(("shape", "pixels"), [((190, 150), 10**6), ((260, 90), 300**2 - 1)])
def test_one_tile_or_few_patches_are_not_measured(shape, pixels, rng, monkeypatch):
    monkeypatch.setattr(fixed_channels, "channel_factors", None)  # whoever calls it fails
    assert measured(make_model("dfcan", 2), textured(rng, shape), pixels=pixels) is None
    assert measured(make_model("wgan", 2), textured(rng, (300, 300))) is None


@pytest.mark.parametrize(
    ("axes", "shape", "planes"),
    [
        ("YX", (260, 120), [()]),
        ("TYX", (5, 260, 90), [(0,), (2,), (4,)]),
        ("CZYX", (2, 2, 200, 60), [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ("TCZYX", (2, 2, 3, 20, 30), [(t, c, z) for c in (0, 1) for t, z in ((0, 0), (0, 2), (1, 2))]),
        ("YXS", (220, 120, 4), [(0,), (1,), (2,)]),
        ("TYXS", (3, 20, 20, 3), [(t, s) for s in range(3) for t in range(3)]),
    ],
)
def test_patches_come_from_all_channels_and_from_the_ends_of_a_stack(axes, shape, planes, rng, monkeypatch):
    """Transparency is none of them."""
    read, plane = [], spread_patches.read_plane
    monkeypatch.setattr(spread_patches, "read_plane", lambda *a: read.append(a[2]) or plane(*a))
    image = rng.integers(0, 255, shape).astype(np.uint8)
    layout = Layout(axes, shape)
    found = spread_patches.spread_patches(make_model("dfcan", 2), image, layout, 16, 6)
    assert read == planes == spread_patches.spread_planes(layout)
    assert max(6, len(planes)) <= len(found) <= spread_patches.MOST
    assert found.shape[1:] == (1, 16, 16)


def test_of_many_channels_some_are_measured():
    planes = spread_patches.spread_planes(Layout("CYX", (60, 200, 40)))
    assert len(planes) == spread_patches.MOST
    assert (planes[0], planes[-1]) == ((0,), (59,))


def test_one_patch_of_a_plane_is_neither_its_emptiest_nor_its_fullest(rng):
    """Of many channels each gives one."""
    lr = textured(rng, (12, 90, 90)) * np.linspace(0.2, 1, 90)[:, None]
    found = spread_patches.spread_patches(make_model("rcan", 2), lr, Layout("CYX", lr.shape), 16, 4)
    contrasts = found.flatten(1).std(dim=1)
    assert len(found) == 12
    assert float(contrasts.min()) > 0.1
    assert float(contrasts.max()) < 0.4 * 1.6


def test_empty_places_and_what_is_not_finite_are_left_out(rng):
    lr = textured(rng, (320, 300))
    lr[:, :60] = 0
    lr[100:110, 100:110] = np.nan
    found = spread_patches.spread_patches(make_model("rcan", 2), lr, Layout("YX", lr.shape), 32, 12)
    assert torch.isfinite(found).all()
    assert float(found.flatten(1).std(dim=1).min()) > 0.05


def test_blank_planes_of_a_stack_do_not_decide(rng):
    """A frame that was lost says nothing of the others, which say all; where there is nothing, nothing is measured."""
    model, lr = make_model("dfcan", 2), textured(rng, (5, 260, 200))
    layout = Layout("TYX", lr.shape)
    lr[2] = 20
    found = spread_patches.spread_patches(model, lr, layout, 32, 6)
    assert len(found) == 6
    lr[[0, 4]] = 20
    assert len(spread_patches.spread_patches(model, lr, layout, 32, 6)) == 0
    assert measured(model, lr, "TYX") is None


def test_what_fails_is_said_and_too_little_memory_is_left_to_the_tiles(rng, monkeypatch):
    model, lr = make_model("rcan", 2), textured(rng, (320, 300))

    def failing(reason):
        def fail(network, lr):
            raise RuntimeError(reason)

        return fail

    monkeypatch.setattr(fixed_channels, "channel_factors", failing("[enforce fail] not enough memory: out of memory"))
    assert measured(model, lr) is None
    monkeypatch.setattr(fixed_channels, "channel_factors", failing("mat1 and mat2"))
    with pytest.raises(SRError, match="small-rcan-x2 failed on this image: mat1"):
        measured(model, lr)


def test_factors_that_are_no_numbers_are_not_taken(rng, monkeypatch):
    factors = fixed_channels.channel_factors
    monkeypatch.setattr(
        fixed_channels, "channel_factors", lambda n, lr: tuple(x * float("nan") for x in factors(n, lr))
    )
    assert measured(make_model("rcan", 2), textured(rng, (320, 300))) is None


def test_it_can_be_cancelled_while_it_measures(rng, monkeypatch):
    for asked in (1, 2, 9, 60):  # before patches are read, while they are computed, and for the halo
        monkeypatch.setattr(fixed_channels, "_HALOS", {})
        answers = iter([False] * (asked - 1) + [True])
        with pytest.raises(Cancelled):
            measured(make_model("rcan", 2), textured(rng, (320, 300)), should_stop=lambda a=answers: next(a))


def test_a_network_that_sees_too_far_is_not_fixed(rng, monkeypatch):
    """Tiles would need more context than is looked at."""
    model, lr = make_model("rcan", 2), textured(rng, (320, 300))
    monkeypatch.setattr(fixed_channels, "_HALOS", {})
    monkeypatch.setattr(fixed_channels, "measured", lambda *a, **k: None)
    assert measured(model, lr) is None
    monkeypatch.setattr(fixed_channels, "spread_patches", None)  # whoever calls it fails: it is known to be in vain
    assert measured(model, lr) is None
    monkeypatch.undo()
    known = replace(model, card=replace(model.card, halo={"fp32": 7, "low": 5}))
    assert measured(known, lr).halo == {"fp32": 7, "low": 5}


def test_the_halo_of_a_model_does_not_depend_on_the_image(rng, monkeypatch):
    model = make_model("rcan", 2)
    found = []
    for lr in (textured(rng, (320, 300)), 0.1 * textured(rng, (400, 310)) ** 2):
        monkeypatch.setattr(fixed_channels, "_HALOS", {})
        found.append(measured(model, lr))
    assert found[0].halo == found[1].halo
    assert torch.any(found[0].factors != found[1].factors)


def test_parts_of_an_image_have_its_factors(rng):
    lr = textured(rng, (640, 600))
    whole, part = (measured(make_model("rcan", 2), lr, pixels=n) for n in (lr.size, 300**2))
    torch.testing.assert_close(whole.factors, part.factors, rtol=0, atol=0)


@pytest.mark.parametrize("name", FIXES)
def test_openvino_gives_what_torch_gives(name):
    """fp32 on the CPU: RCAN too, which it cannot have otherwise."""
    model = make_model(name, 2)
    factors = channel_factors(model.network, torch.rand(1, 1, 32, 32))[0][0]
    upscaler = Upscaler(model, backend="torch", **FP32).fixed(FixedChannels(factors, {}))
    lr = torch.rand(2, 1, 41, 56)
    with torch.inference_mode():
        expected = upscaler.prepared.network({})(lr)
    found = OpenVINONetwork(upscaler.prepared.network({}), "fp32")(lr)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_file_of_a_model_knows_nothing_of_an_image(rng, tmp_path):
    model, lr = make_model("dfcan", 2), textured(rng, (320, 300))
    upscaler = end_of(Upscaler(model, **FP32).iter_for(lr, Layout("YX", lr.shape), pixels=lr.size))
    save(upscaler.model, tmp_path / "fixed.safetensors")
    again = load(tmp_path / "fixed.safetensors")
    assert again.network.pools_tile
    assert again.network.state_dict().keys() == model.network.state_dict().keys()


@pytest.mark.parametrize("name", FIXES)
def test_sent_elsewhere_it_is_the_same(name, rng):
    """fp32 on the CPU, bit for bit."""
    lr = textured(rng, (320, 300))
    upscaler = end_of(Upscaler(make_model(name, 2), **FP32).iter_for(lr, Layout("YX", lr.shape), pixels=lr.size))
    sent = pickle.loads(pickle.dumps(SentModel(upscaler)))
    assert sent.key == SentModel(upscaler).key
    plain = Upscaler(make_model(name, 2), **FP32)
    assert SentModel(plain).key != sent.key
    there, small = sent.upscaler(), lr[:80, :70]
    assert there.model.card.halo == upscaler.model.card.halo
    np.testing.assert_array_equal(there(small), upscaler(small))
    assert np.any(there(small) != plain(small))


def test_for_workers_with_another_device_it_is_measured_here(rng):
    """Where tiles are computed there need be no such device here."""
    lr = textured(rng, (530, 260))
    search = iter_fixed_channels(
        make_model("rcan", 2), Target("cuda:7", "bf16"), lr, Layout("YX", lr.shape), pixels=lr.size
    )
    assert end_of(search).factors.device.type == "cpu"


@pytest.mark.parametrize("name", FIXES)
def test_blocks_and_tiles_that_are_looked_at_are_those_of_the_whole_run(name, rng, tmp_path, monkeypatch):
    """fp32 on the CPU."""
    monkeypatch.setattr(blocks, "SIDE", 128)
    monkeypatch.setattr(blocks, "SMALLEST", 64)
    model, lr = make_model(name, 2), textured(rng, (320, 300))
    expected = Upscaler(model, **FP32)(lr)
    *_, finished = iter_upscale_to_zarr(lr, tmp_path / "sr.zarr", Upscaler(model, **FP32))
    assert finished.report.fixed_channels
    near = 1e-4 * np.ptp(expected)
    np.testing.assert_allclose(finished.image[...], expected, atol=near)
    tiles = TileNetwork(lr, "YX", Upscaler(model, **FP32))
    tiles.measure(())
    assert tiles.upscaler.channels is not None
    (tile,) = tiles((), slice(70, 200), slice(0, 64), lambda: False)
    np.testing.assert_allclose(tile, expected[140:400, :128], atol=near)


def test_all_views_of_an_uncertainty_map_have_the_factors_of_the_image(rng, monkeypatch):
    asked, search = [], fixed_channels.channel_factors
    monkeypatch.setattr(fixed_channels, "channel_factors", lambda *a: asked.append(1) or search(*a))
    model, lr = make_model("rcan", 2), textured(rng, (420, 230))
    *_, found = iter_uncertainty(lr, [model], axes="YX", rows=slice(10, 60), columns=slice(0, 50), **FP32)
    assert np.isfinite(found.deviation).all()
    assert len(asked) == 0  # eight views of a part: too little to do
    *_, found = iter_uncertainty(lr, [model], axes="YX", rows=slice(0, 120), columns=slice(0, 120), **FP32)
    most = -(-spread_patches.MOST // fixed_channels.AT_ONCE) + 1  # one for its context, unless that is known
    assert 1 <= len(asked) <= most
    asked.clear()
    model = choosy("rcan")
    lr[:210] = 100 + 0.1 * lr[:210]
    *_, found = iter_uncertainty(lr, [model], axes="YX", rows=slice(100, 310), columns=slice(0, 200), **FP32)
    assert 1 <= len(asked) <= most  # what is refused for the whole image is not asked again for each view
