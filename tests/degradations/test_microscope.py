"""The family of any microscope: what it says it did is what it did."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.degradations.blur import GaussianBlur, KernelBlur, gaussian_kernel
from napari_sr.degradations.microscope import GRAIN, AnyMicroscope, Member, draw_member
from napari_sr.degradations.noise import PhotonNoise, RowNoise
from napari_sr.degradations.resample import BilinearDown, BlockMean, PointSampling
from napari_sr.degradations.suffered import Spreads
from napari_sr.degradations.variety import vary


def measured_blur(step, scale, side=129):
    """Square root of the second moment of the answer to a point, in LR pixels, over all places of the point."""
    moments = []
    for shift in range(scale):
        point = np.zeros((side * scale, side * scale), np.float32)
        centre = side // 2 * scale + shift
        point[:, centre] = 1  # a line: one axis at a time
        answer = step(point, np.random.default_rng(0))[side // 2]
        places = np.arange(len(answer)) * scale + (scale - 1) / 2
        moments.append((answer.sum(), (answer * (places - centre) ** 2).sum()))
    total = sum(weight for weight, _ in moments)
    return math.sqrt(sum(moment for _, moment in moments) / total) / scale


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("sigma", [0.0, 0.3, 0.8, 1.2])
@pytest.mark.parametrize("sampling", [BlockMean, BilinearDown, PointSampling])
def test_the_blur_it_tells_is_the_second_moment_of_its_point_spread(scale, sigma, sampling):
    optics = GaussianBlur(sigma * scale, truncate=6) if sigma else None
    member = Member(scale, optics, sampling(scale), None, False)
    found = measured_blur(member, scale)
    # a single point behind or before the centre is half an HR pixel off
    off = 0.5 / scale if sampling is PointSampling and scale % 2 == 0 else 0.0
    assert member.suffered().blur == pytest.approx(math.sqrt(max(found**2 - off**2, 0)), abs=0.01)


@pytest.mark.parametrize("angle", [0.0, 0.7, 1.5])
def test_the_blur_of_an_ellipse_is_the_mean_of_both_axes(angle):
    step = KernelBlur(gaussian_kernel(61, (4.0, 2.0), angle=angle))
    assert isinstance(step, Spreads)
    assert step.spread == pytest.approx((16 + 4) / 2, rel=0.01)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_the_noise_it_tells_is_the_variance_that_it_adds(inverted, seed):
    rng = np.random.default_rng(seed)
    noise = None
    while noise is None:
        noise = draw_member(4, low=40, high=200, inverted=inverted, white=math.inf, rng=rng).noise
    slope, intercept = noise.variance(np.zeros(1))
    for value in (40.0, 120.0, 200.0):
        drawn = noise(np.full((300, 300), value, np.float32), rng)
        assert np.mean(drawn) == pytest.approx(value, abs=float(4 * np.std(drawn) / 300 + 1e-3))
        assert np.var(drawn) == pytest.approx(slope * value + intercept, rel=0.05, abs=1e-6)
    assert slope == 0 or (slope < 0) == inverted


def test_signal_to_noise_stays_within_what_is_said():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(400):
        noise = draw_member(4, low=0, high=100, inverted=False, white=math.inf, rng=rng).noise
        if noise is not None:
            slope, intercept = noise.variance(np.zeros(1))
            ratios.append(100 / math.sqrt(slope * 100 + intercept))
    assert 3.9 < min(ratios) < 6
    assert 150 < max(ratios) < 201
    assert 0.25 < 1 - len(ratios) / 400 < 0.42  # one in three has none


def test_pure_photons_are_poisson():
    step = PhotonNoise(slope=0.5, background=10.0, read=0.0)
    drawn = step(np.full((400, 400), 12.0, np.float32), np.random.default_rng(0))
    counts = (drawn - 10) / 0.5
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    assert np.mean(counts) == pytest.approx(4, rel=0.01)
    assert np.mean(counts == 0) == pytest.approx(math.exp(-4), rel=0.1)


@pytest.fixture
def hr():
    smooth = gaussian_filter(np.random.default_rng(5).normal(size=(320, 300)), 3)
    return np.clip(128 + 700 * smooth, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["microscope", "light-microscope"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pairs_for_training_lie_over_each_other(name, scale, hr):
    """An LR patch is what its HR patch becomes when it suffers what is told, up to the noise that is told."""
    chain = make_degradation(name, scale).bound_to(hr)
    family = chain.family
    assert isinstance(family, AnyMicroscope)
    limits = family.limits
    assert limits is not None
    rng = np.random.default_rng(3)

    def cut(side):
        side = min(side, *hr.shape)
        y, x = (int(rng.integers(0, n - side + 1)) for n in hr.shape)
        return hr[y : y + side, x : x + side]

    residuals, inverted = [], 0
    for _ in range(40):
        lr, high, suffered, (low, up) = family.pair(cut, 24, 5, rng)
        assert lr.shape == (24, 24)
        assert high.shape == (24 * scale, 24 * scale)
        assert low < up
        optics = math.sqrt(max(suffered.blur**2 - (BlockMean(scale).spread / scale**2), 0)) * scale
        again = BlockMean(scale)(gaussian_filter(high, optics), rng)[4:-4, 4:-4]
        variance = np.mean(np.maximum(suffered.slope * again + suffered.intercept, 0))
        residuals.append(np.mean((lr[4:-4, 4:-4] - again) ** 2) / (variance + 0.02 * np.var(high) + 1))
        inverted += suffered.slope < 0
    assert np.median(residuals) < 1.2
    assert np.quantile(residuals, 0.9) < 2.5
    assert (inverted > 0) == (name == "microscope")


def test_flat_and_saturated_areas_occur():
    rng = np.random.default_rng(0)
    base = np.random.default_rng(1).random((64, 64)).astype(np.float32)
    flat = saturated = 0
    for _ in range(200):
        values, low, high, _, white = vary(base, True, rng)
        assert values.min() >= 0
        assert values.max() <= white + 1e-3
        assert low < high
        saturated += np.mean(values >= values.max() - 1e-4) > 0.01 and white < 255
        neighbours = np.abs(np.diff(values, axis=0))
        flat += np.mean(neighbours < 1e-4 * (high - low)) > 0.1 and white == 255
    assert saturated > 10
    assert flat > 10


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_whole_images_are_told_what_they_suffered(hr, dtype):
    chain = make_degradation("microscope", 4)
    for seed in range(6):
        lr, suffered = low_resolution_told(hr.astype(dtype), chain, np.random.default_rng(seed))
        again, _ = low_resolution_told(hr.astype(dtype), chain, np.random.default_rng(seed))
        np.testing.assert_array_equal(lr, again)
        assert lr.shape == (80, 75)
        assert suffered is not None
        assert 0 <= suffered.blur <= 1.3
        assert suffered.intercept + 128 * suffered.slope >= (1 / 12 if np.dtype(dtype).kind == "u" else 0) - 1e-9


@pytest.mark.parametrize(
    ("text", "blur"),
    [
        ("em", math.sqrt(9 + 0.25) / 4),
        ("area", math.sqrt(15 / 12) / 4),
        ("gaussian(sigma=1.5) + area", math.sqrt(2.25 + 15 / 12) / 4),
        ("bilinear + gaussian(sigma=0.5)", math.sqrt(0.25 + 4) / 4),
        ("elliptic(sigma=4, across=2) + bilinear", math.sqrt(10 + 0.25) / 4),
    ],
)
def test_other_degradations_tell_their_blur_too(text, blur):
    suffered = make_degradation(text, 4).suffered()
    assert suffered is not None
    assert suffered.blur == pytest.approx(blur, rel=0.01)
    assert (suffered.slope, suffered.intercept) == (0, 0)


def test_other_degradations_tell_their_noise_too(hr):
    lr, suffered = low_resolution_told(
        hr, make_degradation("area + shot(photons=50, read=2)", 4), np.random.default_rng(0)
    )
    clean, _ = low_resolution_told(hr, make_degradation("area", 4), np.random.default_rng(0), rounded=False)
    assert suffered is not None
    inside = (clean > 60) & (clean < 200)
    expected = np.mean(suffered.slope * clean[inside] + suffered.intercept)
    assert np.mean((lr - clean)[inside] ** 2) == pytest.approx(expected, rel=0.08)


def test_what_cannot_be_told_is_not():
    assert make_degradation("second-order", 4).suffered() is None
    assert make_degradation("microscope", 4).suffered() is None


@pytest.mark.parametrize("grain", [(0.0, 0.0), (0.7, 0.7), (0.0, 0.8)])
def test_noise_with_grain_keeps_its_variance_and_is_shared_by_neighbours(grain):
    """Noise smoothed with a Gaussian of g pixels is correlated over d pixels by exp(-d² / 4 g²)."""
    noise = PhotonNoise(slope=0.5, background=0.0, read=2.0, grain=grain)
    drawn = noise(np.full((600, 600), 100, np.float32), np.random.default_rng(1)) - 100
    slope, intercept = noise.variance(drawn)
    assert np.var(drawn) == pytest.approx(slope * 100 + intercept, rel=0.03)
    for axis, sigma in enumerate(grain):
        shared = np.mean(drawn * np.roll(drawn, 1, axis)) / np.var(drawn)
        assert shared == pytest.approx(math.exp(-1 / (4 * sigma**2)) if sigma else 0.0, abs=0.03)


def test_rows_of_a_scan_differ_as_a_whole():
    drawn = RowNoise(3.0)(np.zeros((4000, 5), np.float32), np.random.default_rng(2))
    assert np.ptp(drawn, axis=1).max() == 0
    assert np.std(drawn[:, 0]) == pytest.approx(3.0, rel=0.05)


def test_grain_and_rows_occur_as_often_as_is_said():
    rng = np.random.default_rng(3)
    noisy = [
        m
        for m in (draw_member(4, low=20, high=220, inverted=False, white=255, rng=rng) for _ in range(3000))
        if m.noise
    ]
    grain = [m.noise.grain for m in noisy if any(m.noise.grain)]
    assert len(grain) / len(noisy) == pytest.approx(1 / 4, abs=0.04)
    assert all(GRAIN[0] <= max(g) <= GRAIN[1] for g in grain)
    assert np.mean([m.rows is not None for m in noisy]) == pytest.approx(1 / 8, abs=0.03)


@pytest.mark.parametrize("filtered", ["gaussian(sigma=0.7)", "elliptic(sigma=0.9, across=0.5)"])
def test_noise_that_was_filtered_since_is_told_as_what_is_left_of_it(filtered):
    flat = np.full((1200, 1200), 100, np.float32)
    flat[::300] = 200  # the range that noise counts in
    flat[1::300] = 0
    chain = make_degradation(f"area + noise(sigma=10) + {filtered}", 4).bound_to(flat)
    suffered = chain.suffered()
    assert suffered is not None
    noise = chain(flat, np.random.default_rng(0)) - chain.without_noise()(flat, np.random.default_rng(0))
    assert np.var(noise) == pytest.approx(suffered.intercept, rel=0.03)
