"""Figures, curves and reports of images that have no frequencies: they say so, and the rest is there."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.errors import ImageError
from napari_sr.evaluation.compare import iter_comparison
from napari_sr.evaluation.comparison import ComparisonRequest
from napari_sr.evaluation.map_kinds import CONSISTENCY, HALLUCINATED, MAP_KINDS
from napari_sr.evaluation.plots import joint_histogram, ring_correlations, spectra
from napari_sr.evaluation.report import _curves
from napari_sr.evaluation.trust import plane_consistency
from napari_sr.images.grid import GridImage
from napari_sr.metrics.frc import frc, frc_resolution


@pytest.fixture
def pair(rng):
    target = (128 + 300 * gaussian_filter(rng.normal(size=(64, 48)), 2)).astype(np.float32)
    return target + rng.normal(size=target.shape).astype(np.float32), target


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_has_no_frequencies(pair, value):
    pred, target = pair
    pred[5:9, 5:9] = value
    for make in (spectra, ring_correlations):
        with pytest.raises(ImageError, match="not finite"):
            make({"x": pred}, target, pixel_size=1.0, unit="px")
    found = joint_histogram("x", pred, target)
    assert found.counts.sum() >= 0.99 * (pred.size - 16) - 10
    assert "not finite" in "".join(_curves({"x": pred}, target))


def test_an_image_that_is_the_same_everywhere_has_no_resolution(pair):
    flat = np.full((64, 64), 7, np.uint16)
    assert frc_resolution(flat, flat, data_range=255) is None
    with pytest.raises(ImageError, match="the same everywhere"):
        frc(flat, flat)
    with pytest.raises(ImageError, match="no pixel that is finite"):
        joint_histogram("x", np.full((8, 8), np.nan), np.zeros((8, 8)))


def test_curves_of_a_small_image_are_left_out_and_it_is_said(pair):
    pred, target = (image[:12, :12] for image in pair)
    found = "".join(_curves({"x": pred}, target))
    assert "at least 16 pixels" in found
    assert "Power spectra" in found


def test_a_picture_that_is_too_bright_is_below_zero_in_the_consistency_map_as_its_legend_says(pair):
    lr = pair[1]
    sr = lr.repeat(2, axis=0).repeat(2, axis=1) + 20
    found = plane_consistency(sr, lr, scale=2, degradation="area")
    assert np.mean(found.residual) == pytest.approx(-20, abs=0.5)
    assert MAP_KINDS[CONSISTENCY].legend.startswith("measured − made low-resolution again")


def test_made_up_detail_is_not_looked_for_in_a_small_image_and_the_rest_is_measured(pair):
    pred, target = (image[:12, :12] for image in pair)
    asked = ComparisonRequest(
        reference=GridImage("HR", target, "YX"),
        candidates=(GridImage("x", pred, "YX"),),
        maps=("absolute", HALLUCINATED),
    )
    *_, found = iter_comparison(asked)
    assert set(found.maps["x"]) == {"absolute"}
    assert "x is too small to look for made-up detail: that needs 16 pixels a side." in found.notes
    assert found.table.rows[-1].means["psnr"] is not None
