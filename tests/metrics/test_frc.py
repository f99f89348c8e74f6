"""Fourier ring correlation against closed forms."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.errors import ImageError
from napari_sr.metrics.frc import (
    COEFFICIENTS,
    KOHO,
    RingCorrelation,
    checkerboard_frc,
    checkerboard_resolution,
    frc,
    frc_resolution,
)
from napari_sr.metrics.rings import hann, rings
from napari_sr.metrics.sfrc import sfrc_map


def test_identical_images_have_one_in_every_ring(rng):
    image = rng.normal(size=(120, 90))
    for window in (False, True):
        np.testing.assert_allclose(frc(image, 3 * image - 5, window=window).correlation, 1, atol=1e-9)
    assert frc(image, image).resolution() is None
    np.testing.assert_allclose(frc(image, -image).correlation, -1, atol=1e-9)


def test_independent_noise_lies_within_three_over_root_n(rng):
    inside = total = 0
    for _ in range(20):
        found = frc(rng.normal(size=(128, 128)), rng.normal(size=(128, 128)))
        inside += int(np.sum(np.abs(found.correlation) <= 3 / np.sqrt(found.counts)))
        total += len(found.counts)
    assert inside / total >= 0.99


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_same_signal_in_two_noises_has_the_share_of_its_power(rng, share):
    """FRC = S / (S + N) for a white signal of power S in noise of power N."""
    signal = rng.normal(size=(512, 512)) * np.sqrt(share)
    first, second = (signal + rng.normal(size=signal.shape) * np.sqrt(1 - share) for _ in range(2))
    found = frc(first, second)
    assert np.average(found.correlation, weights=found.counts) == pytest.approx(share, abs=0.01)


def test_resolution_is_where_a_gaussian_signal_sinks_into_noise(rng):
    """With power S(k) = exp(-4 π² σ² k²) and noise N, FRC = S / (S + N) is 1/7 at S = N / 6."""
    sigma, noise = 3.0, 0.05
    white = rng.normal(size=(1024, 1024))
    frequency = np.hypot(np.fft.fftfreq(1024)[:, None], np.fft.fftfreq(1024)[None, :])
    signal = np.fft.ifft2(np.fft.fft2(white) * np.exp(-2 * np.pi**2 * sigma**2 * frequency**2)).real
    first, second = (signal + np.sqrt(noise) * rng.normal(size=white.shape) for _ in range(2))
    expected = 2 * np.pi * sigma / np.sqrt(-np.log(noise / 6))
    assert frc(first, second).resolution() == pytest.approx(expected, rel=0.05)
    # in nanometres, and through the registry's function
    assert frc(first, second, pixel_size=5.0).resolution() == pytest.approx(5 * expected, rel=0.05)
    span = float(np.ptp(second))
    assert frc_resolution(first, second, data_range=span) == pytest.approx(expected, rel=0.05)


def test_thresholds_are_the_published_ones():
    counts = np.array([8, 100, 10_000, 10**12])
    found = RingCorrelation(np.arange(1, 5) / 10, np.ones(4), counts)
    np.testing.assert_allclose(found.threshold("1/7"), 1 / 7)
    np.testing.assert_allclose(found.threshold("3-sigma"), 3 / np.sqrt(counts / 2))
    # half a bit: SNR of both images together (√2 - 1), in the limit of many coefficients (0.2071 / 1.2071)
    assert found.threshold("half-bit")[-1] == pytest.approx((np.sqrt(2) - 1) / (np.sqrt(2) + 1), abs=1e-4)
    with pytest.raises(ValueError, match="half-bit"):
        found.threshold("half")


def test_a_single_ring_below_does_not_end_the_agreement():
    frequencies = np.arange(1, 101) / 200
    curve = np.clip(2 - 5 * frequencies, 0, 1)  # 1/7 at 0.3714
    counts = np.full(100, COEFFICIENTS // 10)
    assert RingCorrelation(frequencies, curve, counts).crossing() == pytest.approx((2 - 1 / 7) / 5, rel=0.01)
    curve[[20, 40]] = -0.2
    curve[[90, 97]] = 0.9
    assert RingCorrelation(frequencies, curve, counts).crossing() == pytest.approx((2 - 1 / 7) / 5, rel=0.01)
    assert RingCorrelation(frequencies, np.ones(100), counts).crossing() is None


def test_the_smooth_curve_leaves_straight_lines_as_they_are(rng):
    frequencies = np.sort(rng.random(40))
    found = RingCorrelation(frequencies, 0.9 - 0.5 * frequencies, rng.integers(10, 5000, 40))
    np.testing.assert_allclose(found.smoothed(), found.correlation, atol=1e-9)


@pytest.mark.parametrize("decay", [1.5, 2.5, 4.0, "gauss"])
@pytest.mark.parametrize(("side", "times"), [(64, 150), (128, 40), (256, 10), (512, 4), (1024, 2)])
def test_resolution_does_not_depend_on_the_size_of_the_image(decay, side, times):
    """Parts of a field with power S(k) and noise N, where S / (S + N) = 1/7 at 1 / 6.7 px."""
    rng = np.random.default_rng(side)
    truth, whole = 6.7, 2 * side
    frequency = np.maximum(np.hypot(np.fft.fftfreq(whole)[:, None], np.fft.fftfreq(whole)[None]), 1 / whole)
    power = (lambda f: np.exp(-((f / 0.07) ** 2))) if decay == "gauss" else (lambda f: f**-decay)
    noise = np.sqrt(6 * power(1 / truth))
    found = []
    for _ in range(times):
        signal = np.fft.ifft2(np.fft.fft2(rng.normal(size=(whole, whole))) * np.sqrt(power(frequency))).real
        pair = [(signal + noise * rng.normal(size=signal.shape))[:side, :side] for _ in range(2)]
        found.append(frc(*pair, window=True).resolution() or 2.0)
    # the mean frequency: of 64 pixels with a slow decay, single figures scatter by half of their value
    close = 0.2 if (side, decay) == (64, 1.5) else 0.1
    assert 1 / np.mean(1 / np.array(found)) == pytest.approx(truth, rel=close)


def test_images_that_do_not_fit_or_are_too_small_are_refused(rng):
    with pytest.raises(ImageError, match="differ in shape"):
        frc(np.zeros((20, 20)), np.zeros((20, 21)))
    with pytest.raises(ImageError, match="at least 16"):
        frc(np.zeros((20, 12)), np.zeros((20, 12)))
    assert frc_resolution(np.zeros((9, 9)), np.zeros((9, 9)), data_range=1) is None
    with pytest.raises(ImageError, match="the same everywhere"):
        frc(np.zeros((20, 20)), rng.normal(size=(20, 20)))


def test_the_checkerboard_sees_detail_in_a_blurred_image_and_none_in_noise(rng):
    noise = rng.normal(size=(256, 256))
    assert np.abs(np.average(checkerboard_frc(noise).correlation, weights=checkerboard_frc(noise).counts)) < 0.02
    signal = gaussian_filter(noise, 3, mode="wrap") * 20
    image, *pair = (signal + 0.05 * rng.normal(size=noise.shape) for _ in range(3))
    two = frc(*pair)
    # calibrated on micrographs; within a fifth of the two-image value on a random field
    assert checkerboard_resolution(image) == pytest.approx(two.resolution(), rel=0.2)
    # the published formula, at the crossing of the curve
    share = checkerboard_frc(image).crossing() * 4
    a, b, c, d = KOHO
    assert checkerboard_resolution(image) == pytest.approx(2 / (share * (a * np.exp(c * (share - b)) + d)))
    assert checkerboard_resolution(image, pixel_size=7) == pytest.approx(7 * checkerboard_resolution(image))


def test_rings_hold_every_coefficient_up_to_nyquist_once():
    found = rings((64, 48))
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(48)[None, :]) * 48
    assert found.counts.sum() == np.sum((np.rint(radius) >= 1) & (np.rint(radius) <= 24))
    np.testing.assert_allclose(found.frequencies, np.arange(1, 25) / 48)
    assert hann((8, 8)).max() < 1 < 8 * 8 * hann((8, 8)).mean()


def test_scanning_finds_detail_that_is_not_in_the_reference(rng):
    target = gaussian_filter(rng.normal(size=(160, 160)), 2) * 100
    pred = target + 0.1 * rng.normal(size=target.shape)
    fake = gaussian_filter(rng.normal(size=(32, 32)), 1.5) * 100
    pred[64:96, 64:96] = fake
    found = sfrc_map(pred, target)
    inside = np.zeros(target.shape, bool)
    inside[64:96, 64:96] = True
    away = np.ones(target.shape, bool)
    away[40:120, 40:120] = False
    assert found.flagged[72:88, 72:88].all()
    assert not found.flagged[away].any()
    assert found.correlation[away].min() > 0.95
    # another contrast of the same detail is not made up
    assert not sfrc_map(2 * target + 7, target).flagged.any()
    np.testing.assert_allclose(sfrc_map(2 * target + 7, target).unexplained, 0, atol=1e-3)


def test_a_smooth_image_has_made_nothing_up(rng):
    target = gaussian_filter(rng.normal(size=(96, 96)), 1) * 100
    smooth = gaussian_filter(target, 4) + 0.5 * rng.normal(size=target.shape)  # its detail is noise, and hardly any
    found = sfrc_map(smooth, target, beyond=1 / 8)
    assert found.correlation.mean() < 0.5
    assert not found.flagged.any()


def test_unexplained_detail_is_in_the_images_unit(rng):
    """White noise of standard deviation s beside an unrelated image is unexplained by s."""
    target, pred = rng.normal(size=(2, 256, 256)) * 5
    found = sfrc_map(pred, target, patch=64, step=16)
    # the corners beyond the Nyquist circle are not counted: π/4 of the power
    assert np.sqrt(np.mean(found.unexplained**2)) == pytest.approx(5 * np.sqrt(np.pi / 4), rel=0.05)
    with pytest.raises(ImageError, match="16 pixels"):
        sfrc_map(np.zeros((12, 40)), np.zeros((12, 40)))
