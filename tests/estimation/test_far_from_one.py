"""Images in units in which their values are far from 1: masses in grams, densities in kilograms per cubic metre."""

import numpy as np
import pytest

from napari_sr import load_model, upscale
from napari_sr.errors import ImageError
from napari_sr.estimation import estimate
from napari_sr.images.samples import load_sample


def image():
    return load_sample("em-phantom").lr[:80, :96].astype(np.float64) + 0.3  # no whole numbers: their rounding is seen


@pytest.mark.parametrize(
    ("exponent", "dtype"),
    [(e, t) for e in (-110, -90, -41, -39, 39, 41, 90, 110) for t in (np.float32, np.float64)]
    + [(e, np.float64) for e in (-480, 480)],
)
def test_what_an_image_suffers_from_does_not_depend_on_its_unit(exponent, dtype):
    unit = 2.0**exponent
    expected, found = estimate(image().astype(dtype)), estimate((image() * unit).astype(dtype))
    assert found.blur == expected.blur
    assert found.noise.slope == pytest.approx(expected.noise.slope * unit, rel=1e-6)
    assert found.noise.intercept == pytest.approx(expected.noise.intercept * unit**2, rel=1e-6)
    assert found.noise.floor == pytest.approx(expected.noise.floor * unit**2, rel=1e-6)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_a_picture_does_not_depend_on_the_unit(unit):
    model = load_model("em-x4")
    whole = upscale(image() * 1.37, model, precision="fp32", dtype=np.float64)
    found = upscale(image() * 1.37 * unit, model, precision="fp32", dtype=np.float64)
    np.testing.assert_allclose(found / unit, whole, atol=1e-3 * np.ptp(whole))


@pytest.mark.parametrize(("unit", "said"), [(1e300, r"reach 2e\+302"), (1e-300, r"reach 2e-298")])
def test_what_cannot_be_squared_is_said(unit, said):
    with pytest.raises(ImageError, match=f"{said}: .* Save it in other units"):
        estimate(image() * unit)


@pytest.mark.parametrize("values", [np.zeros((64, 64)), np.full((64, 64), np.nan), np.full((64, 64), np.inf)])
def test_images_without_a_unit_are_what_they_were(values):
    found = estimate(values)
    assert found.blur.sigma == 0
    assert found.noise.variance(0.0) <= 1 / 12  # of whole numbers


def test_infinite_pixels_have_no_say_in_the_unit():
    bad = image() * 2.0**60
    bad[3, 4], bad[50, 9] = np.inf, np.nan
    expected = image()
    expected[3, 4], expected[50, 9] = np.inf, np.nan
    assert estimate(bad).blur == estimate(expected).blur
