import numpy as np
import pytest

from napari_sr.degradations import make_degradation
from napari_sr.intensity import Intensity
from napari_sr.training import fit_filters as wiener
from napari_sr.training.data.patches import Plane2D, lr_of


@pytest.mark.parametrize("strip", [5, 64])
def test_it_is_the_least_squares_solution(strip, rng, monkeypatch):
    """Against numpy's lstsq on the same neighbourhoods."""
    monkeypatch.setattr(wiener, "STRIP", strip)
    hr = rng.normal(size=(48, 40)).astype(np.float32)
    chain = make_degradation("em", 2)
    identity = Intensity(kind="identity")
    network = wiener.fit_wiener([Plane2D(hr)], degradation=chain, intensity=identity, kernel_size=3, ridge=0)
    lr = lr_of(hr, chain)
    padded = np.pad(lr, 1, mode="edge")
    neighbourhoods = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(-1, 9)
    blocks = hr.reshape(24, 2, 20, 2).transpose(0, 2, 1, 3).reshape(-1, 4)
    expected = np.linalg.lstsq(neighbourhoods.astype(np.float64), blocks, rcond=None)[0].T.reshape(4, 1, 3, 3)
    np.testing.assert_allclose(network.taps.detach().numpy(), expected, atol=1e-4 * np.abs(expected).max())
