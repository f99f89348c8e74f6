"""Rows and columns of layers whose axes stand in another order, pixel sizes, and what is said of distances."""

import numpy as np
import pytest
from napari.layers import Image
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from napari_sr.errors import ImageError
from napari_sr.evaluation.compare import brought
from napari_sr.evaluation.comparison import Shift
from napari_sr.widgets.compare.texts import shift_sentence
from napari_sr.widgets.layers.maps import add_maps, geometry_of, map_layers
from napari_sr.widgets.layers.pictures import shown_plane
from napari_sr.widgets.layers.pixel_size import set_pixel_size
from napari_sr.widgets.layers.places import (
    check_shown,
    drawn_region,
    grid_image,
    lies_elsewhere,
    shape_regions,
    view_region,
)
from napari_sr.widgets.layers.snapshot import METADATA_KEY, NANOMETRES, check_whole, resampled_arguments, snapshot


@pytest.fixture
def image(rng):
    return rng.integers(0, 255, (32, 24)).astype(np.uint8)


@pytest.mark.parametrize("last", [False, True])
def test_channels_before_or_after_rows_and_columns_lie_in_the_same_place(viewer, rng, last):
    fine = (128 + 900 * gaussian_filter(rng.normal(size=(2, 128, 96)), (0, 6, 6))).clip(0, 255).astype(np.uint8)
    coarse = fine.reshape(2, 32, 4, 24, 4).mean(axis=(2, 4)).astype(np.uint8)
    turn = (lambda a: np.moveaxis(a, 0, -1)) if last else (lambda a: a)
    scale = (4, 4, 1) if last else (1, 4, 4)
    translate = (1.5, 1.5, 0) if last else (0, 1.5, 1.5)
    first = viewer.add_image(turn(fine), name="HR", rgb=False)
    second = viewer.add_image(turn(coarse), name="LR", scale=scale, translate=translate, rgb=False)
    hr, lr = grid_image(first, viewer), grid_image(second, viewer)
    assert hr.layout.plane_shape == (128, 96)
    np.testing.assert_allclose(lr.grid.matrix, [[4, 0], [0, 4]])
    np.testing.assert_allclose(lr.grid.offset, (1.5, 1.5))
    seen = brought(lr, 0, hr)
    assert seen.shape == (128, 96)
    assert peak_signal_noise_ratio(fine[0, 8:-8, 8:-8], seen[8:-8, 8:-8], data_range=255) > 35


def test_a_result_of_a_part_lies_in_a_part_of_its_reference(viewer, image):
    truth = viewer.add_image(np.kron(image, np.ones((4, 4), np.uint8)), scale=(1, 1), units=("nm", "nm"))
    # of rows 5 to 14 and columns 3 to 18 of an LR image, whose pixels are 4 nm wide, upscaled by 4
    part = np.zeros((40, 64), np.uint8)
    result = viewer.add_image(part, scale=(0.001, 0.001), translate=(0.020, 0.012), units=("um", "um"))
    assert not lies_elsewhere(result, truth, viewer, (20, 12))
    assert lies_elsewhere(result, truth, viewer, (20, 14))
    assert lies_elsewhere(result, truth, viewer)
    result.rotate = 30
    assert lies_elsewhere(result, truth, viewer, (20, 12))


def test_labels_say_which_axes_are_rows_and_columns(viewer, rng):
    data = rng.integers(0, 255, (40, 44, 8)).astype(np.uint8)
    layer = viewer.add_image(data, axis_labels=("y", "x", "z"), rgb=False)
    source = snapshot(layer)
    assert source.axes == "YXZ"
    assert grid_image(layer, viewer).layout.plane_shape == (40, 44)
    np.testing.assert_allclose(resampled_arguments(layer, source.axes, 0.25)["scale"], (4, 4, 1))
    with pytest.raises(ImageError, match="does not show the rows and columns of data"):
        view_region(layer, viewer)
    viewer.dims.order = (2, 0, 1)
    check_shown(layer, viewer)
    viewer.dims.set_point(2, 5)
    np.testing.assert_array_equal(shown_plane(layer, viewer), data[..., 5])
    turned = viewer.add_image(data[:, :, 0].T.copy(), axis_labels=("x", "y"), name="turned")
    np.testing.assert_array_equal(shown_plane(turned, viewer), data[:, :, 0])


def test_a_layer_and_what_was_made_from_it_get_a_pixel_size_together(viewer, image):
    lr = viewer.add_image(image, name="LR", translate=(1.5, 3.0))
    about = {METADATA_KEY: {"made_by": "super-resolution", "source_layer": "LR", "source_id": str(lr.unique_id)}}
    sr = viewer.add_image(image.repeat(2, 0).repeat(2, 1), metadata=about, **resampled_arguments(lr, "YX", 2))
    other = viewer.add_image(image, name="other")
    values = {"absolute": image.astype(np.float32).repeat(2, 0).repeat(2, 1), "flagged": sr.data > 100}
    maps = add_maps(viewer, map_layers({sr.name: values}, geometry_of(sr)), group="some", unit="grey levels")
    assert len(maps) == 2
    before = [layer.extent.world.copy() for layer in (lr, sr, *maps)]
    set_pixel_size(lr, "YX", 20.0, "nm", list(viewer.layers))
    for layer, extent in zip((lr, sr, *maps), before, strict=True):
        np.testing.assert_allclose(layer.extent.world, extent * 20)
        assert str(layer.units[-1]) == "nanometer"
    np.testing.assert_allclose(lr.translate, (30, 60))
    np.testing.assert_allclose(sr.scale, (10, 10))
    assert str(other.units[-1]) == "pixel"


def test_a_size_along_one_axis_only_changes_that_one(viewer, image):
    layer = viewer.add_image(np.stack([image] * 3), scale=(50, 2, 4), translate=(100, 6, 8))
    set_pixel_size(layer, "ZYX", 10.0, "nm")
    np.testing.assert_allclose(layer.scale, (50, 10, 10))
    np.testing.assert_allclose(layer.translate, (100, 30, 20))


def test_a_shift_is_told_in_the_unit_along_each_axis(viewer, image):
    layer = viewer.add_image(image, scale=(20, 5), units=("nm", "nm"))
    assert "(80 nm)" in shift_sentence(Shift("x", -4.0, 0.0), layer)
    assert "(20 nm)" in shift_sentence(Shift("x", 0.0, 4.0), layer)
    plain = viewer.add_image(image, scale=(0.25, 0.25))
    assert "(" not in shift_sentence(Shift("x", -4.0, 0.0), plain)


def test_the_shape_that_was_drawn_last_counts_whatever_the_others_are(viewer, image):
    layer = viewer.add_image(image, name="cells")
    box = np.array([[2, 3], [2, 9], [7, 9], [7, 3]], float)
    shapes = viewer.add_shapes([box + 500, box], shape_type="rectangle")
    found = drawn_region(shapes, layer, viewer)
    assert (found.rows, found.columns) == (slice(2, 8), slice(3, 10))
    with pytest.raises(ImageError, match="shape 1 lies outside of cells"):
        shape_regions(shapes, layer, viewer)


def test_a_layer_that_holds_what_was_looked_at_is_no_image_to_work_on(viewer, image):
    layer = viewer.add_image(image, name="seen", metadata={METADATA_KEY: {"made_by": "look-around"}})
    with pytest.raises(ImageError, match=r"seen holds only what was looked at.*Write whole image"):
        check_whole(layer)
    check_whole(viewer.add_image(image))


def test_lengths_are_known_in_every_unit_that_napari_takes_for_one(image):
    for unit, length in NANOMETRES.items():
        layer = Image(image, units=(unit, unit))
        assert snapshot(layer).unit == unit
        assert (1 * layer.units[-1]).to("nanometer").magnitude == pytest.approx(length)
