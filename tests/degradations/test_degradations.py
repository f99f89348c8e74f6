import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_sr.degradations import PRESETS, degrade, make_degradation
from napari_sr.errors import ConfigError, ImageError


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_contract(name, scale, rng):
    hr = rng.uniform(0, 200, (50, 43)).astype(np.float32)
    lr = degrade(hr, name, scale, seed=1)
    assert lr.shape == (50 // scale, 43 // scale)
    assert lr.dtype == np.float32
    assert np.isfinite(lr).all()
    np.testing.assert_array_equal(lr, degrade(hr, name, scale, seed=1))
    chain = make_degradation(name, scale)
    assert chain.random == bool(np.any(lr != degrade(hr, name, scale, seed=2)))


@pytest.mark.parametrize("name", [n for n in PRESETS if n != "nbody"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_and_hr_are_registered(name, scale):
    """The centre of mass of a blob stays where it was, in units of HR pixels."""
    hr = np.zeros((96, 96))
    hr[47, 44] = 1e5
    hr = gaussian_filter(hr, 5) + 10
    seeds = 300 if name.endswith("microscope") else 30  # some of any microscope's images have much noise
    lr = np.mean([degrade(hr, name, scale, seed=s) for s in range(seeds)], axis=0) - 10
    rows, columns = np.mgrid[: lr.shape[0], : lr.shape[1]] * scale + (scale - 1) / 2
    near = np.hypot(rows - 47, columns - 44) < 20
    assert (rows * lr)[near].sum() / lr[near].sum() == pytest.approx(47, abs=0.25)
    assert (columns * lr)[near].sum() / lr[near].sum() == pytest.approx(44, abs=0.25)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_em_is_gaussian_then_torch_bilinear(scale, rng):
    hr = rng.uniform(0, 255, (8 * scale, 11 * scale)).astype(np.float32)
    blurred = torch.from_numpy(gaussian_filter(hr, 3.0))[None, None]
    expected = torch.nn.functional.interpolate(blurred, scale_factor=1 / scale, mode="bilinear", antialias=False)
    np.testing.assert_allclose(degrade(hr, "em", scale), expected[0, 0].numpy(), rtol=1e-5)


def test_nbody_averages_the_logarithm(rng):
    density = rng.lognormal(0, 1.5, (32, 32))
    logged = np.log10(density + 0.02)
    expected = logged.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(np.log10(degrade(density, "nbody", 4) + 0.02), expected, atol=1e-5)


def test_noise_has_the_stated_photons():
    from napari_sr.degradations.noise import ShotAndReadNoise

    ramp = np.repeat(np.linspace(0, 1000, 400)[:, None], 400, axis=1)
    noisy = ShotAndReadNoise(photons=100, read=2)(ramp, np.random.default_rng(0))
    low, high = np.percentile(ramp, (0.1, 99.9))
    photons = (noisy - low) / (high - low) * 100
    brightest = photons[-20:]
    assert brightest.var() == pytest.approx(100 + 4, rel=0.1)
    darkest = photons[:3]  # so narrow that the ramp itself adds nothing
    assert darkest.var() == pytest.approx(4 + darkest.mean(), rel=0.1)


def test_errors_say_what_to_do():
    with pytest.raises(ImageError, match="2-D"):
        degrade(np.zeros((3, 4, 5)), "em", 2)
    with pytest.raises(ImageError, match="too small"):
        degrade(np.zeros((3, 3)), "em", 4)
    with pytest.raises(ConfigError, match="Known: any-density, area, em"):
        degrade(np.zeros((8, 8)), "nix", 4)


def test_kernels_are_the_published_ones(rng):
    from scipy.signal import windows

    from napari_sr.degradations.blur import KernelBlur, gaussian_kernel, sinc_kernel

    line = windows.gaussian(15, 1.7)
    np.testing.assert_allclose(gaussian_kernel(15, (1.7, 1.7), angle=0.3), np.outer(line, line) / line.sum() ** 2)
    turned = gaussian_kernel(15, (1.0, 3.0), angle=np.pi / 2)
    np.testing.assert_allclose(turned, gaussian_kernel(15, (1.0, 3.0)).T, atol=1e-12)
    # the sinc kernel passes what is below its cutoff and stops what is above
    response = np.abs(np.fft.fft2(sinc_kernel(201, np.pi / 2), (512, 512)))
    frequency = 2 * np.pi * np.abs(np.fft.fftfreq(512))
    np.testing.assert_allclose(response[0, frequency < 0.4 * np.pi], 1, atol=0.05)
    np.testing.assert_allclose(response[0, frequency > 0.6 * np.pi], 0, atol=0.05)
    image = rng.random((20, 30))
    kernel = gaussian_kernel(7, (1.0, 2.0), angle=0.5)
    import scipy.ndimage

    expected = scipy.ndimage.convolve(image, kernel, mode="reflect")
    np.testing.assert_allclose(KernelBlur(kernel)(image, rng), expected, atol=1e-12)


def test_jpeg_costs_what_its_quality_says(rng):
    from napari_sr.degradations.compression import jpeg

    image = gaussian_filter(rng.random((64, 64)), 3)
    image = (image - image.min()) / np.ptp(image)
    errors = [np.abs(jpeg(image, quality) - image).mean() for quality in (95, 30)]
    assert errors[0] < 0.01 < 2 * errors[1]
    assert errors[0] < errors[1]


def test_the_second_order_keeps_the_range_of_the_whole_image(rng):
    hr = gaussian_filter(rng.normal(size=(64, 64)), 2) * 3000 + 500
    chain = make_degradation("second-order", 4).bound_to(hr)
    assert chain.steps[0].limits == (np.float32(hr.min()), np.float32(hr.max()))
    means = [chain(hr.astype(np.float32), np.random.default_rng(seed)).mean() for seed in range(40)]
    assert np.mean(means) == pytest.approx(hr.mean(), abs=0.1 * np.ptp(hr))
