"""RSE, RSP and error maps against closed forms, scipy and numpy."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr

from napari_sr.errors import ImageError
from napari_sr.metrics.consistency import block_mean, consistency, fitted_consistency, intensity_fit
from napari_sr.metrics.maps import KINDS, error_map
from napari_sr.metrics.pixel import pearson


@pytest.fixture
def image(rng):
    return gaussian_filter(rng.normal(size=(128, 120)), 1.5) * 100


def test_the_fit_is_that_of_least_squares(image, rng):
    other = 3 * image - 7 + rng.normal(size=image.shape)
    slope, offset = np.polynomial.polynomial.polyfit(image.ravel(), other.ravel(), 1)[::-1]
    assert intensity_fit(image, other) == pytest.approx((slope, offset))
    found = consistency(image, other)
    assert (found.scale, found.offset) == pytest.approx((slope, offset))
    assert found.rse == pytest.approx(np.std(other - (slope * image + offset)))
    assert found.rsp == pytest.approx(pearsonr(image.ravel(), other.ravel())[0])
    np.testing.assert_allclose(found.residual, other - (slope * image + offset))
    raw = consistency(image, other, fit_intensity=False)
    assert raw.rse == pytest.approx(np.sqrt(np.mean((other - image) ** 2)))


def test_pearson_equals_scipys(image, rng):
    other = image + 30 * rng.normal(size=image.shape)
    assert pearson(other, image, data_range=1e4) == pytest.approx(pearsonr(image.ravel(), other.ravel())[0])
    assert pearson(np.zeros_like(image), image, data_range=1e4) is None


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_the_blur_that_was_used_is_found(image, sigma):
    measured = 2 * block_mean(gaussian_filter(image, sigma), 4) + 10
    found = fitted_consistency(image, measured, 4)
    assert found.sigma == pytest.approx(sigma, abs=0.15)
    assert found.rsp > 0.9999
    assert (found.scale, found.offset) == pytest.approx((2, 10), rel=0.02)


def test_block_means(image):
    np.testing.assert_allclose(block_mean(image, 4)[3, 5], image[12:16, 20:24].mean())
    assert block_mean(image[:127], 4).shape == (31, 30)


def test_constant_images_are_said_to_have_no_correlation(image):
    found = consistency(np.zeros_like(image), image)
    assert np.isnan(found.rsp)
    assert found.rse == pytest.approx(image.std())
    with pytest.raises(ImageError, match="shape"):
        consistency(image, image[:-1])


def test_kinds_of_error_map(image, rng):
    pred = image + rng.normal(size=image.shape)
    np.testing.assert_allclose(error_map(pred, image, kind="signed"), pred - image, atol=1e-5)
    np.testing.assert_allclose(error_map(pred, image, kind="absolute"), np.abs(pred - image), atol=1e-5)
    # a wrong contrast and brightness is not seen, an error is, as a share of the target's span
    np.testing.assert_allclose(error_map(5 * image + 3, image, kind="root-squared"), 0, atol=1e-6)
    low, high = np.percentile(image, (0.1, 99.9))
    slope, offset = np.polynomial.polynomial.polyfit(pred.ravel(), image.ravel(), 1)[::-1]
    expected = np.abs(slope * pred + offset - image) / (high - low)
    np.testing.assert_allclose(error_map(pred, image, kind="root-squared"), expected, atol=1e-6)
    assert set(KINDS) == {"signed", "absolute", "root-squared"}
    with pytest.raises(ValueError, match="signed"):
        error_map(pred, image, kind="squared")
