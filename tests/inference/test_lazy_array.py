"""Images that are computed when they are asked for: block by block, as those that are written."""

import dask
import dask.array
import numpy as np
import pytest
from small_models import make_model

import napari_sr
from napari_sr import load_model
from napari_sr.errors import ConfigError
from napari_sr.inference import Upscaler, blocks, conditions, parts
from napari_sr.inference.sent import SentModel, bytes_of, model_of
from napari_sr.inference.to_zarr import iter_upscale_to_zarr


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SIDE", 128)


def written(image, model, folder, **settings):
    run = iter_upscale_to_zarr(image, folder / "a.zarr", Upscaler(model, device="cpu", precision="fp32"), **settings)
    return np.asarray(list(run)[-1].image[...])


def lazily(image, model, **settings):
    return napari_sr.upscale_lazy(image, model, device="cpu", precision="fp32", **settings)


@pytest.mark.parametrize(
    ("network", "axes", "shape"),
    [("wgan", "YX", (150, 131)), ("dfcan", "TYX", (2, 90, 77)), ("adaptive", "CYX", (2, 80, 70)),
     ("wgan", "YXS", (70, 80, 4)), ("adaptive", "XTY", (90, 2, 70))],
)  # fmt: skip
@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_the_values_are_those_that_are_written(network, axes, shape, scheduler, rng, tmp_path):
    model = make_model(network, 2)
    image = rng.integers(0, 250, shape).astype(np.uint8)
    lazy = lazily(dask.array.from_array(image, chunks=50), model, axes=axes)
    with dask.config.set(scheduler=scheduler):
        found = lazy.compute()
    assert (lazy.shape, lazy.dtype) == (found.shape, found.dtype)
    np.testing.assert_array_equal(found, written(image, model, tmp_path, axes=axes))


def test_large_planes_are_sampled_as_when_they_are_written(rng, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PLANE_BYTES", 10)
    monkeypatch.setattr(parts, "WINDOWS", 3)
    monkeypatch.setattr(parts, "WINDOW", 20)
    monkeypatch.setattr(conditions, "SQUARE", 32)
    model = make_model("adaptive", 2)
    image = rng.integers(0, 60000, (140, 100)).astype(np.uint16)
    np.testing.assert_array_equal(lazily(image, model).compute(), written(image, model, tmp_path))


READ = []


class Watched:
    """An image that tells what is read of it; at the top, since dask copies what it does not know."""

    shape, dtype, ndim = (300, 300), np.dtype("u1"), 2

    def __getitem__(self, window):
        READ.append(window)
        return np.arange(90_000, dtype=np.uint32).reshape(300, 300).astype(np.uint8)[window]


def test_only_what_is_asked_for_is_read_beside_a_sample_of_the_plane(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PLANE_BYTES", 10)
    monkeypatch.setattr(parts, "WINDOWS", 3)
    monkeypatch.setattr(parts, "WINDOW", 10)
    READ.clear()
    image = dask.array.from_array(Watched(), chunks=(50, 50))
    model = load_model("bicubic-x2")
    lazy = lazily(image, model)
    pixels = sum((w[0].stop - w[0].start) * (w[1].stop - w[1].start) for w in READ)
    assert pixels == 0
    part = lazy[:128, :128].compute()
    pixels = sum((w[0].stop - w[0].start) * (w[1].stop - w[1].start) for w in READ)
    assert 64**2 < pixels <= 100**2 + 3 * 3 * 10**2
    np.testing.assert_array_equal(part, written(np.asarray(Watched()[:, :]), model, tmp_path)[:128, :128])


def test_settings_are_checked_at_once(rng):
    image = np.zeros((40, 40), np.uint8)
    with pytest.raises(ConfigError, match="can be told nothing"):
        lazily(image, make_model("wgan", 2), conditions={"blur": 1})
    assert lazily(image, make_model("wgan", 2), dtype=np.float32).dtype == np.float32
    told = lazily(image + 1, make_model("adaptive", 2), conditions={"blur": 0.5, "noise": 1.0, "shot": 0.0})
    assert told.compute().shape == (80, 80)


def test_a_model_arrives_as_it_was_sent(rng):
    import pickle

    model = make_model("wgan", 2)
    again = model_of(bytes_of(model))
    for name, weights in model.network.state_dict().items():
        assert bool((again.network.state_dict()[name] == weights).all())
    sent = SentModel(Upscaler(model, device="cpu", precision="fp32", tile=64))
    arrived = pickle.loads(pickle.dumps(sent))
    image = rng.random((70, 70)).astype(np.float32)
    np.testing.assert_array_equal(arrived.upscaler()(image), sent.upscaler()(image))
    assert arrived.upscaler() is arrived.upscaler()
