"""Blur estimated from one image against the blur that was put in."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.errors import ImageError
from napari_sr.estimation import Blur, Estimate, Noise, estimate, estimate_blur, estimate_noise, sharp_spectrum
from napari_sr.estimation.blur import LARGEST, NOISES, SIGMAS, judge, posterior, quantile
from napari_sr.estimation.sampling import filled, tiles
from napari_sr.estimation.spectrum import RINGS, Spectrum, spectrum


def field(rng, exponent, sigma, *, shape=(256, 256), noise=0.0):
    """A random field with the power f^-exponent exp(-4 π² σ² f²), range about 200, in white noise."""
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    f[0, 0] = 1
    filtered = np.fft.fft2(rng.normal(size=shape)) * f ** (-exponent / 2) * np.exp(-2 * np.pi**2 * sigma**2 * f**2)
    filtered[0, 0] = 0
    image = np.fft.ifft2(filtered).real
    return 100 + image * 40 / image.std() + rng.normal(0, noise, size=shape)


@pytest.mark.parametrize("exponent", [2.5, 3.3, 4.0])
@pytest.mark.parametrize("sigma", [0.25, 0.5, 0.75, 1.0, 1.2])
def test_blur_of_power_laws(rng, exponent, sigma):
    found = estimate_blur(field(rng, exponent, sigma))
    # a steeper power law than usual looks like a little blur
    assert found.sigma == pytest.approx(sigma, abs=0.12)


@pytest.mark.parametrize("sigma", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(("noise", "known"), [(1.0, False), (4.0, False), (4.0, True), (12.0, True)])
def test_blur_in_noise(rng, sigma, noise, known):
    """In strong noise, only images of the kind say which of slope and blur it is."""
    reference = sharp_spectrum([field(rng, 3.3, 0.0) for _ in range(3)]) if known else None
    images = [field(rng, 3.3, sigma, noise=noise) for _ in range(4)]
    errors = [estimate_blur(image, reference=reference).sigma - sigma for image in images]
    assert np.mean(np.abs(errors)) < 0.2


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_more_blur_is_seen_as_more(rng, noise):
    """On edges, which are no random field, as well."""
    cells = (gaussian_filter(rng.normal(size=(768, 768)), 12) > 0) * 200.0
    found = []
    for optics in (0.0, 0.5, 0.75, 1.0):
        lr = gaussian_filter(cells, 4 * optics).reshape(192, 4, 192, 4).mean(axis=(1, 3))
        found.append(estimate_blur(lr + rng.normal(0, noise, size=lr.shape)).sigma)
    assert np.all(np.diff(found) > 0.1)


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (64, 64), (4096, 64), (100, 333)])
def test_any_shape(rng, shape):
    sharp, blurred = (estimate_blur(field(rng, 3.3, s, shape=shape, noise=0.5)).sigma for s in (0.2, 1.1))
    assert 0 <= sharp < blurred <= LARGEST


@pytest.mark.parametrize("gain", [-1.0, 1e-3, 2e4])
def test_units_offset_and_inversion_do_not_matter(rng, gain):
    image = field(rng, 3.0, 0.7, noise=2.0)
    assert estimate_blur(gain * image + 5).sigma == pytest.approx(estimate_blur(image).sigma, abs=0.02)


def test_direction_does_not_matter(rng):
    image = field(rng, 3.0, 0.7, shape=(200, 120), noise=2.0)
    assert estimate_blur(image.T).sigma == pytest.approx(estimate_blur(image).sigma, abs=1e-6)


@pytest.mark.parametrize("sigma", [2.0, 3.0, 4.0])
def test_smooth_objects_are_bounded(rng, sigma):
    found = estimate_blur(field(rng, 3.3, sigma))
    assert found.sigma == LARGEST
    assert found.bounded
    assert not estimate_blur(field(rng, 3.3, 0.8)).bounded


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_has_no_blur(dtype, value):
    found = estimate(np.full((50, 50), value, dtype))
    assert found.blur == Blur(0.0, True, "constant image")
    assert found.noise.variance(value) == pytest.approx(1 / 12)


def test_missing_values_hardly_matter(rng):
    image = field(rng, 3.3, 0.8, noise=1.0)
    holes = image.copy()
    holes[:60] = np.nan
    holes[100:110, 40:200] = np.inf
    assert estimate_blur(holes).sigma == pytest.approx(estimate_blur(image).sigma, abs=0.15)
    assert estimate_blur(np.full((64, 64), np.nan)).bounded


def test_missing_areas_are_those_of_the_tile_turned(rng):
    tile = rng.normal(size=(1, 40, 40))
    holes = tile.copy()
    holes[0, :10, :10] = np.nan

    def alike(one, other):
        return np.corrcoef(one.ravel(), other.ravel())[0, 1]

    assert alike(filled(holes)[0, :10, :10], tile[0, 30:, 30:][::-1, ::-1]) > 0.95
    holes[0, 30:, 30:] = np.nan  # where it lies once turned
    assert alike(filled(holes)[0, :10, :10], tile[0, 30:, :10][::-1]) > 0.95


def test_missing_areas_are_as_bright_as_what_is_around():
    ramp = np.tile(np.linspace(0, 100, 64), (1, 64, 1))
    holes = ramp.copy()
    holes[0, 20:40, 5:25] = np.nan
    np.testing.assert_allclose(filled(holes)[0, 20:40, 5:25], ramp[0, 20:40, 5:25], atol=20)  # turned: up to 90 more


@pytest.mark.parametrize("share", [0.0005, 0.002, 0.01])
def test_single_missing_pixels_hardly_matter(rng, share):
    image = field(rng, 3.0, 0.7, noise=4)
    holes = np.where(rng.random(image.shape) < share, np.nan, image)
    whole, found = estimate(image), estimate(holes)
    assert found.blur.sigma == pytest.approx(whole.blur.sigma, abs=0.15)
    assert found.noise.sigma(100) == pytest.approx(whole.noise.sigma(100), rel=0.25)


def test_missing_values_are_those_next_to_them():
    tile = np.arange(16.0).reshape(1, 4, 4)
    holes = tile.copy()
    holes[0, 1, 0] = np.nan
    np.testing.assert_array_equal(np.isfinite(filled(holes)), True)
    assert filled(holes)[0, 1, 0] in {0, 5, 8}
    np.testing.assert_array_equal(np.delete(filled(holes).ravel(), 4), np.delete(tile.ravel(), 4))
    assert np.isnan(holes[0, 1, 0])
    # a tile without much is none
    empty = np.full((1, 4, 4), np.nan)
    np.testing.assert_array_equal(filled(np.concatenate([tile, empty])), tile)
    np.testing.assert_array_equal(filled(empty), 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_dtypes(rng, dtype):
    image = np.clip(np.rint(field(rng, 3.3, 0.6, noise=2.0)), 0, 255)
    assert estimate_blur(image.astype(dtype)).sigma == pytest.approx(estimate_blur(image).sigma, abs=1e-3)


def test_a_reference_tells_structure_from_blur(rng):
    """Structure that no power law describes: only images of its kind say what its blur is."""

    def textured(sigma):
        bands = gaussian_filter(rng.normal(size=(256, 256)), 1.0)
        return gaussian_filter(field(rng, 2.0, 0.0) + 400 * bands, sigma) + rng.normal(0, 0.5, size=(256, 256))

    reference = sharp_spectrum([textured(0.0) for _ in range(3)])
    sigmas = (0.4, 0.7, 1.0)
    without, given = (
        [abs(estimate_blur(textured(s), reference=r).sigma - s) for s in sigmas] for r in (None, reference)
    )
    assert max(given) < 0.12
    assert np.mean(given) < np.mean(without)
    assert "reference" in estimate_blur(textured(0.5), reference=reference).method


def test_a_reference_is_a_mean_of_logarithms(rng):
    images = [field(rng, 3.0, 0.0) for _ in range(2)]
    first, second, both = sharp_spectrum(images[:1]), sharp_spectrum(images[1:]), sharp_spectrum(images)
    np.testing.assert_allclose(both, (first + second) / 2, atol=1e-12)
    np.testing.assert_allclose(sharp_spectrum([5 * images[0] - 3]), first, atol=1e-9)
    assert both.shape == (RINGS,)


@pytest.mark.parametrize("images", [[], [np.zeros((64, 64))], [np.ones((8, 8))], [np.eye(16)]])
def test_what_is_no_reference_is_refused(images):
    with pytest.raises(ImageError):
        sharp_spectrum(images)


@pytest.mark.parametrize("reference", [np.zeros(RINGS - 1), np.zeros((RINGS, 1))])
def test_a_reference_has_a_value_a_ring(rng, reference):
    with pytest.raises(ImageError):
        estimate_blur(rng.normal(size=(32, 32)), reference=reference)


def test_spectrum_of_white_noise_is_its_variance(rng):
    found = spectrum(tiles(rng.normal(3, 2, size=(512, 512))))
    # the last ring holds nothing but the corners
    np.testing.assert_allclose(found.power[2:-1], 4, rtol=0.1)
    assert np.average(found.power, weights=found.count) == pytest.approx(4, rel=0.02)
    assert np.all(np.diff(found.frequency) > 0)


def test_spectrum_of_a_wave_lies_in_its_ring():
    rows = np.arange(128)[:, None] * np.ones((1, 128))
    found = spectrum(np.sin(2 * np.pi * 0.25 * rows)[None])
    assert found.frequency[np.argmax(found.power)] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.1])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_posterior_of_an_exact_model(sigma, share):
    """With the power of the model itself, blur and noise come out as they went in."""
    f = (np.arange(2, RINGS) + 0.5) * 0.03
    power = 1e3 * f**-3.0 * np.exp(-4 * np.pi**2 * sigma**2 * f**2) + share * 20.0
    exact = Spectrum(f, power, np.full(len(f), 1e6), np.arange(2, RINGS))
    chance = posterior(exact, 20.0)
    assert chance.shape == (len(SIGMAS), len(NOISES))
    assert chance.sum() == pytest.approx(1)
    assert quantile(SIGMAS, chance.sum(axis=1), 0.5) == pytest.approx(sigma, abs=0.1)
    if sigma > 0.5:  # the noise is seen where the blur leaves nothing else
        assert np.exp(quantile(NOISES, chance.sum(axis=0), 0.5)) == pytest.approx(share, rel=0.25)


def test_the_noise_beside_a_blur_is_that_of_the_image_or_less(rng):
    smooth = field(rng, 3.3, 0.8, noise=5.0)
    sharp = field(rng, 3.0, 0.0, noise=1.0)
    for image, true in ((smooth, 5.0), (sharp, 1.0)):
        both = Estimate(*judge(image))
        alone = estimate_noise(image)
        assert np.all(both.noise.sigma([60, 140]) <= alone.sigma([60, 140]) * (1 + 1e-9))
        assert both.noise.sigma(100) > 0.7 * true
    # structure taken for noise is given back
    assert both.noise.sigma(100) < 0.9 * alone.sigma(100)
    assert judge(smooth)[1].sigma(100) == pytest.approx(5, rel=0.15)
    assert estimate(smooth).noise.sigma(100) == pytest.approx(5, rel=0.15)


def test_a_noise_that_is_known_is_used(rng):
    image = field(rng, 3.3, 0.9, noise=10.0)
    assert estimate_blur(image, Noise(0.0, 100.0, "known")).sigma == pytest.approx(0.9, abs=0.25)
    assert estimate_blur(image, Noise(0.0, 1e-4, "wrong")).sigma < 0.4
