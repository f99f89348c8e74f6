"""NIQE: its parts against closed forms, and its order of images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import gennorm

from napari_sr.errors import ImageError
from napari_sr.metrics.naturalness import (
    NaturalModel,
    asymmetric_gaussian,
    fit_naturalness,
    niqe,
    normalised,
    patch_features,
)


@pytest.mark.parametrize("shape", [0.8, 1.0, 2.0, 4.0])
def test_the_shape_of_scipys_generalised_gaussian_is_found(shape, rng):
    values = gennorm.rvs(shape, scale=3.0, size=400_000, random_state=rng)
    found, left, right = asymmetric_gaussian(values)
    assert found == pytest.approx(shape, rel=0.03)
    # scipy's density is exp(-|x / scale|^β): the same β
    assert (left, right) == pytest.approx((3.0, 3.0), rel=0.03)


def test_two_sides_have_two_scales(rng):
    """An asymmetric Gaussian: sides of scale b₁, b₂ are drawn in the ratio b₁ : b₂."""
    left, right = 1.0, 3.0
    side = rng.random(400_000) < left / (left + right)
    values = np.abs(rng.normal(size=side.size)) / np.sqrt(0.5) * 0.5
    values = np.where(side, -left * values, right * values) * np.sqrt(2)
    shape, found_left, found_right = asymmetric_gaussian(values)
    assert shape == pytest.approx(2, rel=0.05)
    assert found_right / found_left == pytest.approx(3, rel=0.03)


def test_a_constant_patch_has_features_that_are_numbers():
    features, sharpness = patch_features(np.full((96, 96), 7.0), data_range=255)
    assert np.isfinite(features).all()
    assert sharpness == pytest.approx(0, abs=1e-5)


def test_normalised_noise_has_no_mean_and_a_variance_near_one(rng):
    field, deviation = normalised(100 + 20 * rng.normal(size=(300, 300)), 1.0)
    assert field.mean() == pytest.approx(0, abs=0.01)
    assert 0.8 < field.std() < 1.1
    assert deviation.mean() == pytest.approx(20, rel=0.1)


def texture(rng, size=480):
    return np.clip(128 + 300 * gaussian_filter(rng.normal(size=(size, size)), 1.5), 0, 255)


def test_reference_images_are_nearest_and_blur_and_noise_are_further(rng, tmp_path):
    model = fit_naturalness([texture(rng) for _ in range(3)], data_range=255)
    image = texture(rng)
    own = niqe(image, model, data_range=255)
    assert own < niqe(gaussian_filter(image, 1), model, data_range=255) / 2
    assert own < niqe(image + 20 * rng.normal(size=image.shape), model, data_range=255) / 2
    # of the same data range in other units
    assert niqe(image / 255, model, data_range=1) == pytest.approx(own)
    model.save(tmp_path / "mine.npz")
    assert niqe(image, NaturalModel.load(tmp_path / "mine.npz"), data_range=255) == own


def test_of_the_model_itself_the_distance_is_zero(rng):
    """D = 0 for equal means, and the distance in units of the deviation for one feature that is off."""
    image = texture(rng)
    features, _ = patch_features(image, data_range=255)
    same = NaturalModel(features.mean(axis=0), np.cov(features, rowvar=False), len(features))
    assert niqe(image, same, data_range=255) == pytest.approx(0, abs=1e-9)
    covariance = np.diag(np.full(36, 4.0)) - np.cov(features, rowvar=False)  # so that the mean of both is 2
    off = NaturalModel(features.mean(axis=0) + np.eye(36)[5] * 3, covariance, 1)
    assert niqe(image, off, data_range=255) == pytest.approx(3 / np.sqrt(2))


def test_what_cannot_be_measured_is_said(rng, tmp_path):
    with pytest.raises(ImageError, match="at least 96 pixels"):
        patch_features(np.zeros((95, 200)), data_range=255)
    with pytest.raises(ImageError, match="needs 40"):
        fit_naturalness([texture(rng, 200)], data_range=255)
    (tmp_path / "x.npz").write_bytes(b"no")
    with pytest.raises(ImageError, match=r"x\.npz is no NIQE model"):
        NaturalModel.load(tmp_path / "x.npz")
