"""Noise of the quietest parts of an image: seen where it is, also if neighbouring pixels share it, and nowhere else."""

import numpy as np
import pytest
from scipy import ndimage

from napari_sr import load_sample
from napari_sr.degradations.noise import smoothed
from napari_sr.degradations.resample import BlockMean
from napari_sr.estimation import estimate
from napari_sr.estimation.blur import judge
from napari_sr.estimation.quiet import noise_of_quiet_blocks
from napari_sr.estimation.sampling import tiles


def found(image):
    sample = tiles(np.asarray(image, float))
    return noise_of_quiet_blocks(sample, np.zeros(sample.shape, bool))


@pytest.fixture(scope="module")
def cells():
    """Drawn cells, the range 20 to 220, half of the picture empty."""
    drawn = np.asarray(load_sample("em-phantom").hr, np.float32)[:1024, :1024]
    low, high = np.percentile(drawn, (0.2, 99.8))
    lr = BlockMean(4)(np.clip((drawn - low) / (high - low), 0, 1) * 200 + 20, np.random.default_rng(0))
    lr[:, :96] = 200.0
    return ndimage.gaussian_filter(lr, 0.5)


@pytest.mark.parametrize("grain", [0.0, 0.4, 0.6])
@pytest.mark.parametrize("noise", [2.0, 5.0, 12.0])
def test_noise_alone_is_measured(grain, noise):
    image = smoothed(np.random.default_rng(1).normal(0, noise, (256, 320)), (grain, grain))
    assert np.sqrt(found(image)) == pytest.approx(noise, rel=0.25)  # the quietest have less, by chance


@pytest.mark.parametrize("grain", [0.0, 0.5, 0.7])
@pytest.mark.parametrize("noise", [3.0, 8.0, 15.0])
def test_noise_beside_structure_is_measured(cells, grain, noise):
    image = cells + smoothed(np.random.default_rng(2).normal(0, noise, cells.shape), (grain, grain))
    assert np.sqrt(found(image)) == pytest.approx(noise, rel=0.3)
    # and told, where the shape of the spectrum alone says much less
    told = np.sqrt(estimate(image).noise.variance(image).mean())
    assert told > 0.7 * noise
    if grain == 0.7:
        assert np.sqrt(judge(image)[1].variance(image).mean()) < 0.7 * noise


@pytest.mark.parametrize("steepness", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_structure_is_not_taken_for_noise(steepness, seed):
    """Power laws as of images, which are as unquiet in every place."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256))
    f[0, 0] = np.inf
    image = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(256, 256))) * f ** (-steepness / 2 - 0.5))
    assert found(image / image.std()) is None


def test_lattices_are_not_taken_for_noise():
    y, x = np.mgrid[:256, :256]
    for period in (3.1, 4.0, 6.3, 9.0):
        assert found(np.cos(2 * np.pi * x / period) * np.cos(2 * np.pi * y / period)) is None


def test_saturated_and_small_areas_say_nothing(cells):
    image = np.random.default_rng(3).normal(0, 4, (128, 128))
    sample = image[None]
    assert noise_of_quiet_blocks(sample, np.ones(sample.shape, bool)) is None
    assert found(image[:24, :24]) is None
    assert found(np.zeros((128, 128))) is None
