"""The family of densities: mass stays what it is, and blur is what it says."""

import numpy as np
import pytest

from napari_sr import load_sample
from napari_sr.degradations import low_resolution_told, make_degradation
from napari_sr.degradations.density import WIDEST, AnyDensity, Smoothed
from napari_sr.degradations.resample import BlockMean
from napari_sr.intensity import Intensity
from napari_sr.networks.adaptive import AdaptiveSR
from napari_sr.training.data.patches import PatchDataset, Plane2D
from napari_sr.training.recipes import DENSITY


@pytest.fixture(scope="module")
def density():
    return np.asarray(load_sample("nbody").hr).astype(np.float32)


@pytest.mark.parametrize("scale", [2, 4])
def test_means_keep_the_mass_and_what_it_says_is_in_its_ranges(scale, density):
    rng = np.random.default_rng(0)
    ranges = AnyDensity(scale).ranges()
    kinds = set()
    for _ in range(40):
        member = AnyDensity(scale).draw(rng)
        told = member.suffered()
        assert ranges["blur"][0] - 1e-9 <= told.blur <= ranges["blur"][1] + 1e-9
        assert (told.slope, told.intercept) == (0.0, 0.0)
        lr = member(density, rng)
        assert lr.shape == (density.shape[0] // scale, density.shape[1] // scale)
        assert lr.min() >= -1e-6
        linear = isinstance(member.sampling, BlockMean)
        kinds.add((linear, member.smoothing is not None))
        if linear:  # but for what the smoothing moves across the border
            assert lr.mean() == pytest.approx(density.mean(), rel=0.03)
        else:  # a geometric mean is never above the arithmetic one
            assert lr.mean() < density.mean()
    assert len(kinds) == 4
    assert ranges["noise"] == (0.0, 0.0)
    assert ranges["blur"][1] > WIDEST


def test_pairs_lie_over_each_other_and_keep_the_fixed_logarithm(density):
    chain = make_degradation("any-density", 4)
    dataset = PatchDataset(
        planes=[Plane2D(density)], degradation=chain, scale=4, intensity=Intensity.from_dict(DENSITY), lr_patch=32,
        length=20, conditions=AdaptiveSR.conditions,
    )  # fmt: skip
    for item in range(20):
        lr, hr, told = dataset[item]
        assert lr.shape == (1, 32, 32)
        assert hr.shape == (1, 128, 128)
        assert -1 <= float(told[0]) <= 1
        assert float(told[1]) == -1  # no noise: the lower limit
        coarse = hr[0].reshape(32, 4, 32, 4).mean((1, 3))
        assert np.corrcoef(coarse.ravel(), lr[0].ravel())[0, 1] > 0.85


def test_whole_images_are_told_what_they_suffered(density):
    chain = make_degradation("any-density", 4)
    lr, told = low_resolution_told(density, chain, np.random.default_rng(1))
    member = AnyDensity(4).draw(np.random.default_rng(1))
    assert isinstance(member, Smoothed)
    assert told == member.suffered()
    np.testing.assert_allclose(lr, member(density, np.random.default_rng(9)), rtol=1e-5, atol=1e-5)
    assert chain.ranges() == AnyDensity(4).ranges()
    assert chain.suffered() is None
