"""Curves against numpy and closed forms, and what is written of them."""

import csv
import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from napari_sr.errors import ImageError
from napari_sr.evaluation.plots import joint_histogram, line_profile, over_planes, ring_correlations, spectra


@pytest.fixture
def image(rng):
    return rng.normal(size=(64, 64))


def read(plot):
    header, *rows = csv.reader(io.StringIO(plot.to_csv()))
    return header, np.array(rows, dtype=float)


def test_spectra_and_their_ratio(image):
    plain = spectra({"twice": 2 * image}, image, pixel_size=5.0, unit="nm")
    np.testing.assert_allclose(plain.curves["twice"], 4 * plain.curves["reference"])
    assert plain.x[-1] == pytest.approx(1 / 10)  # half a cycle a pixel
    ratio = spectra({"twice": 2 * image}, image, pixel_size=5.0, unit="nm", ratio=True)
    np.testing.assert_allclose(ratio.curves["twice"], 4)
    header, values = read(ratio)
    assert header == ["spatial frequency [cycles / nm]", "twice", "reference"]
    np.testing.assert_allclose(values[:, 1], 4)


def test_ring_correlations_name_the_resolution(image, rng):
    plot = ring_correlations({"same": image, "noise": rng.normal(size=image.shape)}, image, pixel_size=5, unit="nm")
    same, noise = plot.curves
    assert same == "same: to its pixels"
    assert noise.startswith("noise: ")
    assert noise.endswith(" nm")
    np.testing.assert_allclose(plot.curves[same], 1)
    assert set(plot.limits) == {"1/7", "half-bit", "3-sigma"}


def test_a_profile_is_linear_on_a_ramp():
    rows, columns = np.mgrid[:20, :30].astype(float)
    plot = line_profile({"ramp": 3 * rows + columns}, (2, 3), (14, 19), length=80.0, unit="nm")
    np.testing.assert_allclose(plot.curves["ramp"], 9 + plot.x / plot.x[-1] * (3 * 12 + 16))
    assert plot.x[-1] == pytest.approx(4 * 20)
    with pytest.raises(ImageError, match="no length"):
        line_profile({"ramp": rows}, (2, 3), (2, 3), length=0, unit="px")


def test_a_joint_histogram_counts_pixels(image):
    found = joint_histogram("sr", image + 1, image)
    inside = (image > np.percentile(image, 0.1)) & (image < np.percentile(image, 99.9))
    assert found.counts.sum() >= inside.sum()
    np.testing.assert_array_equal(found.counts, np.diag(np.diag(found.counts)))  # one value to each
    header, values = read(found)
    assert header[0] == "reference"
    assert values[:, 1:].sum() == found.counts.sum()
    assert joint_histogram("flat", np.zeros_like(image), image).counts.sum() > 0


@pytest.mark.parametrize("kind", ["spectra", "ratio", "frc", "profile", "histogram"])
def test_each_can_be_drawn(kind, image):
    images = {"sr": image + 0.1}
    plot = {
        "spectra": lambda: spectra(images, image, pixel_size=1, unit="px"),
        "ratio": lambda: spectra(images, image, pixel_size=1, unit="px", ratio=True),
        "frc": lambda: ring_correlations(images, image, pixel_size=1, unit="px"),
        "profile": lambda: line_profile(images, (0, 0), (9, 9), length=12.7, unit="px"),
        "histogram": lambda: joint_histogram("sr", images["sr"], image),
    }[kind]()
    figure = Figure()
    plot.draw(figure, colour="white")
    figure.canvas.draw()
    assert figure.axes[0].get_title() == plot.title or kind == "histogram"


def test_figures_over_planes_have_a_gap_where_there_is_none():
    curves = over_planes({"a": [{"psnr": 1.0}, {"psnr": None}, {"psnr": 3.0}]}, "psnr", title="PSNR")
    np.testing.assert_array_equal(curves.curves["a"], [1, np.nan, 3])
    assert curves.y_label == "PSNR"
    assert curves.to_csv().splitlines()[1] == "0.0,1.0"
