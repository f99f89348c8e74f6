"""A lazy image shows what the whole result shows, where it was looked at; and the image itself elsewhere."""

import threading
import time

import dask.array as da
import numpy as np
import pytest
import zarr
from scipy.ndimage import gaussian_filter, zoom
from small_models import make_model

from napari_sr.errors import ImageError
from napari_sr.inference import Upscaler, parts, upscale
from napari_sr.inference.lazy.lazy_image import LazyImage
from napari_sr.inference.lazy.tile_grid import Looked
from napari_sr.inference.parts import PlaneFits
from napari_sr.inference.runner import Runner

#: so that two runs are the same
EXACT = {"device": "cpu", "precision": "fp32"}


@pytest.fixture
def open_lazy():
    """Open lazy images whose threads have ended when the test has."""
    opened = []

    def make(levels, axes, model, **settings):
        told = {"load": lambda: Upscaler(model, **EXACT), "side": 32, **settings}
        opened.append(LazyImage(levels, axes, scale=model.scale, **told))
        return opened[-1]

    yield make
    for lazy in opened:
        lazy.close()
        assert lazy.worker.join(10)


@pytest.fixture
def picture(rng):
    def make(*shape):
        return np.clip(128 + 400 * gaussian_filter(rng.normal(size=shape), 2), 0, 255).astype(np.float32)

    return make


def whole(lazy, index=()):
    return Looked(index, *(slice(0, n) for n in lazy.grid.shape))


def ready(lazy, looked):
    lazy.look(looked)
    end = time.monotonic() + 60
    while (seen := lazy.seen()).there < seen.wanted and seen.failure is None:
        assert time.monotonic() < end
        time.sleep(0.005)
    return lazy.seen()


@pytest.mark.parametrize(
    ("network", "scale", "settings", "share"),
    [
        ("wgan", 4, {}, 1e-6),
        ("srcnn", 3, {}, 1e-6),
        ("rrdb", 8, {}, 1e-6),
        ("adaptive", 4, {}, 1e-6),  # is told what is estimated from the whole plane
        ("rcan", 2, {}, 3e-5),  # pools over windows of a training patch, for which the context is half of one
        ("wgan", 2, {"tile": 48}, 1e-6),  # tiles in the tile
    ],
)
def test_tiles_are_those_of_the_whole_result(network, scale, settings, share, picture, open_lazy):
    model, lr = make_model(network, scale), picture(101, 75)
    lazy = open_lazy([lr], "YX", model, load=lambda: Upscaler(model, **EXACT, **settings))
    seen = ready(lazy, whole(lazy))
    assert (seen.there, seen.wanted, seen.failure) == (12, 12, None)
    want = upscale(lr, model, **EXACT)
    np.testing.assert_allclose(lazy.levels[0][...], want, atol=share * np.ptp(lr))
    assert lazy.sharp == {2: 1, 3: 1, 4: 2, 8: 3}[scale]
    for number in range(1, lazy.sharp):
        f = 2**number
        means = want.reshape(101 * scale // f, f, 75 * scale // f, f).mean(axis=(1, 3))
        np.testing.assert_allclose(lazy.levels[number][...], means, atol=share * np.ptp(lr))


@pytest.mark.parametrize("network", ["dfcan", "swinir"])
def test_networks_whose_tiles_never_agree_do_as_they_do_in_a_window(network, picture, open_lazy):
    """They pool over the tile, or count from its corner; see Upscaler.window."""
    model, lr = make_model(network, 2), picture(150, 140)
    lazy = open_lazy([lr], "YX", model, side=64)
    looked = Looked((), slice(66, 120), slice(70, 100))
    assert ready(lazy, looked).there == 1
    upscaler = Upscaler(model, **EXACT)
    halo = upscaler.window(lr, axes="YX", index=(), rows=slice(0, 8), columns=slice(0, 8)).report.halo
    around = slice(64 - halo, 128 + halo)
    want = upscaler.pinned(lr, lazy.layout, ()).window(lr, axes="YX", index=(), rows=around, columns=around).image
    want = want[2 * halo : -2 * halo, 2 * halo : -2 * halo]
    np.testing.assert_allclose(lazy.levels[0][128:256, 128:256], want, atol=1e-5 * np.ptp(want))


def test_what_is_told_later_is_what_the_tiles_show_and_the_plane_is_not_measured_again(picture, open_lazy, monkeypatch):
    model, lr = make_model("adaptive"), picture(70, 64)
    loaded, sampled = [], []
    samples = PlaneFits._samples
    monkeypatch.setattr(PlaneFits, "_samples", lambda self, index: sampled.append(index) or samples(self, index))

    def load():
        loaded.append(1)
        return Upscaler(model, **EXACT)

    lazy = open_lazy([lr], "YX", model, load=load, conditions={"blur": 0.3, "noise": 1.0})
    ready(lazy, whole(lazy))
    before = np.array(lazy.levels[0][...])
    lazy.tell({"blur": 0.9, "noise": 8.0})
    assert np.array_equal(lazy.levels[0][...], before)  # until others come
    ready(lazy, whole(lazy))
    assert (len(loaded), len(sampled)) == (1, 1)
    want = upscale(lr, model, conditions={"blur": 0.9, "noise": 8.0}, **EXACT)
    np.testing.assert_allclose(lazy.levels[0][...], want, atol=1e-6 * np.ptp(lr))
    assert np.abs(before - want).max() > 1e-3 * np.ptp(lr)
    other = make_model("adaptive", seed=1)
    lazy.tell(None, load=lambda: Upscaler(other, **EXACT))
    ready(lazy, whole(lazy))
    np.testing.assert_allclose(lazy.levels[0][...], upscale(lr, other, **EXACT), atol=1e-6 * np.ptp(lr))


def test_another_model_does_not_look_at_a_large_plane_again(picture, open_lazy, monkeypatch):
    for name, value in {"PLANE_BYTES": 1000, "WINDOWS": 4, "WINDOW": 8}.items():
        monkeypatch.setattr(parts, name, value)
    sampled, samples = [], PlaneFits._samples
    monkeypatch.setattr(PlaneFits, "_samples", lambda self, index: sampled.append(index) or samples(self, index))
    lr, other = picture(70, 64), make_model(seed=1)
    lazy = open_lazy([lr], "YX", make_model())
    ready(lazy, whole(lazy))
    lazy.tell(None, load=lambda: Upscaler(other, **EXACT))
    ready(lazy, whole(lazy))
    assert sampled == [()]
    np.testing.assert_allclose(lazy.levels[0][...], upscale(lr, other, **EXACT), atol=1e-6 * np.ptp(lr))


def test_less_memory_keeps_fewer_tiles_and_wants_fewer(picture, open_lazy):
    lazy = open_lazy([picture(101, 75)], "YX", make_model())
    assert ready(lazy, whole(lazy)).there == 12
    tile = sum(part.nbytes for part in lazy.cache.get(((), (0, 0))))
    lazy.resize(int(4.5 * tile * 8 / 7))  # an eighth is for what is interpolated
    assert lazy.cache.nbytes <= 4.5 * tile
    assert lazy.seen().wanted == 4
    seen = ready(lazy, whole(lazy))
    assert (seen.there, seen.wanted) == (4, 4)
    assert lazy.cache.nbytes <= 4.5 * tile


def test_holes_in_the_image_are_those_of_the_whole_result(picture, open_lazy):
    lr = picture(70, 64)
    lr[30:33, 31], lr[5, 5] = np.nan, np.inf
    lazy = open_lazy([lr], "YX", make_model())
    ready(lazy, whole(lazy))
    want = upscale(lr, make_model(), **EXACT)
    np.testing.assert_allclose(lazy.levels[0][...], want, atol=2e-3)
    assert np.isnan(want).sum() == 48


def test_whole_numbers_are_rounded_as_those_of_the_whole_result(picture, open_lazy):
    for dtype in ("uint8", ">u2", "int16", "bool"):
        lr = (picture(40, 50) > 128) if dtype == "bool" else (picture(40, 50)).astype(dtype)
        lazy = open_lazy([lr], "YX", make_model())
        ready(lazy, whole(lazy))
        want = upscale(lr, make_model(), **EXACT)
        got = np.asarray(lazy.levels[0][...])
        assert (got.dtype, lazy.levels[0].dtype) == (want.dtype, want.dtype)
        assert (np.abs(got.astype(int) - want.astype(int)) > 1).sum() == 0
        assert (got != want).mean() < 1e-3


def test_reading_computes_nothing_and_shows_the_image_interpolated(picture, open_lazy, monkeypatch):
    def never(*arguments, **settings):
        raise AssertionError("computed")

    monkeypatch.setattr(Runner, "infer", never)
    lr = picture(100, 90)
    lazy = open_lazy([lr], "YX", make_model(), load=never)
    for number, factor in ((0, 4), (1, 2)):
        want = zoom(lr, factor, order=1, mode="nearest", grid_mode=True)
        level = lazy.levels[number]
        np.testing.assert_allclose(level[50:150, 3:99], want[50:150, 3:99], atol=1e-3)
        np.testing.assert_allclose(level[...], want, atol=1e-3)
        np.testing.assert_allclose(level[::-7, 10:170:3], want[::-7, 10:170:3], atol=1e-3)
        np.testing.assert_allclose(level[17, -1], want[17, -1], atol=1e-3)
    assert lazy.levels[2] is lr
    assert lazy.seen().computed == 0


def test_a_view_of_tiles_that_are_there_is_read_at_once(open_lazy):
    """A screenful; the bound is ten times what it takes on an idle processor."""
    lr = np.random.default_rng(0).integers(0, 255, (600, 700)).astype(np.uint8)
    lazy = open_lazy([lr], "YX", make_model(), side=128)
    np.asarray(lazy.levels[0][200:1200, 300:1900])
    took = []
    for _ in range(9):
        start = time.perf_counter()
        np.asarray(lazy.levels[0][200:1200, 300:1900])
        took.append(time.perf_counter() - start)
    assert min(took) < 0.01


def test_planes_of_stacks_have_their_own_intensities(picture, open_lazy):
    stack = np.stack([picture(40, 36) * factor for factor in (1, 5, 0.2)])[None]
    for axes, data in (("TZYX", stack), ("YXZT", stack.transpose(2, 3, 1, 0)), ("XZYT", stack.transpose(3, 1, 2, 0))):
        lazy = open_lazy([data], axes, make_model())
        want = upscale(data, make_model(), axes=axes, **EXACT)
        assert lazy.levels[0].shape == want.shape
        others = [a for a in axes if a not in "YX"]
        for plane in (2, 0):
            index = tuple(plane if a == "Z" else 0 for a in others)
            ready(lazy, whole(lazy, index))
            at = tuple(slice(None) if a in "YX" else plane if a == "Z" else 0 for a in axes)
            np.testing.assert_allclose(lazy.levels[0][at], want[at], atol=1e-5 * np.ptp(want[at]))
        at = tuple(slice(None) if a in "YX" else 1 if a == "Z" else 0 for a in axes)  # was not looked at
        assert np.abs(np.asarray(lazy.levels[0][at]) - want[at]).max() > 0.01 * np.ptp(want[at])


def test_what_is_given_is_told_and_what_is_not_is_estimated(picture, open_lazy):
    model, lr = make_model("adaptive"), picture(64, 64)
    for given in ({"blur": 2.0, "noise": 5.0, "shot": 0.0}, {"blur": 2.0}):
        lazy = open_lazy([lr], "YX", model, conditions=given)
        ready(lazy, whole(lazy))
        want = upscale(lr, model, conditions=given, **EXACT)
        np.testing.assert_allclose(lazy.levels[0][...], want, atol=1e-5 * np.ptp(want))


@pytest.mark.parametrize("kind", ["dask", "zarr", "memmap", "multiscale"])
def test_images_that_are_not_in_memory(kind, picture, open_lazy, tmp_path):
    lr = picture(90, 70)
    np.save(tmp_path / "a.npy", lr)
    stored = zarr.create_array(str(tmp_path / "a.zarr"), shape=lr.shape, dtype=lr.dtype, chunks=(16, 16))
    stored[:] = lr
    levels = {
        "dask": [da.from_array(lr, chunks=20)],
        "zarr": [stored],
        "memmap": [np.load(tmp_path / "a.npy", mmap_mode="r")],
        "multiscale": [stored, lr[::2, ::2], lr[::8, ::8]],
    }[kind]
    lazy = open_lazy(levels, "YX", make_model())
    assert [x.shape for x in lazy.levels[:3]] == [(360, 280), (180, 140), (90, 70)]
    np.testing.assert_array_equal(np.asarray(lazy.levels[2]), lr)
    ready(lazy, whole(lazy))
    want = upscale(lr, make_model(), **EXACT)
    np.testing.assert_allclose(lazy.levels[0][...], want, atol=1e-5 * np.ptp(want))


def test_tiles_take_no_more_memory_than_they_may(picture, open_lazy):
    lr, tile = picture(320, 320), 128 * 128 * 4 * 1.25  # bytes
    lazy = open_lazy([lr], "YX", make_model(), cache_bytes=int(10 * tile * 8 / 7))
    for row in range(0, 320, 32):
        looked = Looked((), slice(row, min(320, row + 60)), slice(0, 100))
        ready(lazy, looked)
        np.asarray(lazy.levels[0][4 * row : 4 * row + 240])  # wider than what is looked at
        assert lazy.cache.nbytes <= lazy.cache.limit
        assert lazy._soft.nbytes <= lazy._soft.limit
    assert lazy.cache.limit + lazy._soft.limit <= 10 * tile * 8 / 7
    assert len(lazy.cache) == 10
    seen = ready(lazy, whole(lazy))
    assert seen.wanted == 10  # of 100: in the middle of the view
    lazy.forget()
    assert lazy.cache.nbytes == 0


def test_a_tile_that_is_out_of_view_is_left_in_the_middle_of_the_network(picture, open_lazy, monkeypatch):
    at_work, original = threading.Event(), Runner.infer

    def slow(self, lr):
        for module in self.network.modules():  # asks at each
            if not list(module.children()):
                module.register_forward_pre_hook(lambda *a: (at_work.set(), time.sleep(0.2))[1])
        return original(self, lr)

    monkeypatch.setattr(Runner, "infer", slow)
    lazy = open_lazy([picture(64, 64)], "YX", make_model())
    lazy.look(whole(lazy))
    assert at_work.wait(20)
    start = time.monotonic()
    lazy.close()
    assert lazy.worker.join(10)
    assert time.monotonic() - start < 1.5  # the network has more than ten layers
    assert lazy.seen().computed == 0


def test_what_cannot_be_read_is_said_and_shown_black(open_lazy):
    class Damaged:
        shape, dtype, ndim = (40, 40), np.dtype(np.uint8), 2

        def __getitem__(self, key):
            raise OSError("bad sector")

    lazy = open_lazy([Damaged()], "YX", make_model())
    assert not np.asarray(lazy.levels[0][:20, :20]).any()
    assert "bad sector" in str(lazy.seen().failure)
    assert isinstance(ready(lazy, whole(lazy)).failure, ImageError)


def test_colours_and_the_mixture_as_a_whole_are_refused(picture, open_lazy):
    with pytest.raises(ImageError, match="Colours"):
        open_lazy([np.zeros((20, 20, 3), np.uint8)], "YXS", make_model())
    lazy = open_lazy([picture(20, 20)], "YX", make_model())
    with pytest.raises(ImageError, match="Write the whole image"):
        np.asarray(lazy.levels[0])
