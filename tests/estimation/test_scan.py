"""What a scan does to noise, against what was done to it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.degradations.noise import smoothed
from napari_sr.estimation.noise import high_pass_along
from napari_sr.estimation.scan import APART, NUMBERS, noise_of_rows, scan

#: of each axis
ONE = NUMBERS // 2


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def unit(sample):
    return ((sample - sample.mean()) / sample.std()).astype(np.float32)


def rows_of(sample):
    return noise_of_rows(high_pass_along(np.asarray(sample, np.float32))[:, 3:-3])


@pytest.mark.parametrize("sigma", [0.5, 0.7, 0.9, 1.2])
def test_noise_smeared_along_rows_is_as_rough_as_ever_from_row_to_row(rng, sigma):
    """Taps k of a Gaussian give white noise a correlation of sum k(x) k(x + d) / sum k²."""
    taps = np.exp(-(np.arange(-8, 9) ** 2) / (2 * sigma**2))
    correlations = [float((taps[d:] * taps[: len(taps) - d]).sum() / (taps**2).sum()) for d in APART]
    sample = unit(np.stack([smoothed(rng.normal(size=(128, 128)), (0.0, sigma)) for _ in range(6)]))
    variance, *_, near, far = scan(sample)[:ONE]
    assert variance == pytest.approx(0, abs=0.03)
    np.testing.assert_allclose([near, far], correlations, atol=0.03)
    assert scan(sample)[ONE] < variance - 0.5  # along the rows, much of it is gone


def test_white_noise_is_alike_along_both_axes(rng):
    first, second = np.split(scan(unit(rng.normal(size=(6, 128, 128)))), 2)
    np.testing.assert_allclose(first[:4], second[:4], atol=0.05)
    np.testing.assert_allclose([*first[-2:], *second[-2:]], 0, atol=0.02)
    assert max(first[4], second[4]) < np.log(5e-3)


def test_which_axis_is_scanned_does_not_matter(rng):
    sample = unit(np.stack([smoothed(rng.normal(size=(60, 128)), (0.0, 0.8)) for _ in range(3)]))
    np.testing.assert_allclose(scan(sample), scan(sample.transpose(0, 2, 1)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("deviation", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_what_rows_have_in_common_is_found(rng, deviation, noise):
    structure = gaussian_filter(rng.normal(size=(16, 128, 128)), (0, 2, 2))
    structure /= structure.std()
    white = rng.normal(0, noise, structure.shape)
    differing = rng.normal(0, deviation, (16, 128, 1))
    assert rows_of(structure + white + differing) == pytest.approx(deviation**2, rel=0.2)
    assert abs(rows_of(structure + white)) < 2e-4
    # edges along all of a row are none of it
    stepped = structure + white + 3.0 * (np.arange(128) >= 64)[:, None]
    assert abs(rows_of(stepped)) < 1e-3


def test_small_and_flat_images_are_no_error():
    for sample in (np.zeros((1, 44, 44), np.float32), np.ones((1, 44, 300), np.float32)):
        assert np.isfinite(scan(sample)).all()
        assert abs(rows_of(sample)) < 1e-12
