"""Images that are read in parts, some of them by two threads at a time."""

import dask
import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.guarded import Guarded, computed


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_an_array_of_dask_is_read_without_the_callbacks_of_others(scheduler):
    """napari's cache of dask is one; the end of one thread's computing takes from it what the other's needs."""
    seen = []
    array = da.arange(12, chunks=4)[::2]
    with dask.config.set(scheduler=scheduler), Callback(pretask=lambda *about: seen.append(about)):
        np.asarray(array)
        before = len(seen)
        np.testing.assert_array_equal(computed(array), np.arange(12)[::2])
        np.testing.assert_array_equal(Guarded(array)[1:3], [2, 4])
        plane = da.zeros((3, 8, 8), chunks=4)
        assert Layout("ZYX", plane.shape).take(plane, (1,)).shape == (8, 8)
    assert len(seen) == before > 0


def test_a_library_s_error_is_said_as_one_of_the_image():
    def broken(block):
        raise OSError("truncated chunk")

    array = da.arange(8, chunks=4).map_blocks(broken, dtype=int)
    with pytest.raises(ImageError, match=r"may be damaged \(truncated chunk\)"):
        Guarded(array)[:2]


def test_other_arrays_are_read_as_they_are():
    array = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(Guarded(array)[:, 1:], array[:, 1:])
