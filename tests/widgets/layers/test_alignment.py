"""A point of the image stays at its point of the world, to 1e-6."""

import numpy as np
import pytest
from napari.layers import Image

from napari_sr.widgets.layers.alignment import resampled_transform

rng = np.random.default_rng(0)
PLACES = {
    "plain": {},
    "moved": {"scale": (40.0, 30.0), "translate": (7.0, -3.0)},
    "turned": {"scale": (2.0, 3.0), "translate": (1.0, 2.0), "rotate": 25},
    "sheared": {"scale": (2.0, 3.0), "rotate": 10, "shear": (0.3,)},
    "affine": {
        "scale": (0.5, 0.7),
        "translate": (5.0, 6.0),
        "rotate": -40,
        "shear": (-0.2,),
        "affine": [[1.1, 0.2, 3], [0.1, 0.9, -4], [0, 0, 1]],
    },
}
PLACES_3D = {
    "stack": {"scale": (30.0, 4.0, 5.0), "translate": (1.0, 2.0, 3.0)},
    "turned": {"scale": (3.0, 1.0, 2.0), "rotate": (10, 20, 30), "shear": (0.1, 0.2, 0.3), "translate": (3, 2, 1)},
}


def centre_of_mass(image):
    grid = np.indices(image.shape)
    return (grid * image).reshape(image.ndim, -1).sum(axis=1) / image.sum()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_a_point_source_stays_in_the_world(place, factor):
    """Fine pixels that fill a coarse pixel have its world position as their centre of mass, and back."""
    coarse = np.zeros((9, 8))
    coarse[4, 2] = 1
    layer = Image(coarse, **PLACES[place])
    fine = np.kron(coarse, np.ones((factor, factor)))
    over = Image(fine, **resampled_transform(layer, (factor, factor)))
    world = np.asarray(layer.data_to_world((4, 2)))
    np.testing.assert_allclose(over.data_to_world(centre_of_mass(fine)), world, atol=1e-6)
    back = resampled_transform(over, (1 / factor, 1 / factor))
    np.testing.assert_allclose(back["scale"], layer.scale, atol=1e-9)
    again = Image(coarse, **back)
    for point in ((0, 0), (4, 2), (8, 7)):
        np.testing.assert_allclose(again.data_to_world(point), layer.data_to_world(point), atol=1e-6)


# napari says that it draws such layers without the rotation; their coordinates are right all the same
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("place", PLACES_3D)
def test_only_two_of_three_axes_upscaled(place):
    coarse = np.zeros((3, 6, 5))
    coarse[1, 2, 3] = 1
    layer = Image(coarse, **PLACES_3D[place])
    fine = np.kron(coarse, np.ones((1, 4, 4)))
    over = Image(fine, **resampled_transform(layer, (1, 4, 4)))
    np.testing.assert_allclose(over.data_to_world(centre_of_mass(fine)), layer.data_to_world((1, 2, 3)), atol=1e-6)


@pytest.mark.parametrize("place", PLACES)
def test_a_cut_out_lies_where_it_was_cut(place):
    layer = Image(np.zeros((20, 30)), **PLACES[place])
    over = Image(np.zeros((8, 8)), **resampled_transform(layer, (4, 4), (5, 11)))
    np.testing.assert_allclose(over.data_to_world((1.5, 1.5)), layer.data_to_world((5, 11)), atol=1e-6)
