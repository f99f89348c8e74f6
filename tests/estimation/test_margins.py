"""Images with blank margins are judged by what they show."""

import numpy as np
import pytest
from scipy import ndimage

from napari_sr import load_sample
from napari_sr.degradations.blur import GaussianBlur
from napari_sr.degradations.resample import BlockMean
from napari_sr.estimation import estimate
from napari_sr.estimation.margins import margins
from napari_sr.estimation.sampling import tiles


@pytest.fixture(scope="module")
def section():
    """A noisy LR image of drawn tissue, 8 bit."""
    rng = np.random.default_rng(5)
    hr = np.asarray(load_sample("em-phantom").hr, np.float32)[:640, :640]
    lr = BlockMean(4)(GaussianBlur(2.5)(hr, rng), rng) + rng.normal(0, 6, (160, 160))
    return np.clip(np.rint(lr), 1, 255).astype(np.uint8)


def turned(image):
    there = ndimage.rotate(np.ones((130, 130)), 9, order=0)
    return np.where(np.pad(there, [(0, 160 - n) for n in there.shape]), image, 0).astype(image.dtype)


def in_the_round(image):
    y, x = np.mgrid[:160, :160] - 80
    return np.where(x**2 + y**2 < 78**2, image, 0).astype(image.dtype)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize(
    "around",
    [
        lambda image: np.pad(image, ((0, 0), (60, 0))),
        lambda image: np.pad(image, 40),
        lambda image: np.pad(image, ((90, 20), (0, 50))),
        turned,
        in_the_round,
    ],
)
def test_blank_margins_are_left_out(section, around, value):
    """Of sections that were aligned, turned or stitched; noise of 6 was taken for 1, and blur for none."""
    alone, framed = section, around(section)
    if value:
        framed = np.where(framed == 0, np.uint8(value), framed)
    assert np.array_equal(margins(framed), ndimage.binary_dilation(framed == value, iterations=2))
    one, two = estimate(alone), estimate(framed)
    assert two.blur.sigma == pytest.approx(one.blur.sigma, abs=0.2)
    noise = [float(np.sqrt(found.noise.variance(alone).mean())) for found in (one, two)]
    assert noise[0] == pytest.approx(6, rel=0.15)
    assert noise[1] == pytest.approx(6, rel=0.2)


def test_the_empty_background_of_cells_is_no_margin(section):
    y, x = np.mgrid[:160, :160]
    cells = sum((y - a) ** 2 + (x - b) ** 2 < 30**2 for a, b in ((40, 45), (110, 50), (80, 120))) > 0
    assert margins(np.where(cells, section, 0)) is None
    assert margins(section) is None
    assert margins(np.zeros((64, 64))) is None


def test_an_image_is_judged_as_it_is_where_margins_leave_nothing(section):
    little = np.pad(section[:18, :100], 60)
    assert margins(little) is None
    assert np.isfinite(tiles(little)).all()


def test_saturated_cells_at_the_border_are_no_margin(section):
    y, x = np.mgrid[:160, :160]
    cells = (y - 20) ** 2 + (x + 10) ** 2 < 45**2, (y - 150) ** 2 + (x - 120) ** 2 < 40**2
    assert margins(np.where(cells[0] | cells[1], np.uint8(255), section)) is None


@pytest.mark.parametrize("gone", [np.nan, np.inf])
@pytest.mark.parametrize("ring", [0, 2])
def test_margins_of_missing_values(section, gone, ring):
    """Also a ring of them about a black frame."""
    framed = section.astype(np.float32)
    framed = np.pad(framed, 40, constant_values=0 if ring else gone)
    framed = np.pad(framed, ring, constant_values=gone)
    found = margins(framed)
    assert found is not None
    assert (~found).sum() == 156**2  # two pixels beside them are left out, too
    one, two = estimate(section), estimate(framed)
    assert two.blur.sigma == pytest.approx(one.blur.sigma, abs=0.15)
    assert two.noise.sigma(120) == pytest.approx(one.noise.sigma(120), rel=0.2)


def test_of_large_planes_some_pixels_are_looked_at(section):
    large = np.zeros((3000, 2500), np.uint8)
    large[500:2700, 300:2100] = np.tile(section, (14, 12))[:2200, :1800]
    found = margins(large)
    assert found is not None
    content = np.zeros(large.shape, bool)
    content[500:2700, 300:2100] = True
    assert not (~found & ~content).any()
    assert (~found).sum() > 0.97 * content.sum()


@pytest.mark.parametrize("width", [1, 4, 12])
def test_a_filament_in_a_blank_frame_is_judged_as_it_is(section, width):
    image = np.zeros((96, 96), np.uint8)
    image[10:90, 40 : 40 + width] = section[:80, :width]
    assert margins(image) is None
    assert np.isfinite(estimate(image).blur.sigma)
