"""Noise estimated from one image against the noise that was put in."""

import numpy as np
import pytest
from scipy.ndimage import correlate, gaussian_filter
from scipy.special import comb

from napari_sr.errors import ImageError
from napari_sr.estimation import Noise, estimate, estimate_noise
from napari_sr.estimation.noise import BLOCK, FREEDOM, HIGH_PASS, blocks, fit, high_pass, inner
from napari_sr.estimation.sampling import TILE, TILES, extremes, quantiles, tiles


def smooth(rng, shape=(256, 256), sigma=12.0):
    """Smooth structure between 0 and 1."""
    field = gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return (field - field.min()) / np.ptp(field)


def noisy(rng, clean, slope, intercept):
    return clean + rng.normal(size=clean.shape) * np.sqrt(slope * clean + intercept)


def test_variance_is_a_line_above_a_floor():
    noise = Noise(2.0, -10.0, "by hand", floor=4.0)
    np.testing.assert_allclose(noise.variance([0, 5, 7, 10]), [4, 4, 4, 10])
    np.testing.assert_allclose(noise.sigma([[0], [13]]), [[2], [4]])
    less = noise.times(0.25, least=2.0)
    assert (less.slope, less.intercept, less.floor) == (0.5, -2.5, 2.0)


def test_the_constant_of_the_blocks_is_that_of_white_noise(rng):
    sample = rng.normal(5, 3, size=(40, 126, 126))
    level, variance = blocks(sample, inner(high_pass(sample)), np.zeros((40, 126, 126), bool))
    assert len(level) == 40 * (120 // BLOCK) ** 2
    assert level.mean() == pytest.approx(5, abs=0.02)
    assert variance.mean() == pytest.approx(9, rel=0.02)
    assert 2 * variance.mean() ** 2 / variance.var() == pytest.approx(FREEDOM, rel=0.05)
    # noise k pixels apart is correlated by ± C(12, 6 + k) / C(12, 6) along each axis
    apart = np.abs(np.subtract.outer(range(BLOCK), range(BLOCK)))
    along = np.sum((comb(12, 6 + apart) / comb(12, 6)) ** 2)
    assert pytest.approx(BLOCK**4 / along**2, rel=0.01) == FREEDOM


def test_no_surface_of_the_fifth_degree_is_noise():
    rows, columns = np.mgrid[-16:16, -16:16].astype(float)
    assert high_pass((rows**5 * columns**5 + columns**4 * rows)[None])[:, 3:-3, 3:-3].max() == 0
    # and of the sixth, 6! along each axis is left
    square = (720**2 / float((HIGH_PASS**2).sum())) ** 2
    np.testing.assert_allclose(high_pass((rows**6 * columns**6)[None])[:, 3:-3, 3:-3] ** 2, square, rtol=0.05)


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_the_high_pass_is_a_filter_of_binomial_taps(rng, step, dtype, close):
    sample = rng.normal(size=(2, 44, 61))
    taps = np.zeros(6 * step + 1)
    taps[::step] = [comb(6, k) * (-1) ** k for k in range(7)]
    expected = correlate(sample, np.outer(taps, taps)[None], mode="reflect") / (taps**2).sum()
    found = high_pass(sample.astype(dtype), step)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=close)


def test_quantiles_are_those_of_numpy(rng):
    for shape in ((1,), (7,), (30, 41)):
        values = rng.normal(size=shape)
        shares = (0.0, 0.05, 0.5, 0.83, 1.0)
        np.testing.assert_allclose(quantiles(values, shares), np.quantile(values, shares))


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 9.0), (0.5, 4.0), (2.0, 1.0), (-0.5, 110.0), (-2.0, 402.0)])
@pytest.mark.parametrize("shape", [(256, 256), (90, 400)])
def test_affine_noise_on_smooth_structure(rng, slope, intercept, shape):
    clean = 200 * smooth(rng, shape)
    found = estimate_noise(noisy(rng, clean, slope, intercept))
    at = np.percentile(clean, [5, 25, 50, 75, 95])
    np.testing.assert_allclose(found.sigma(at), np.sqrt(slope * at + intercept), rtol=0.15)
    assert found.method == "variance against mean"


@pytest.mark.parametrize("slope", [-0.4, -0.1, 0.1, 0.4])
def test_slopes_have_their_sign_on_a_ramp(rng, slope):
    ramp = np.linspace(0, 255, 400)[None, :] * np.ones((200, 1))
    found = estimate_noise(noisy(rng, ramp, slope, 5 + 255 * max(0, -slope)))
    assert found.slope == pytest.approx(slope, rel=0.25)


@pytest.mark.parametrize("side", [54, 62, 85, 120])
@pytest.mark.parametrize(("slope", "intercept"), [(2.0, 4.0), (0.5, 40.0), (-2.0, 404.0), (0.0, 49.0)])
def test_small_images_say_how_noise_depends_on_brightness(rng, side, slope, intercept):
    dark, bright = [], []
    for _ in range(12):
        clean = 200 * smooth(rng, (side, side), side / 6)
        found = estimate_noise(noisy(rng, clean, slope, intercept))
        dark.append(float(found.variance(20.0)))
        bright.append(float(found.variance(180.0)))
    # one image has few blocks of each brightness: together they must be right, and light must not look like a detector
    truth = [slope * 20 + intercept, slope * 180 + intercept]
    np.testing.assert_allclose([np.median(dark), np.median(bright)], truth, rtol=0.35)


def wavelet_median(image):
    """Donoho & Johnstone's: median absolute diagonal detail of the Daubechies wavelet of four coefficients."""
    root = np.sqrt(3)
    high = np.array([1 - root, root - 3, 3 + root, -1 - root]) / np.sqrt(32)
    rows = np.apply_along_axis(np.convolve, 0, image, high, "valid")[::2]
    return np.median(np.abs(np.apply_along_axis(np.convolve, 1, rows, high, "valid")[:, ::2])) / 0.6745


@pytest.mark.parametrize("sigma", [0.5, 3.0, 20.0])
@pytest.mark.parametrize("shape", [(16, 16), (20, 47), (33, 33), (300, 260)])
def test_as_the_wavelet_median_of_gaussian_noise(rng, sigma, shape):
    found, reference = [], []
    for _ in range(20 if min(shape) < 50 else 2):
        image = 100 + rng.normal(0, sigma, size=shape)
        found.append(float(estimate_noise(image).sigma(100)))
        reference.append(wavelet_median(image))
    assert np.mean(found) == pytest.approx(np.mean(reference), rel=0.15)
    assert np.mean(found) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("gain", [1e-4, 1.0, 3e4])
@pytest.mark.parametrize("offset", [0.0, -7.0, 1e3])
def test_units_and_offsets_do_not_matter(rng, gain, offset):
    image = noisy(rng, 200 * smooth(rng), 0.5, 4.0) + 0.123
    first, second = estimate_noise(image), estimate_noise(gain * (image + offset))
    at = np.array([20.0, 100.0, 180.0])
    np.testing.assert_allclose(second.sigma(gain * (at + offset)), gain * first.sigma(at), rtol=1e-4)


def test_inversion_turns_the_slope(rng):
    image = noisy(rng, 200 * smooth(rng), 0.5, 4.0)
    at = np.array([20.0, 100.0, 180.0])
    np.testing.assert_allclose(estimate_noise(200 - image).sigma(200 - at), estimate_noise(image).sigma(at), rtol=0.05)


@pytest.mark.parametrize("limits", [(60, np.inf), (-np.inf, 150), (60, 150)])
@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_saturated_areas_are_left_out(rng, limits, sigma):
    image = np.clip(noisy(rng, 200 * smooth(rng, (300, 300)), 0, sigma**2), *limits)
    assert len(extremes(image)) == np.isfinite(limits).sum()
    assert estimate_noise(image).sigma(100) == pytest.approx(sigma, rel=0.2)
    whole = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    assert estimate_noise(whole).sigma(100) == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.2)


def test_noise_that_reaches_the_limit_everywhere_is_still_seen(rng):
    """Fluorescence with an offset of zero: more than a tenth of all pixels are black."""
    image = np.clip(np.rint(20 + rng.normal(0, 16, size=(120, 120))), 0, 255).astype(np.uint8)
    assert (image == 0).mean() > 0.1
    assert estimate_noise(image).sigma(20) == pytest.approx(16, rel=0.25)


def test_extremes_of_uncut_images_are_none(rng):
    assert len(extremes(rng.normal(size=100_000))) == 0
    assert len(extremes(rng.poisson(8, size=100_000).astype(float))) == 0


@pytest.mark.parametrize("sigma", [2.0, 8.0])
def test_edges_and_texture_are_not_noise(rng, sigma):
    cells = gaussian_filter((smooth(rng, (400, 400), 6) > 0.5) * 150.0, 0.7)
    assert estimate_noise(cells + rng.normal(0, sigma, size=cells.shape)).sigma(75) == pytest.approx(sigma, rel=0.2)


def test_smooth_images_have_hardly_any():
    rows, columns = np.mgrid[:200, :200] / 200
    enlarged = np.sin(7 * rows) * np.cos(9 * columns)
    assert estimate_noise(enlarged).sigma(0.3) < 1e-6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, bool])
@pytest.mark.parametrize("value", [0, 1])
def test_constant_images(dtype, value):
    found = estimate_noise(np.full((40, 30), value, dtype))
    assert found.slope == 0
    assert found.variance(value) == pytest.approx(1 / 12)
    if dtype is np.float64:
        assert estimate_noise(np.full((40, 30), value + 0.3)).variance(value) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_whole_numbers_have_the_noise_of_rounding(rng, dtype):
    image = np.rint(200 * smooth(rng)).astype(dtype)
    variance = estimate_noise(image).variance([0, 100, 200])
    assert variance.min() >= 1 / 12
    assert variance.max() < 3 / 12
    assert estimate(image).noise.variance([0, 100, 200]).min() >= 1 / 12


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_none_are_left_out(rng, value):
    image = noisy(rng, 200 * smooth(rng), 0.0, 25.0)
    image[:100] = value
    image[150:160, 30:90] = value
    assert estimate_noise(image).sigma(100) == pytest.approx(5, rel=0.15)
    assert estimate_noise(np.full((32, 32), value)) == Noise(0.0, 0.0, "constant image")


@pytest.mark.parametrize("shape", [(4096, 64), (64, 4096), (1500, 1500), (129, 16), (130, 300)])
def test_tiles_reach_all_over_an_image(shape):
    image = np.arange(np.prod(shape), dtype=float).reshape(shape)
    found = tiles(image)
    assert 1 <= len(found) <= TILES
    assert found.shape[1:] == (min(TILE, shape[0]), min(TILE, shape[1]))
    assert found[0, 0, 0] == 0
    assert found[-1, -1, -1] == image[-1, -1]
    if np.prod(shape) < TILE**2 * TILES / 4:
        assert len(np.unique(found)) == image.size


@pytest.mark.parametrize("shape", [(4096, 64), (64, 4096)])
def test_strips(rng, shape):
    image = noisy(rng, 200 * smooth(rng, shape), 0.5, 4.0)
    np.testing.assert_allclose(estimate_noise(image).sigma([50, 150]), np.sqrt([29, 79]), rtol=0.1)


def test_the_line_through_exact_variances():
    at = np.array([10.0, 20.0, 40.0, 80.0])
    slope, intercept = fit(np.stack([at, 3 * at + 7, np.array([10.0, 900.0, 20.0, 11.0])], axis=1))
    assert (slope, intercept) == (pytest.approx(3), pytest.approx(7))


@pytest.mark.parametrize(
    "image", [np.zeros((3, 32, 32)), np.zeros((15, 40)), np.zeros(64), np.zeros((32, 32), complex)]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ImageError):
        estimate_noise(image)
