import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.errors import ConfigError
from napari_sr.intensity import Intensity, regular_sample


@given(st.sampled_from(["percentile", "range", "fixed", "identity"]), st.integers(0, 2**16))
def test_inverse_undoes_forward_beyond_the_fitted_range(kind, seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(500, 200, (40, 40))
    settings = {"low": 100.0, "high": 900.0} if kind == "fixed" else {}
    fitted = Intensity(kind=kind, lower=-0.8, upper=0.8, **settings).fit(image)
    np.testing.assert_allclose(fitted.inverse(fitted.forward(image)), image, rtol=2e-6, atol=1e-3)


def test_log_is_the_thesis_transform():
    density = np.array([[0.0, 1.0], [10.0, 399.98]])
    low, high = np.log10(0.02), np.log10(400)
    fitted = Intensity(kind="log", low=low, high=high).fit(np.ones((2, 2)))
    expected = (np.log10(density + 0.02) - low) / (high - low)
    np.testing.assert_allclose(fitted.forward(density), expected, atol=1e-6)
    np.testing.assert_allclose(fitted.inverse(fitted.forward(density)), density, atol=1e-4, rtol=1e-5)


def test_percentiles_go_to_the_limits():
    image = np.arange(1001, dtype=np.float64)
    fitted = Intensity(kind="percentile", low=1, high=99, lower=-1, upper=1).fit(image)
    np.testing.assert_allclose(fitted.forward(np.array([10.0, 990.0])), [-1, 1], atol=1e-6)


@pytest.mark.parametrize("values", [np.full((5, 5), 7.0), np.full((5, 5), np.nan), np.empty((0,))])
def test_constant_and_empty_images_have_a_finite_transform(values):
    fitted = Intensity().fit(values)
    assert np.isfinite(fitted.forward(np.array([7.0, 8.0]))).all()
    np.testing.assert_allclose(fitted.inverse(fitted.forward(np.array([7.0]))), [7.0], rtol=1e-6)


@pytest.mark.parametrize("settings", [{"kind": "cubic"}, {"low": 5.0, "high": 5.0}, {"lower": 1.0, "upper": 0.0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(ConfigError, match="intensity"):
        Intensity(**settings)


def test_card_round_trip_and_unknown_field():
    original = Intensity(kind="log", low=-1.7, high=2.6)
    assert Intensity.from_dict(original.to_dict()) == original
    with pytest.raises(ConfigError, match="gamma"):
        Intensity.from_dict({"gamma": 2})


def test_sample_of_a_large_image_is_small_and_regular():
    image = np.broadcast_to(np.arange(5000, dtype=np.uint16), (5000, 5000))
    sample = regular_sample(image, pixels=10_000)
    assert sample.size <= 10_000
    assert sample[0, 1] - sample[0, 0] == 50
