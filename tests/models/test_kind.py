"""Kinds of image, guessed from brightness alone."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_sr.images.samples import load_sample
from napari_sr.models.kind import guess_kind


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_samples_are_what_they_are(dtype):
    assert guess_kind(load_sample("em-phantom").hr.astype(dtype)) == "EM"


@pytest.mark.parametrize("density", [0.001, 0.01])
@pytest.mark.parametrize("background", [0, 100, 500])
def test_bright_spots_on_dark_are_fluorescence(density, background, rng):
    spots = gaussian_filter((rng.random((256, 256)) < density).astype(float), 3) * 1e5
    image = rng.poisson(spots + background).astype(np.uint16)
    assert guess_kind(image) == "fluorescence"


def test_densities_are_recognised():
    assert guess_kind(load_sample("nbody").hr) == "N-body"


@pytest.mark.parametrize("image", [np.zeros((8, 8)), np.full((8, 8), np.nan), np.full((8, 8), 7, np.uint8)])
def test_where_there_is_nothing_to_see_nothing_is_guessed(image):
    assert guess_kind(image) == ""


@pytest.mark.parametrize("value", [0, 255])
def test_a_section_in_a_black_or_white_frame_is_one_all_the_same(value):
    tissue = np.asarray(load_sample("em-phantom").hr)
    framed = np.pad(tissue, 250, constant_values=value)
    assert guess_kind(tissue) == guess_kind(framed) == "EM"
