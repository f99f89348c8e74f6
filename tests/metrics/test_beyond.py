"""Fine detail beside what is expected: against spectra that are known, and against images."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.errors import ImageError
from napari_sr.metrics.beyond import LAST, NYQUIST, expected_power, power_beyond, ring_power, signal_limit
from napari_sr.metrics.spectral import power_spectrum

SCALE = 4


def field(shape, beta, rng, size=1):
    """A stack of random images whose power is 1e3 f^-beta."""
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    f[0, 0] = np.inf
    noise = np.fft.fft2(rng.normal(size=(size, *shape)))
    return np.fft.ifft2(noise * np.sqrt(1e3) * f ** (-beta / 2)).real


def pair(rng, *, beta=2.5, blur=0.5, noise=1.0, side=64, size=12):
    """HR images with a power law, and LR images of them without aliasing: Gaussian blur, every 4th frequency, noise."""
    hr = field((side * SCALE, side * SCALE), beta, rng, size)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    low = np.fft.fftfreq(side * SCALE) * side * SCALE
    keep = np.flatnonzero((low >= -side // 2) & (low < side // 2))
    spectrum = np.fft.fft2(hr)[:, keep][:, :, keep] / SCALE**2
    lr = np.fft.ifft2(spectrum * np.exp(-2 * (math.pi * blur * f) ** 2)).real
    return hr, lr + rng.normal(0, math.sqrt(noise), lr.shape)


def test_white_noise_has_its_variance_in_every_ring(rng):
    found = ring_power(rng.normal(5, 3, (40, 48, 64)))
    np.testing.assert_allclose(found.power[2:], 9, rtol=0.12)  # the mean of a tile leaks into the first two
    assert found.power.mean() == pytest.approx(9, rel=0.02)


def test_rings_are_those_of_the_power_spectrum_without_its_jumps(rng):
    """An image that fades out anyway, so that the window changes little: the two spectra go together."""
    smooth = gaussian_filter(rng.normal(size=(96, 96)), 2, mode="wrap")
    frequencies, power = power_spectrum(smooth)
    found = ring_power(smooth)
    np.testing.assert_allclose(found.frequencies, frequencies)
    inner = (frequencies > 0.04) & (frequencies < 0.12)
    assert np.log(found.power[inner]).mean() == pytest.approx(np.log(power[inner]).mean(), abs=0.35)


@pytest.mark.parametrize("noise", [0.5, 20.0, 400.0])
@pytest.mark.parametrize("beta", [2.0, 3.0])
def test_the_limit_is_where_signal_meets_noise(noise, beta, rng):
    images = field((128, 128), beta, rng, 16) + rng.normal(0, math.sqrt(noise), (16, 128, 128))
    expected = min((1e3 / noise) ** (1 / beta), NYQUIST) if (1e3 / noise) ** (1 / beta) < NYQUIST else NYQUIST
    assert signal_limit(ring_power(images), noise) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("beta", [2.0, 2.5, 3.3, 4.0])
@pytest.mark.parametrize("blur", [0.3, 0.6, 0.9])
def test_a_power_law_is_continued_beyond_the_blur(beta, blur, rng):
    _, lr = pair(rng, beta=beta, blur=blur, noise=0.01)
    at = np.array([0.6, 1.0, 1.5])
    found = ring_power(lr)
    limit = signal_limit(found, 0.01)
    got = expected_power(found, at, scale=SCALE, noise=0.01, blur=blur, limit=limit)
    # 1e3 f^-beta in cycles per HR pixel; in LR images, amplitudes of the same sum over fewer pixels
    truth = 1e3 * (at / SCALE) ** -beta / SCALE**2
    np.testing.assert_allclose(10 * np.log10(got / truth), 0, atol=2.0)


@pytest.mark.parametrize("beta", [2.0, 3.0])
def test_a_known_spectrum_takes_the_place_of_the_power_law(beta, rng):
    """One that is no power law: with a gap that only the reference knows of."""
    _, lr = pair(rng, beta=beta, noise=0.01)
    f = (np.arange(72) + 0.5) * LAST / 72
    sharp = -beta * np.log(f) - np.where(f > 0.2, 3.0, 0.0) + 7  # whatever constant
    at = np.array([0.6, 1.2])
    found = ring_power(lr)
    got = expected_power(found, at, scale=SCALE, noise=0.01, blur=0.5, limit=0.5, sharp=sharp)
    truth = 1e3 * (at / SCALE) ** -beta / SCALE**2 * np.where(at / SCALE > 0.2, np.exp(-3.0), 1.0)
    np.testing.assert_allclose(10 * np.log10(got / truth), 0, atol=1.0)


@pytest.mark.parametrize("noise", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("blur", [0.35, 0.8])
def test_the_truth_has_as_much_as_is_expected_and_more_is_counted(blur, noise, rng):
    hr, lr = pair(rng, blur=blur, noise=noise)
    f = (np.arange(72) + 0.5) * LAST / 72
    settings = {"scale": SCALE, "noise": noise, "blur": blur, "sharp": -2.5 * np.log(f)}
    truth = power_beyond(hr, lr, **settings)
    assert truth.decibels < 1.0
    assert truth.decibels > (-1.0 if noise < 1 else -12.0)  # the noise that is allowed for is not in the truth
    # four times the power beyond the LR image's Nyquist frequency, where only a picture has any
    k = np.hypot(np.fft.fftfreq(hr.shape[1])[:, None], np.fft.fftfreq(hr.shape[2])[None, :])
    more = np.fft.ifft2(np.fft.fft2(hr) * np.where(k > 0.5 * truth.limit / SCALE, 2.0, 1.0)).real
    assert power_beyond(more, lr, **settings).ratio / truth.ratio == pytest.approx(4, rel=0.1)
    less = gaussian_filter(hr, (0, 4, 4), mode="wrap")
    assert power_beyond(less, lr, **settings).ratio < truth.ratio / 3


@pytest.mark.parametrize("noise", [10.0, 100.0])
def test_noise_that_is_only_kept_is_not_counted_as_made_up(noise, rng):
    _, lr = pair(rng, noise=noise)
    # frequencies of the LR image, and none beyond
    side = lr.shape[-1]
    at = (np.fft.fftfreq(side) * side).astype(int) % (side * SCALE)
    spectrum = np.zeros((len(lr), side * SCALE, side * SCALE), complex)
    spectrum[np.ix_(range(len(lr)), at, at)] = np.fft.fft2(lr) * SCALE**2
    picture = np.fft.ifft2(spectrum).real
    assert power_beyond(picture, lr, scale=SCALE, noise=noise, blur=0.5).ratio < 1.1
    # sharpened, the noise is made up
    k = np.hypot(np.fft.fftfreq(side * SCALE)[:, None], np.fft.fftfreq(side * SCALE)[None, :]) * SCALE
    worms = np.fft.ifft2(spectrum * np.exp(2 * (math.pi * 0.8 * np.minimum(k, 0.5)) ** 2)).real
    assert power_beyond(worms, lr, scale=SCALE, noise=noise, blur=0.5).ratio > 3


def test_units_and_offsets_do_not_matter(rng):
    hr, lr = pair(rng, noise=4.0)
    settings = {"scale": SCALE, "blur": 0.5}
    found = power_beyond(hr, lr, noise=4.0, **settings)
    other = power_beyond(-3 * hr + 500, -3 * lr + 500, noise=36.0, **settings)
    assert other.ratio == pytest.approx(found.ratio, rel=1e-6)
    assert other.limit == found.limit


def test_noise_alone_lets_nothing_be_expected_but_itself(rng):
    lr = rng.normal(0, 2, (9, 64, 64))
    found = power_beyond(np.zeros((9, 256, 256)), lr, scale=SCALE, noise=8.0, blur=0.5)
    assert found.ratio == 0
    assert found.decibels == -math.inf
    np.testing.assert_array_equal(np.unique(found.expected), (0, 8))


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ImageError, match="does not belong"):
        power_beyond(np.zeros((64, 60)), np.zeros((16, 16)), scale=SCALE, noise=1, blur=0.5)
    with pytest.raises(ImageError, match="does not belong"):
        power_beyond(np.zeros((2, 64, 64)), np.zeros((3, 16, 16)), scale=SCALE, noise=1, blur=0.5)
    with pytest.raises(ImageError, match="at least 16"):
        power_beyond(np.zeros((60, 64)), np.zeros((15, 16)), scale=SCALE, noise=1, blur=0.5)
    with pytest.raises(ImageError, match="constant"):
        power_beyond(np.full((64, 64), 7.0), np.full((16, 16), 7.0), scale=SCALE, noise=1, blur=0.5)
