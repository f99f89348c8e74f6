"""What the network that estimates blur and noise sees, and how well it judges images that it has not seen."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from napari_sr import load_sample
from napari_sr.degradations.blur import GaussianBlur
from napari_sr.degradations.noise import PhotonNoise, smoothed
from napari_sr.degradations.resample import BlockMean
from napari_sr.estimation import estimate
from napari_sr.estimation.blur import LARGEST, judge
from napari_sr.estimation.learned import DENSITIES, EVEN, FARTHEST, IMAGES, SMALLEST, Weights, statistics, weights


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture(scope="module")
def sharp():
    """Images of two kinds, the range 20 to 220: drawn cells, and the logarithm of simulated densities."""
    drawn = np.asarray(load_sample("em-phantom").hr, np.float32)[:768, :768]
    density = np.tile(np.log10(np.asarray(load_sample("nbody").hr, np.float32) + 0.02), (3, 3))
    found = {}
    for name, image in (("EM", drawn), ("N-body", density)):
        low, high = np.percentile(image, (0.2, 99.8))
        found[name] = np.clip((image - low) / (high - low), 0, 1) * 200 + 20
    return found


def lr_of(hr, optics, noise, rng, *, scale=4, grain=0.0):
    """Blur, block means and even noise (per cent of the range); returns the LR image and its whole blur."""
    blurred = GaussianBlur(optics * scale)(hr, rng) if optics else hr
    lr = BlockMean(scale)(blurred, rng)
    lr = lr + smoothed(rng.normal(0, 2 * noise, lr.shape), (grain, grain))
    return lr.astype(np.float32), float(np.hypot(optics, np.sqrt((scale**2 - 1) / 12) / scale))


@pytest.mark.parametrize("change", [lambda x: 255 - x, lambda x: 3e4 * x, lambda x: x * 1e-3 + 5])
def test_units_offset_and_inversion_do_not_matter(sharp, rng, change):
    lr, _ = lr_of(sharp["EM"], 0.5, 4, rng)
    lr = lr.astype(np.float64)
    before, after = statistics(lr), statistics(change(lr))
    np.testing.assert_allclose(after.features, before.features, rtol=1e-3, atol=1e-3)
    one, two = estimate(lr), estimate(change(lr))
    assert two.blur.sigma == pytest.approx(one.blur.sigma, abs=0.01)
    gain = np.std(change(lr)) / np.std(lr)
    mean = two.noise.variance(change(lr)).mean()
    assert mean == pytest.approx(one.noise.variance(lr).mean() * gain**2, rel=0.03)


@pytest.mark.parametrize("turn", [lambda x: x[::-1], lambda x: x[:, ::-1]])
def test_mirror_images_are_alike(sharp, rng, turn):
    lr, _ = lr_of(sharp["EM"], 0.5, 4, rng)
    one, two = estimate(lr), estimate(turn(lr))
    assert two.blur.sigma == pytest.approx(one.blur.sigma, abs=0.03)
    assert two.noise.sigma(100) == pytest.approx(one.noise.sigma(100), rel=0.1)


def test_the_ensemble_is_that_of_torch(rng):
    """Against torch's own layers."""
    members = [nn.Sequential(nn.Linear(5, 7), nn.SiLU(), nn.Linear(7, 6), nn.SiLU(), nn.Linear(6, 2)) for _ in range(3)]
    layers = [[m for m in member if isinstance(m, nn.Linear)] for member in members]
    ours = Weights(
        np.full(5, 2.0), np.full(5, 0.5),
        tuple(np.stack([one[n].weight.detach().numpy().T for one in layers]).astype(float) for n in range(3)),
        tuple(np.stack([one[n].bias.detach().numpy() for one in layers]).astype(float) for n in range(3)),
    )  # fmt: skip
    x = rng.normal(2, 2, size=5)
    seen = torch.tensor((x - 2) / 0.5, dtype=torch.float32).clamp(-FARTHEST, FARTHEST)[None]
    # a correction to the last two of what it sees
    expected = x[-2:] + torch.stack([member(seen)[0] for member in members]).mean(0).detach().numpy()
    np.testing.assert_allclose(ours(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("of", [IMAGES, EVEN, DENSITIES])
def test_what_ships_fits_what_is_seen(sharp, of):
    found = statistics(sharp["EM"][::4, ::4])
    shipped = weights(of)
    seen = found.seen_by(of)
    assert shipped.mean.shape == seen.shape
    assert shipped(seen).shape == (2,)


@pytest.mark.parametrize("kind", ["EM", "N-body"])
@pytest.mark.parametrize("noise", [0.0, 1.5, 5.0, 12.0])
@pytest.mark.parametrize("optics", [0.0, 0.4, 0.8, 1.15])
def test_blur_and_noise_over_a_grid(sharp, rng, kind, noise, optics):
    """Drawn cells, of another seed than those that it was trained on, and densities of a box that it has not seen."""
    drawn = [lr_of(sharp[kind], optics, noise, rng) for _ in range(3)]
    found = [estimate(lr, density=kind == "N-body") for lr, _ in drawn]
    if kind == "EM":
        even = np.mean([estimate(lr, cautious=False).blur.sigma for lr, _ in drawn])
        assert even == pytest.approx(drawn[0][1], abs=0.2 if noise < 10 else 0.35)
    # in noise, the spectrum of one small image says little of its blur, and less is told on purpose
    blur, true = np.mean([one.blur.sigma for one in found]), drawn[0][1]
    assert true - (0.2 if noise < 5 else 0.35) < blur < true + (0.2 if noise < 10 else 0.35)
    told = np.mean([np.sqrt(one.noise.variance(lr).mean()) for one, (lr, _) in zip(found, drawn, strict=True)])
    if noise >= 5:
        assert told == pytest.approx(2 * noise, rel=0.3)
    else:
        assert told < 2 * noise + 6


def cells(rng, side=360):
    """Filaments and vesicles on nothing, brightest value 1."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    image = np.zeros((side, side), np.float32)
    for _ in range(24):
        angle, bend, where = rng.uniform(0, np.pi), rng.normal(0, 1.5e-3), rng.uniform(0.1, 0.9, 2) * side
        along = (x - where[1]) * np.cos(angle) + (y - where[0]) * np.sin(angle)
        across = (y - where[0]) * np.cos(angle) - (x - where[1]) * np.sin(angle) - bend * along**2
        image += rng.uniform(0.3, 1) * np.exp(-((across / 1.2) ** 2) / 2) * (np.abs(along) < side / 4)
    for _ in range(60):
        where, radius = rng.uniform(0.05, 0.95, 2) * side, rng.uniform(2, 5)
        image += rng.uniform(0.3, 1) * (np.hypot(y - where[0], x - where[1]) < radius)
    return image / image.max()


@pytest.mark.parametrize(("photons", "within"), [(50, 0.22), (200, 0.2), (1000, 0.2)])
@pytest.mark.parametrize("optics", [0.0, 0.5, 1.0])
def test_blur_of_cells_on_nothing_is_seen_in_the_noise_of_photons(rng, optics, photons, within):
    """Their dark is free of noise: the noise of the bright parts was taken for structure, 0.3 pixels too sharp."""
    found = []
    for _ in range(5):
        clean, true = lr_of(cells(rng), optics, 0, rng, scale=2)
        lr = (rng.poisson(photons * clean) + rng.normal(0, 2, clean.shape)).astype(np.float32)
        found.append(estimate(lr, cautious=False).blur.sigma)
    assert np.mean(found) == pytest.approx(true, abs=within)


@pytest.mark.parametrize("optics", [0.0, 0.4])
@pytest.mark.parametrize("finer", [1, 2, 3])
def test_tissue_as_dense_as_the_pixels_is_no_noise(rng, finer, optics):
    """Drawn tissue at lower and lower magnification: without directions, 2.4 % were seen where there are none."""
    tissue = np.asarray(load_sample("em-phantom").hr, np.float32)
    low, high = np.percentile(tissue, (0.2, 99.8))
    side = 640 // (4 * finer) * 4 * finer
    hr = BlockMean(finer)(np.clip((tissue[:side, :side] - low) / (high - low), 0, 1) * 200 + 20, rng)
    clean, _ = lr_of(hr, optics, 0, rng)
    assert np.sqrt(estimate(clean).noise.variance(clean).mean()) < 2 * 0.7
    if optics:  # behind none, tissue and noise of 6 % look so alike that it is 3 to 9 % of one small image
        noisy = [lr_of(hr, optics, 6, rng)[0] for _ in range(3)]
        found = np.mean([np.sqrt(estimate(lr).noise.variance(lr).mean()) for lr in noisy])
        assert found == pytest.approx(2 * 6, rel=0.2)


@pytest.mark.parametrize("grain", [0.5, 0.7])
def test_noise_that_neighbours_share_is_seen(sharp, rng, grain):
    """Its finest details alone, which is what other estimates go by, show a third of it, or less."""
    lr, _ = lr_of(sharp["EM"], 0.6, 8, rng, grain=grain)
    assert np.sqrt(estimate(lr).noise.variance(lr).mean()) == pytest.approx(16, rel=0.4)
    assert np.sqrt(judge(lr)[1].variance(lr).mean()) < 0.65 * 16


def test_photons_make_bright_pixels_noisier(sharp, rng):
    clean, _ = lr_of(sharp["EM"], 0.5, 0, rng)
    lr = PhotonNoise(slope=2.0, background=20.0, read=1.0)(clean, rng)
    found = estimate(lr).noise
    assert found.sigma(180) == pytest.approx(np.sqrt(2 * 160 + 1), rel=0.3)
    assert found.sigma(180) > 1.5 * found.sigma(60)


@pytest.mark.parametrize("side", [16, 30, SMALLEST - 1])
def test_small_images_are_judged_by_their_spectrum(sharp, rng, side):
    lr, _ = lr_of(sharp["EM"], 0.5, 4, rng)
    small = lr[:side, :100]
    assert statistics(small) is None
    assert estimate(small).blur == judge(small)[0]


@pytest.mark.parametrize("image", [np.zeros((64, 64)), np.full((64, 64), 7e5, np.float32), np.full((64, 64), np.nan)])
def test_what_shows_nothing_has_no_blur(image):
    assert statistics(image) is None
    assert estimate(image).blur.bounded


def test_missing_and_saturated_values_hardly_matter(sharp, rng):
    lr, _ = lr_of(sharp["EM"], 0.7, 5, rng)
    whole = estimate(lr)
    holes = lr.copy()
    holes[:40, :40] = np.nan
    assert estimate(holes).blur.sigma == pytest.approx(whole.blur.sigma, abs=0.15)
    cut = np.minimum(lr, np.float32(np.quantile(lr, 0.9)))
    assert estimate(cut).blur.sigma == pytest.approx(whole.blur.sigma, abs=0.3)


def test_an_image_that_was_enlarged_has_a_blur_within_the_limit(sharp):
    smooth = GaussianBlur(6.0)(sharp["EM"], np.random.default_rng(0))
    assert 1.0 < estimate(smooth).blur.sigma <= LARGEST


def test_noise_is_never_more_than_the_image(sharp, rng, monkeypatch):
    image = BlockMean(4)(sharp["EM"], rng)

    # as dense tissue of a kind that was not learnt from: noise of eight times the image's variance
    monkeypatch.setattr("napari_sr.estimation.weights", lambda of: lambda features: np.array([0.4, np.log(8.0)]))
    noise = estimate(image).noise
    assert float(noise.variance(image).mean()) <= 1.05 * float(image.var())


def test_the_first_estimate_loads_nothing_that_takes_a_second():
    code = (
        "import sys, numpy as np; from napari_sr.estimation import estimate\n"
        "estimate(np.random.default_rng(0).poisson(50, (64, 64)).astype('u1'))\n"
        "print(sorted({'scipy.stats', 'scipy.optimize', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def of_a_scan(sharp, rng, *, smeared=0.0, noise=0.0, rows=0.0):
    """Drawn cells whose noise is smeared along the rows, and whose rows differ (per cent of the range)."""
    lr, _ = lr_of(sharp["EM"], 0.6, 0, rng)
    lr = lr + smoothed(rng.normal(0, 2 * noise, lr.shape), (0.0, smeared)) + rng.normal(0, 2 * rows, (len(lr), 1))
    return lr.astype(np.float32)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("noise", [3.0, 6.0])
@pytest.mark.parametrize("smeared", [0.5, 0.9])
def test_noise_that_a_scan_smears_is_seen(sharp, rng, smeared, noise, turned):
    """Filters along both axes, as before, saw a fifth to a half of it."""
    drawn = [of_a_scan(sharp, rng, smeared=smeared, noise=noise) for _ in range(3)]
    told = [np.sqrt(estimate(lr.T if turned else lr).noise.variance(lr).mean()) for lr in drawn]
    assert np.mean(told) == pytest.approx(2 * noise, rel=0.35)


@pytest.mark.parametrize("rows", [2.0, 4.0])
def test_rows_that_differ_are_told_as_noise_in_part(sharp, rng, rows):
    drawn = [of_a_scan(sharp, rng, rows=rows) for _ in range(3)]
    told = np.mean([np.sqrt(estimate(lr).noise.variance(lr).mean()) for lr in drawn])
    assert 0.5 * 2 * rows < told < 1.2 * 2 * rows
