"""The intensity of a plane too large to be read at once: from windows of it, several of which are read at a time."""

import threading
from dataclasses import replace

import dask.array as da
import h5py
import numpy as np
import pytest
import zarr
from small_models import make_model

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.guarded import Guarded
from napari_sr.images.view import View
from napari_sr.inference import Upscaler, parts
from napari_sr.inference.parts import READERS, PlaneFits, fits_of, readers_of, sample_windows


class Slow:
    """An image each of whose reads waits for three others."""

    chunks = (10, 10)

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype, self.ndim = pixels, pixels.shape, pixels.dtype, 2
        self.together = threading.Barrier(4)

    def __getitem__(self, window):
        self.together.wait(timeout=10)
        return self.pixels[window]


@pytest.fixture
def large(monkeypatch):
    for name, value in {"PLANE_BYTES": 1000, "WINDOWS": 4, "WINDOW": 8, "READERS": 4}.items():
        monkeypatch.setattr(parts, name, value)


def fit(image):
    return PlaneFits(image, Layout("YX", image.shape), make_model())(())


def test_windows_are_read_side_by_side_and_give_what_they_give_one_by_one(large, rng):
    pixels = rng.random((200, 300)).astype(np.float32)
    found, fill = fit(Slow(pixels))
    windows = sample_windows(pixels.shape, pixels.dtype)
    assert len(windows) == 16
    sample = np.concatenate([pixels[window].ravel() for window in windows]).astype(np.float64)
    assert found == make_model().intensity.fit(sample)
    assert fill == np.median(sample)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: np.zeros((50, 50)), READERS),
        (lambda path: np.memmap(path / "a", np.uint8, "w+", shape=(50, 50)), READERS),
        (lambda path: zarr.create_array(path / "z", shape=(10**5, 10**5), chunks=(1024, 1024), dtype="u2"), READERS),
        (lambda path: zarr.create_array(path / "z", shape=(10**5, 10**5), chunks=(8192, 8192), dtype="u2"), 2),
        (lambda path: zarr.create_array(path / "z", shape=(10**5, 10**5), chunks=(10**5, 10**5), dtype="u2"), 1),
        (lambda path: da.zeros((10**5, 10**5), chunks=(1024, 4096), dtype="u1"), READERS),
        (lambda path: da.zeros((10**5, 10**5), chunks=(10**4, 10**4), dtype="u1"), 2),
        (lambda path: View(Guarded(da.zeros((3, 10**4, 10**4), chunks=(1, 10**4, 10**4), dtype="u1")), (0, 2, 1)), 2),
        (lambda path: hdf5(path, chunks=(10, 10)), READERS),
        (lambda path: hdf5(path), 1),  # it does not say
        (lambda path: Unknown(), 1),
    ],
)  # fmt: skip
def test_large_chunks_and_unknown_arrays_are_read_by_few(make, expected, tmp_path):
    """Eight chunks of 800 MB at a time would be all of the memory."""
    assert readers_of(make(tmp_path)) == expected


def hdf5(path, **settings):
    return h5py.File(path / "h", "w").create_dataset("d", (99, 99), dtype="u1", **settings)


class Unknown:
    shape, dtype, ndim = (50, 50), np.dtype("u1"), 2


def test_fits_are_kept_for_the_same_large_image_and_model_alone(large, rng, monkeypatch):
    image, model = rng.random((200, 300)), make_model()
    layout = Layout("YX", image.shape)
    before = fits_of(image, layout, model)
    assert fits_of(image, layout, make_model(seed=1), before) is before  # its intensities are fitted the same way
    assert fits_of(image.copy(), layout, model, before) is not before
    assert fits_of(image, Layout("XY", image.shape), model, before) is not before
    other = replace(model, card=replace(model.card, intensity={"kind": "range"}))
    assert fits_of(image, layout, other, before) is not before
    monkeypatch.setattr(parts, "PLANE_BYTES", 10**9)
    assert fits_of(image, layout, model, before) is not before  # it may have been painted in


def test_a_window_with_fits_of_before_is_that_without(large, rng):
    image = rng.random((200, 300)).astype(np.float32)
    upscaler = Upscaler(make_model(), device="cpu", precision="fp32")
    window = {"axes": "YX", "index": (), "rows": slice(20, 60), "columns": slice(30, 80)}
    fits = fits_of(image, Layout("YX", image.shape), upscaler.model)
    fits(())
    fits.image = None  # nothing is read for it again
    with_them = upscaler.window(image, fits=fits, **window).image
    np.testing.assert_array_equal(with_them, upscaler.window(image, **window).image)


def test_a_part_that_cannot_be_read_is_said(large, rng):
    class Broken(Slow):
        def __getitem__(self, window):
            if window[0].start > 100:
                raise OSError("a disk that is gone")
            return self.pixels[window]

    with pytest.raises(ImageError, match="a disk that is gone"):
        fit(Guarded(Broken(rng.random((200, 300)))))
