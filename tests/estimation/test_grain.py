"""Noise that neighbouring pixels share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.degradations.microscope import smoothed
from napari_sr.estimation import Noise, estimate, estimate_noise
from napari_sr.estimation.grain import COARSE_PASS, GRAINS, coarseness, hypotheses, transmitted
from napari_sr.estimation.noise import HIGH_PASS


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("grain", GRAINS)
def test_shares_of_details_are_those_of_filtered_noise(rng, grain):
    """Against noise that was really smoothed and filtered, in Fourier space, as the formula has it."""
    f = np.fft.fftfreq(256)
    gaussian = np.exp(-2 * np.pi**2 * grain**2 * (f[:, None] ** 2 + f**2))
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(8, 256, 256))) * gaussian).real
    mean, fine, coarse = transmitted(float(grain))
    assert noise.var() == pytest.approx(mean, rel=0.02)
    noise /= noise.std()
    for share, taps in ((fine, HIGH_PASS), (coarse, COARSE_PASS)):
        detail = noise
        for axis in (1, 2):
            detail = sum(t * np.roll(detail, k, axis) for k, t in enumerate(taps))
        assert detail.var() / (taps**2).sum() ** 2 == pytest.approx(share, rel=0.05)


def test_the_power_of_every_hypothesis_has_its_variance():
    """Summed over all frequencies, power is variance (Parseval)."""
    noises = hypotheses(4.0, ratio=3.0)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    mean = noises.power(f.ravel()).mean(axis=1)
    np.testing.assert_allclose(mean, noises.variance, rtol=1e-6)


def test_white_noise_is_as_coarse_as_fine_and_grain_is_coarser(rng):
    none = np.zeros((36, 128, 128), dtype=bool)
    white = rng.normal(size=none.shape)
    for grain in (0.0, 0.5, 0.7):
        noise = np.stack([smoothed(tile, (grain, grain)) for tile in white])
        _, fine, coarse = transmitted(grain)
        assert coarseness(noise, none, Noise(0.0, fine, "finest details")) == pytest.approx(coarse / fine, rel=0.1)


def test_too_few_blocks_say_nothing(rng):
    noise = Noise(0.0, 1.0, "known")
    assert coarseness(rng.normal(size=(1, 20, 200)), np.zeros((1, 20, 200), bool), noise) is None
    assert coarseness(rng.normal(size=(1, 128, 128)), np.ones((1, 128, 128), bool), noise) is None
    assert coarseness(np.zeros((1, 128, 128)), np.zeros((1, 128, 128), bool), Noise(0.0, 0.0, "none")) is None


def cells(rng, sigma):
    """Dark and bright cells, in uneven light, blurred."""
    inside, light = (gaussian_filter(rng.normal(size=(384, 384)), s) for s in (16, 60))
    return gaussian_filter(100 + 60 * np.sign(inside) + 10 * light / light.std(), sigma)


@pytest.mark.parametrize("grain", [0.0, 0.5, 0.7])
@pytest.mark.parametrize("noise", [15.0, 25.0])
def test_noise_with_grain_is_found_as_large_as_it_is(rng, grain, noise):
    """With grain, the finest details alone show a third of the noise, or less."""
    image = cells(rng, 0.8) + smoothed(rng.normal(0, noise, (384, 384)), (grain, grain))
    found = estimate(image).noise
    assert found.sigma(100) == pytest.approx(noise, rel=0.25)
    if grain:
        assert found.grain == pytest.approx(grain, abs=0.2)
        assert estimate_noise(image).sigma(100) < 0.7 * noise
    else:
        assert found.grain == 0


@pytest.mark.parametrize("sigma", [0.8, 1.1])
def test_a_blurred_image_without_noise_has_none(rng, sigma):
    """Its fine details fall as those of noise with grain do, but are not everywhere."""
    assert estimate(cells(rng, sigma)).noise.sigma(100) < 1
