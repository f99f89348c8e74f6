"""Photons: Poisson's distribution, and the Gaussian that many of them follow."""

import numpy as np
import pytest

from napari_sr.degradations.noise import MANY, photons_of


@pytest.mark.parametrize("mean", [0.0, 0.5, 30.0, 1e6, MANY, 2 * MANY, 1e18, 1e25])
def test_mean_and_variance(mean, rng):
    drawn = photons_of(np.full(20_000, mean), rng)
    assert np.isfinite(drawn).all()
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / 20_000) + 1e-12 * mean)
    if 0 < mean <= 1e18:  # beyond, the deviation is less than the distance of neighbouring numbers
        assert drawn.var() == pytest.approx(mean, rel=0.06)
