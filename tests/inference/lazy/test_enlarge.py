"""What is shown until tiles come."""

import numpy as np
import pytest
from scipy.ndimage import zoom

from napari_sr.images.halving import halved
from napari_sr.inference.lazy.enlarge import enlarged

TYPES = ["bool", "uint8", "int16", "uint16", "uint32", "float16", "float32", "float64"]


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("dtype", TYPES)
def test_linear_interpolation_with_centres_in_place(dtype, factor, rng):
    lr = rng.integers(0 if dtype[0] in "bu" else -99, 2 if dtype == "bool" else 99, (37, 21)).astype(dtype)
    got = enlarged(np.pad(lr, 1, mode="edge"), factor)
    want = zoom(lr.astype(float), factor, order=1, mode="nearest", grid_mode=True)
    assert got.dtype == dtype
    assert got.shape == (37 * factor, 21 * factor)
    if dtype == "bool":
        np.testing.assert_array_equal(got, want >= 0.5)
    else:
        exact = {"float16": 0.04, "float32": 2e-5, "float64": 1e-11}
        np.testing.assert_allclose(got.astype(float), want, atol=exact.get(dtype, 0.5 + 1e-6))


def test_whole_numbers_that_no_float_has_stay_exact():
    lr = np.array([[2**63 - 1, 5], [7, -(2**62) - 1]])
    got = enlarged(np.pad(lr, 1, mode="edge"), 2)
    np.testing.assert_array_equal(got, np.kron(lr, np.ones((2, 2), np.int64)))


def test_what_is_not_finite_stays_so_without_a_warning():
    lr = np.full((9, 9), 3, np.float32)
    lr[4, 4], lr[4, 5], lr[0, 0] = np.inf, -np.inf, np.nan
    got = enlarged(np.pad(lr, 1, mode="edge"), 4)
    assert np.isnan(got[:2, :2]).all()
    assert (got[:, -4:] == 3).all()
    assert np.isfinite(halved(got)[8:10, 30:]).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_halving_takes_means(dtype, rng):
    image = rng.integers(0, 2 if dtype == "bool" else 100, (12, 8)).astype(dtype)
    means = image.reshape(6, 2, 4, 2).astype(float).mean(axis=(1, 3))
    want = means >= 0.5 if dtype == "bool" else np.rint(means) if np.dtype(dtype).kind in "iu" else means
    got = halved(image)
    assert got.dtype == dtype
    np.testing.assert_allclose(got.astype(float), want.astype(float), atol=0.03 if dtype == "float16" else 0)
