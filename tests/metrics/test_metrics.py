"""Against scikit-image, torchmetrics and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import metrics as reference
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from napari_sr.errors import ImageError
from napari_sr.metrics import METRICS
from napari_sr.metrics.maps import error_map
from napari_sr.metrics.pixel import mae, nrmse, psnr, rmse
from napari_sr.metrics.spectral import power_spectrum, spectrum_score
from napari_sr.metrics.structural import ms_ssim, ssim, ssim_map


@pytest.fixture
def pair(rng):
    target = gaussian_filter(rng.normal(size=(200, 190)), 3) * 500 + 100
    return target + rng.normal(0, 4, target.shape), target


@pytest.mark.parametrize("name", list(METRICS))
def test_perfect_is_best(name, pair):
    spec = METRICS[name]
    pred, target = pair
    span = float(np.ptp(target))
    perfect = spec.function(target, target, data_range=span)
    worse = spec.function(pred, target, data_range=span)
    assert (perfect > worse) if spec.higher_is_better else (perfect < worse)


def test_psnr_and_errors_equal_scikit_image(pair):
    pred, target = pair
    span = float(np.ptp(target))
    assert psnr(pred, target, data_range=span) == pytest.approx(
        reference.peak_signal_noise_ratio(target, pred, data_range=span), abs=1e-9
    )
    assert rmse(pred, target, data_range=span) ** 2 == pytest.approx(reference.mean_squared_error(target, pred))
    assert nrmse(pred, target, data_range=span) == pytest.approx(
        reference.normalized_root_mse(target, pred, normalization="min-max")
    )
    assert mae(pred, target, data_range=span) == pytest.approx(np.abs(pred - target).mean())
    assert psnr(target, target, data_range=span) == math.inf


def test_ssim_map_mean_is_scikit_images_ssim(pair):
    pred, target = pair
    span = float(np.ptp(target))
    mean, full = ssim_map(pred, target, data_range=span)
    expected = reference.structural_similarity(
        target, pred, data_range=span, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert mean == pytest.approx(expected, abs=1e-12)
    assert full[5:-5, 5:-5].mean() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(11, 40), (256, 30), (257, 30), (262, 12), (700, 33)])
def test_bands_are_the_whole(shape, rng):
    target = gaussian_filter(rng.normal(size=shape), 2)
    pred = target + 0.05 * rng.normal(size=shape)
    mean, full = ssim_map(pred, target, data_range=float(np.ptp(target)))
    expected, whole = reference.structural_similarity(
        target, pred, data_range=float(np.ptp(target)), gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    np.testing.assert_allclose(full, whole, atol=1e-12)
    assert mean == pytest.approx(expected, abs=1e-12)


def test_ssim_equals_torchmetrics_inside(pair):
    pred, target = (torch.from_numpy(image)[None, None] for image in pair)
    span = float(np.ptp(pair[1]))
    _, full = structural_similarity_index_measure(pred, target, data_range=span, return_full_image=True)
    ours = ssim_map(*pair, data_range=span)[1]
    np.testing.assert_allclose(ours[8:-8, 8:-8], full[0, 0, 8:-8, 8:-8].numpy(), atol=1e-6)


@pytest.mark.parametrize("shape", [(177, 177), (200, 301), (512, 190)])
@pytest.mark.parametrize("noise", [0.002, 0.1, 1.0])
@pytest.mark.parametrize(("offset", "span"), [(0, 255), (1000, 255), (-0.5, 1e-3), (0, 60_000)])
def test_ms_ssim_equals_torchmetrics(shape, noise, offset, span, rng):
    target = gaussian_filter(rng.normal(size=shape), 2)
    target = offset + span * (target - target.min()) / np.ptp(target)
    pred = target + noise * span * rng.normal(size=shape) + 0.05 * span
    expected = multiscale_structural_similarity_index_measure(
        *(torch.from_numpy(image)[None, None] for image in (pred, target)), data_range=float(span), normalize="relu"
    )
    assert 0 < float(expected) < 1
    assert ms_ssim(pred, target, data_range=span) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_ms_ssim_of_what_has_no_value_has_none(value, pair):
    for number in range(2):
        images = [image.copy() for image in pair]
        images[number][50, 60] = value
        assert np.isnan(ms_ssim(*images, data_range=1e4))


def test_what_is_unlike_at_one_scale_is_unlike():
    target = np.indices((180, 180)).sum(axis=0) % 2 * 1.0
    assert ms_ssim(1 - target, target, data_range=1.0) == 0.0


def test_small_images_have_no_value_rather_than_a_wrong_one():
    small = np.random.default_rng(0).normal(size=(10, 40))
    assert ssim(small, small, data_range=10.0) is None
    assert ms_ssim(np.zeros((176, 300)), np.zeros((176, 300)), data_range=1.0) is None


def test_a_range_that_flatters_is_refused(pair):
    pred, target = pair
    with pytest.raises(ImageError, match="smaller than the range"):
        psnr(pred, target, data_range=float(np.ptp(target)) * 0.9)
    with pytest.raises(ImageError, match="shape"):
        ssim(pred[:-1], target, data_range=1e6)
    with pytest.raises(ImageError, match="shape"):
        error_map(pred[:-1], target)


def test_parseval():
    image = np.random.default_rng(1).normal(size=(64, 64))
    power = np.abs(np.fft.fft2(image)) ** 2 / image.size
    assert power.sum() / image.size == pytest.approx((image**2).mean())


def test_power_spectrum_of_white_noise_is_flat_and_of_a_wave_a_line():
    rng = np.random.default_rng(0)
    spectra = [power_spectrum(rng.normal(0, 3, (128, 128)))[1] for _ in range(20)]
    np.testing.assert_allclose(np.mean(spectra, axis=0)[4:], 9, rtol=0.12)
    wave = np.sin(2 * np.pi * np.arange(128) * 10 / 128)[None, :] * np.ones((128, 1))
    frequencies, power = power_spectrum(wave, pixel_size=0.5)
    assert frequencies[power.argmax()] == pytest.approx(10 / 64)


def test_spectrum_score_is_one_for_truth_and_zero_for_the_baseline(pair):
    pred, target = pair
    blurred = gaussian_filter(target, 4)
    assert spectrum_score(target, target, blurred) == 1
    assert spectrum_score(blurred, target, blurred) == pytest.approx(0)
    assert spectrum_score(pred, target, blurred) > 0.5
