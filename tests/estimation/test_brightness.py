"""How fine details depend on brightness, against noise that is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.estimation.brightness import GROUPS, NUMBERS, brightness
from napari_sr.estimation.learned import DETAILS
from napari_sr.estimation.noise import high_pass

COUNT = len(GROUPS) - 1


@pytest.fixture
def rng():
    return np.random.default_rng(22)


def seen(sample):
    """Return what is told: brightness, noise and coarser details of each group; and how to undo the units."""
    sample = np.asarray(sample, np.float64)
    unit = ((sample - sample.mean()) / sample.std()).astype(np.float32)
    found = brightness(unit, {step: high_pass(unit, step) for step, _ in DETAILS})
    assert found.shape == (NUMBERS,)
    assert np.isfinite(found).all()
    return found.reshape(3, COUNT), sample.mean(), sample.std()


@pytest.mark.parametrize("photons", [20, 200, 2000])
def test_of_photons_the_variance_is_the_mean(rng, photons):
    """Poisson (1837): the variance of counts is their mean; the quieter blocks have a little less."""
    smooth = gaussian_filter(rng.normal(size=(8, 160, 160)), (0, 24, 24))
    smooth = photons * (0.05 + (smooth - smooth.min()) / np.ptp(smooth))
    (level, quiet, _), mean, deviation = seen(rng.poisson(smooth))
    expected = np.log((level * deviation + mean) / deviation**2)
    np.testing.assert_allclose((quiet - expected)[1:], (quiet - expected)[1:].mean(), atol=0.25)
    assert -0.7 < (quiet - expected)[1:].mean() < 0
    assert quiet[-1] > quiet[0] + 1


def test_noise_of_a_detector_does_not_depend_on_brightness(rng):
    smooth = gaussian_filter(rng.normal(size=(8, 160, 160)), (0, 24, 24))
    _, quiet, coarser = seen(smooth / smooth.std() + 0.2 * rng.normal(size=smooth.shape))[0]
    assert np.ptp(quiet) < 0.3
    np.testing.assert_allclose(coarser, 0, atol=0.1)  # white: as much of coarser details as of the finest


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5])
def test_structure_has_more_of_coarser_details(rng, blur):
    """Of a blurred image, the band at half the frequency holds more than the finest."""
    _, _, coarser = seen(gaussian_filter(rng.normal(size=(4, 128, 128)), (0, blur, blur)))[0]
    assert (coarser > 0.5).all()


def test_inverted_images_and_other_units_are_seen_alike(rng):
    smooth = gaussian_filter(rng.normal(size=(4, 96, 96)), (0, 4, 4))
    sample = rng.poisson(np.maximum(smooth / smooth.max(), 0) * 200)  # on nothing: many blocks are alike
    np.testing.assert_allclose(seen(65535 - 7.0 * sample)[0], seen(sample)[0], atol=2e-3)


@pytest.mark.parametrize("side", [44, 45, 61])
def test_the_smallest_tiles_have_all_groups(rng, side):
    found, _, _ = seen(rng.normal(size=(1, side, side)))
    assert (np.diff(found[0]) > 0).all()
