import dask.array
import numpy as np
import pytest
import torch
import xarray
import zarr
from small_models import make_model

from napari_sr import load_model
from napari_sr.errors import ConfigError, ImageError, MemoryLimitError, SRError
from napari_sr.images.axes import Layout
from napari_sr.inference import Finished, Progress, Upscaler, iter_upscale, upscale
from napari_sr.inference import parts as planes_module
from napari_sr.inference.device import Target
from napari_sr.inference.runner import Runner
from napari_sr.inference.tiling import iter_tiling

DTYPES = ["u1", ">u2", "<u2", "u4", "i1", "i2", ">i4", "i8", "?", "f2", "f4", ">f8"]


def finished(*args, **kwargs) -> Finished:
    events = list(iter_upscale(*args, **kwargs))
    assert all(isinstance(e, Progress) for e in events[:-1])
    fractions = [e.fraction for e in events[:-1]]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    return events[-1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (33, 20), (2, 9, 8), (2, 1, 2, 9, 8)])
def test_any_dtype_and_number_of_dimensions(dtype, shape, rng):
    image = (rng.random(shape) * 100).astype(dtype)
    result = finished(image, load_model("bilinear-x2"), precision="fp32")
    assert result.image.dtype == np.dtype(dtype).newbyteorder("=")
    assert result.image.shape == (*shape[:-2], shape[-2] * 2, shape[-1] * 2)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image.astype("f8")).reshape(1, -1, *shape[-2:]), scale_factor=2, mode="bilinear"
    ).numpy()
    expected = expected.reshape(result.image.shape)
    if dtype == "?":
        expected = expected >= 0.5
    tolerance = {"f": 0.06 if dtype == "f2" else 1e-4}.get(np.dtype(dtype).kind, 0.501)
    clear = np.abs(expected - 0.5) > 1e-3 if dtype == "?" else np.full(expected.shape, True)
    np.testing.assert_allclose(result.image[clear].astype(float), expected[clear].astype(float), atol=tolerance)


def lazy(kind, image, tmp_path):
    if kind == "memmap":
        np.save(tmp_path / "a.npy", image)
        return np.load(tmp_path / "a.npy", mmap_mode="r")
    if kind == "dask":
        return dask.array.from_array(image, chunks=(1, 16, 16))
    if kind == "zarr":
        array = zarr.create_array(str(tmp_path / "a.zarr"), shape=image.shape, dtype=image.dtype, chunks=(1, 16, 16))
        array[...] = image
        return array
    return xarray.DataArray(image, dims=("t", "y", "x"))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kind", ["memmap", "dask", "zarr", "xarray"])
def test_lazy_arrays_equal_the_array(kind, large, model, rng, tmp_path, monkeypatch):
    if large:  # as for planes that do not fit: window by window
        monkeypatch.setattr(planes_module, "PLANE_BYTES", 10)
    image = rng.integers(0, 4000, (3, 40, 36)).astype(np.uint16)
    settings = {"precision": "fp32", "tile": 30, "overlap": 5}
    expected = upscale(image, model, **settings)
    np.testing.assert_array_equal(upscale(lazy(kind, image, tmp_path), model, **settings), expected)


@pytest.mark.parametrize("axes", ["YXT", "XTY", "TYX", "XYT"])
def test_any_order_of_axes(axes, model, rng):
    image = rng.integers(0, 255, (2, 15, 11)).astype(np.uint8)  # T, Y, X
    order = ["TYX".index(a) for a in axes]
    turned = upscale(image.transpose(order), model, axes=axes, precision="fp32")
    back = [axes.index(a) for a in "TYX"]
    np.testing.assert_array_equal(turned.transpose(back), upscale(image, model, precision="fp32"))


@pytest.mark.parametrize("samples", [3, 4])
def test_colours_go_channel_by_channel_and_alpha_is_interpolated(samples, model, rng):
    image = rng.integers(0, 255, (20, 24, samples)).astype(np.uint8)
    result = upscale(image, model, precision="fp32")
    assert result.shape == (80, 96, samples)
    if samples == 4:
        alpha = upscale(image[..., 3], load_model("bicubic-x4"), precision="fp32")
        np.testing.assert_allclose(result[..., 3].astype(int), alpha.astype(int), atol=1)
    gray = np.repeat(image[..., :1], 3, axis=-1)
    equal = upscale(gray, model, precision="fp32")
    np.testing.assert_array_equal(equal[..., 0], equal[..., 1])
    single = upscale(image[..., 0], model, precision="fp32")
    np.testing.assert_allclose(equal[..., 0].astype(int), single.astype(int), atol=1)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", [(70, 61), (64, 40)])
def test_tiled_equals_whole_once_the_overlap_covers_the_field(scale, shape, rng):
    model = make_model("wgan", scale)
    image = rng.normal(size=shape).astype(np.float32)
    halo = model.network.halo
    whole = upscale(image, model, precision="fp32", tile=100)
    tiled = upscale(image, model, precision="fp32", tile=2 * halo + 7, overlap=halo)
    assert np.abs(whole - tiled).max() <= 1e-5 * np.ptp(whole)
    coarse = upscale(image, model, precision="fp32", tile=20, overlap=0)
    assert np.abs(whole - coarse).max() > 1e-4 * np.ptp(whole)  # the halo is what makes the difference


def test_pooling_networks_run_at_patches_and_are_blended(rng):
    model = make_model("dfcan", 2)
    report = finished(rng.normal(size=(300, 80)).astype(np.float32), model).report
    assert (report.tile, report.halo, report.blend) == (4 * 32, 4, 2)  # of the patches that it was trained on


def test_intensity_is_that_of_the_whole_image(rng):
    """A bright corner changes the scaling everywhere, so tiles must not scale for themselves."""
    model = make_model()
    image = rng.uniform(0, 1, (60, 60)).astype(np.float32)
    image[:30] *= 100
    whole = upscale(image, model, precision="fp32", tile=100)
    tiled = upscale(image, model, precision="fp32", tile=40, overlap=model.network.halo)
    np.testing.assert_allclose(tiled, whole, atol=1e-4 * np.ptp(whole))


def test_constant_images_stay_constant_with_interpolation():
    for value in (0, 200, 255):
        assert (upscale(np.full((9, 9), value, np.uint8), load_model("bicubic-x4")) == value).all()
    assert np.isfinite(upscale(np.full((9, 9), 3.5, np.float32), make_model())).all()


def test_pixels_that_are_not_finite_stay_in_place_and_out_of_the_rest(rng):
    image = rng.normal(size=(30, 30)).astype(np.float32)
    image[3, 4], image[20, 25], image[0, 0] = np.nan, np.inf, -np.inf
    result = finished(image, make_model(), tile=24, overlap=5)
    sr = result.image
    assert np.isnan(sr[12:16, 16:20]).all()
    assert (sr[80:84, 100:104] == np.inf).all()
    assert (sr[:4, :4] == -np.inf).all()
    assert np.isfinite(sr).sum() == sr.size - 3 * 16
    assert result.report.non_finite == 3
    assert "3 pixels were not finite" in result.report.sentence()
    everything = np.full((8, 8), np.nan, np.float32)
    assert np.isnan(upscale(everything, make_model())).all()


def test_values_are_never_clipped_silently(rng):
    image = rng.normal(0, 1e6, (20, 20)).astype(np.float64)
    assert upscale(image, load_model("bicubic-x4")).max() > 1e6
    edge = np.zeros((12, 12), np.uint8)
    edge[:, 6:] = 255  # bicubic overshoots here
    report = finished(edge, load_model("bicubic-x4")).report
    assert report.saturated > 0
    assert "cut at the limits" in report.sentence()
    wide = upscale(edge, load_model("bicubic-x4"), dtype=np.float32)
    assert wide.max() > 255
    assert wide.min() < 0


def out_of_memory(limit):
    """A network call that fails for tiles above a limit, as a full device does."""
    original = Runner.infer

    def infer(self, lr):
        if max(lr.shape) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, lr)

    return infer


def test_memory_that_runs_out_halves_the_tile(model, rng, monkeypatch):
    image = rng.normal(size=(150, 140)).astype(np.float32)
    expected = upscale(image, model, precision="fp32")
    monkeypatch.setattr(Runner, "infer", out_of_memory(80))
    result = finished_loosely(image, model, precision="fp32")
    assert result.report.tile <= 80
    assert "halved" in result.report.sentence()
    np.testing.assert_allclose(result.image, expected, atol=1e-5 * np.ptp(expected))


def finished_loosely(*args, **kwargs):
    return list(iter_upscale(*args, **kwargs))[-1]


def test_no_memory_at_all_ends_with_a_sentence(model, rng, monkeypatch):
    monkeypatch.setattr(Runner, "infer", out_of_memory(0))
    image = rng.normal(size=(150, 140)).astype(np.float32)
    with pytest.raises(MemoryLimitError, match="too little memory for the smallest tile"):
        finished_loosely(image, model)
    with pytest.raises(MemoryLimitError, match="the tile size that was set"):
        finished_loosely(image, model, tile=64)


def test_other_runtime_errors_become_ours(model, monkeypatch):
    def broken(self, lr):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(Runner, "infer", broken)
    with pytest.raises(SRError, match="shapes cannot be multiplied"):
        upscale(np.zeros((8, 8), np.float32), model)


def test_a_tile_that_overflows_in_low_precision_is_redone(rng):
    model = make_model()
    model.network.first.weight.data *= 1e30  # far beyond what float16 holds, within float32
    model.network.blocks = torch.nn.Sequential()

    class Overflowing(torch.nn.Module):
        def forward(self, x):
            limit = 6e4 if x.dtype != torch.float32 else 3e38
            return torch.where(x.abs() > limit, torch.full_like(x, torch.inf), x)

    model.network.upsample.insert(0, Overflowing())
    image = rng.normal(size=(16, 16)).astype(np.float32)
    low = finished(image, model, device="cpu", precision="bf16")
    assert low.report.tiles_redone == 1
    np.testing.assert_array_equal(low.image, upscale(image, model, device="cpu", precision="fp32"))


def test_bf16_is_close_to_fp32(rng, image):
    for network in ("wgan", "dfcan", "rcan"):
        model = make_model(network)
        full = upscale(image, model, device="cpu", precision="fp32", dtype=np.float32)
        low = upscale(image, model, device="cpu", precision="bf16", dtype=np.float32)
        assert np.abs(full - low).mean() < 0.02 * np.ptp(full)
        # the head runs in fp32: more distinct values than bfloat16 has between 0 and 1
        assert len(np.unique(low)) > 5000


def test_closing_cancels(model, rng):
    out = np.full((4 * 90, 4 * 90), 7, np.float32)
    image = rng.normal(size=(90, 90)).astype(np.float32)
    run = iter_upscale(image, model, device="cpu", tile=40, overlap=5, out=out)
    first = next(run)
    assert 0 < first.fraction < 1
    assert first.remaining > 0
    run.close()
    assert (out == 7).any()


def test_window_equals_that_part_of_the_whole(rng):
    model = make_model()
    image = rng.integers(0, 60000, (2, 60, 64)).astype(np.uint16)
    whole = upscale(image, model, precision="fp32")
    upscaler = Upscaler(model, precision="fp32")
    part = upscaler.window(image, axes="TYX", index=(1,), rows=slice(10, 50), columns=slice(12, 60)).image
    halo = 4 * model.network.halo
    inner = part[halo:-halo, halo:-halo]
    np.testing.assert_allclose(
        inner.astype(int), whole[1, 40 + halo : 200 - halo, 48 + halo : 240 - halo].astype(int), atol=1
    )
    rgb = rng.integers(0, 255, (30, 30, 4)).astype(np.uint8)
    window = upscaler.window(rgb, axes="YXS", index=(), rows=slice(0, 30), columns=slice(0, 30)).image
    np.testing.assert_array_equal(window, upscale(rgb, model, precision="fp32"))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"axes": "TYX"}, ImageError, "2 dimensions"),
        ({"axes": "YZ"}, ImageError, "X exactly once"),
        ({"device": "cuda:7"}, ConfigError, "not available here"),
        ({"precision": "fp8"}, ConfigError, "not known"),
        ({"tile": 5}, ConfigError, "use at least"),
        ({"overlap": -1}, ConfigError, "negative"),
        ({"dtype": "complex64"}, ConfigError, "cannot hold"),
        ({"out": np.zeros((3, 3))}, ImageError, "the result has"),
    ],
)
def test_wrong_settings_are_named(settings, error, message, model):
    with pytest.raises(error, match=message):
        upscale(np.zeros((40, 40), np.float32), model, **settings)


@pytest.mark.parametrize("image", [np.zeros((0, 4)), np.zeros(5), np.zeros((2, 2), complex), np.zeros((2,) * 6)])
def test_images_that_cannot_be_used_are_named(image, model):
    with pytest.raises(ImageError):
        upscale(image, model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_equals_cpu(model, image):
    cpu = upscale(image, model, device="cpu", precision="fp32", dtype=np.float32)
    cuda = upscale(image, model, device="cuda", precision="fp32", dtype=np.float32)
    np.testing.assert_allclose(cuda, cpu, atol=1e-3 * np.ptp(cpu))


def test_a_model_is_prepared_once_for_many_images_and_windows(rng, monkeypatch):
    from napari_sr.inference import device

    original, prepared = device.prepare, []

    def count(network, target, conditions=None):
        prepared.append((target.precision, dict(conditions or {})))
        return original(network, target, conditions)

    monkeypatch.setattr(device, "prepare", count)
    image = rng.integers(0, 60000, (40, 64)).astype(np.uint16)
    upscaler = Upscaler(make_model(), device="cpu", precision="fp32")
    whole = upscaler(image)
    np.testing.assert_array_equal(whole, upscaler(image))
    upscaler.window(image, axes="YX", index=(), rows=slice(0, 20), columns=slice(0, 20))
    assert prepared == [("fp32", {})]
    listening = Upscaler(make_model("adaptive"), device="cpu", precision="fp32")
    prepared.clear()
    for blur in (0.3, 0.9, 0.3, 0.9):
        listening(image, conditions={"blur": blur, "noise": 1.0, "shot": 0.0})
    assert [told.get("blur") for _, told in prepared] == [None, 0.3, 0.9]


def test_a_pinned_upscaler_sees_a_part_as_the_whole(rng):
    image = rng.integers(0, 50, (30, 60)).astype(np.float32)
    image[:, 30:] += 1000
    upscaler = Upscaler(make_model(), device="cpu", precision="fp32")
    layout = Layout("YX", image.shape)
    window = upscaler.window(image, axes="YX", index=(), rows=slice(0, 30), columns=slice(0, 30)).image
    np.testing.assert_allclose(upscaler.pinned(image, layout, ())(image[:, :30]), window, rtol=1e-6)
    assert np.abs(upscaler(image[:, :30]) - window).max() > 1  # fitted to the part


def test_memory_that_runs_out_in_a_low_wide_image_halves_its_width(rng, monkeypatch):
    image = rng.integers(0, 255, (40, 400)).astype(np.uint8)
    model = make_model()
    expected = upscale(image, model, device="cpu", precision="fp32")
    original, widths = Runner.infer, []

    def infer(self, lr):
        widths.append(lr.shape[-1])
        if lr.shape[-1] > 100:
            raise torch.OutOfMemoryError("out of memory")
        return original(self, lr)

    monkeypatch.setattr(Runner, "infer", infer)
    found = upscale(image, model, device="cpu", precision="fp32", dtype=np.uint8)
    assert max(widths) > 100 >= min(widths)
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(("said", "error"), [("out of memory", None), ("sizes differ", RuntimeError)])
def test_the_search_for_a_tile_hides_no_error_but_that_of_memory(said, error):
    class Broken(torch.nn.Module):
        in_channels, trainable = 1, True

        def forward(self, lr):
            raise RuntimeError(said)

    search = iter_tiling(
        make_model(), Broken(), Target("cpu", "fp32"), shape=(4000, 4000), planes=1, tile=None, overlap=None
    )
    if error is None:
        assert "fastest tile size" in "".join(search)
    else:
        with pytest.raises(error, match=said):
            list(search)
