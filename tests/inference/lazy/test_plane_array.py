"""Arrays that are read plane by plane behave as those of numpy do."""

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sr.images.axes import Layout
from napari_sr.inference.lazy.plane_array import Every, PlaneArray, smaller_levels


class Counted(PlaneArray):
    """An array of numpy, with what was read of it."""

    def __init__(self, data, axes):
        super().__init__(Layout(axes, data.shape), data.dtype)
        self.data, self.reads = data, []

    def read(self, index, rows, columns):
        self.reads.append((index, len(rows), len(columns)))
        assert rows.step > 0
        assert columns.step > 0
        cut = (slice(s.start, s.stop, s.step) for s in (rows, columns))
        return self.layout.take(self.data, index, *cut)


KEYS = [
    np.s_[...], np.s_[1], np.s_[-1, 2:5], np.s_[:, 3, ::2], np.s_[..., 4], np.s_[0, ..., 7:2:-2], np.s_[2:1],
    np.s_[:, ::-1, ::-3], np.s_[np.int64(1), 3, 4], np.s_[1:3, 40:90, -5:], np.s_[[0, 2], 1], np.s_[::2, -3:, 5],
]  # fmt: skip


@pytest.mark.parametrize("axes", ["ZYX", "YXC", "XZY"])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_is_that_of_numpy(key, axes, rng):
    data = rng.integers(0, 999, (4, 9, 8))
    array = Counted(data, axes)
    assert (array.shape, array.ndim, array.size, len(array)) == (data.shape, 3, data.size, 4)
    np.testing.assert_array_equal(np.asarray(array[key]), data[key])
    assert np.shape(array[key]) == data[key].shape


def test_indexing_twice_reads_once_and_only_what_is_left():
    """As napari does: rows and columns first, then the plane."""
    data = np.arange(5 * 40 * 30).reshape(5, 40, 30)
    array = Counted(data, "ZYX")
    window = array[:, 3:20, 5:9]
    assert (window.shape, array.reads) == ((5, 17, 4), [])
    np.testing.assert_array_equal(np.asarray(window[2]), data[2, 3:20, 5:9])
    assert array.reads == [((2,), 17, 4)]


def test_what_is_out_of_bounds_is_said():
    array = Counted(np.zeros((4, 5)), "YX")
    with pytest.raises(IndexError):
        array[4]
    with pytest.raises(IndexError, match="2 dimensions"):
        array[0, 0, 0]


@pytest.mark.parametrize("step", [1, 2, 5, 64])
def test_every_few_pixels_of_an_image_that_has_no_steps(step, rng, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_sr.inference.lazy.plane_array.BAND", 100)  # many bands
    data = rng.integers(0, 255, (3, 53, 47)).astype(np.uint8)
    stored = zarr.create_array(str(tmp_path / "a.zarr"), shape=data.shape, dtype=data.dtype, chunks=(1, 16, 16))
    stored[:] = data
    every = Every(stored, "ZYX", step)
    first = step // 2
    want = data[:, min(first, 52) :: step, min(first, 46) :: step][:, : max(1, 53 // step), : max(1, 47 // step)]
    np.testing.assert_array_equal(np.asarray(every), want)
    np.testing.assert_array_equal(np.asarray(every[1, ::3, ::-2]), want[1, ::3, ::-2])


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_smaller_levels_are_not_copied(kind, rng, tmp_path):
    data = rng.integers(0, 255, (2, 300, 170)).astype(np.uint8)
    image = {"numpy": data, "dask": da.from_array(data, chunks=64)}.get(kind)
    if image is None:
        image = zarr.create_array(str(tmp_path / "a.zarr"), shape=data.shape, dtype=data.dtype, chunks=(1, 64, 64))
        image[:] = data
    levels = smaller_levels([image], "ZYX", below=100)
    assert [level.shape for level in levels] == [(2, 300, 170), (2, 150, 85), (2, 75, 42)]
    np.testing.assert_array_equal(np.asarray(levels[2]), data[:, 2::4, 2::4][:, :75, :42])
    if kind == "numpy":
        assert all(np.shares_memory(level, data) for level in levels)
    own = [image, image[:, ::3, ::3]]
    assert [x.shape for x in smaller_levels(own, "ZYX", below=10)] == [(2, 300, 170), (2, 100, 57)]
