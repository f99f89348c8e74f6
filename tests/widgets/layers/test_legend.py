"""The line that says what the colours of the visible map mean, and names in the canvas."""

import pytest

from napari_sr.widgets.compare.side_by_side import SideBySide
from napari_sr.widgets.layers.legend import MapLegend
from napari_sr.widgets.layers.maps import MapLayer, add_maps


@pytest.fixture
def viewer(make_viewer, rng):
    viewer = make_viewer()
    viewer.add_image(rng.random((16, 16)), name="one")
    viewer.add_image(rng.random((16, 16)), name="two")
    return viewer


def maps(viewer, group, rng):
    made = [MapLayer(kind, rng.random((16, 16)), "two", "two", {}) for kind in ("ssim", "absolute")]
    return add_maps(viewer, made, group=group, unit="grey levels")


def test_the_legend_is_that_of_the_map_that_is_seen(viewer, qtbot, rng):
    legend = MapLegend(viewer)
    qtbot.addWidget(legend)
    assert legend.text() == ""
    ssim, error = maps(viewer, "first", rng)
    assert legend.text().startswith("SSIM map: 1 = the same structure")
    error.visible = True
    assert legend.text().startswith("SSIM map")  # it lies above
    ssim.visible = False
    assert legend.text().startswith("error map")
    error.visible = False
    assert legend.text() == ""
    ssim.visible = True
    viewer.layers.clear()
    assert legend.text() == ""
    legend.disconnect_viewer()
    maps(viewer, "second", rng)
    assert legend.text() == ""


def test_of_all_maps_the_new_one_is_seen_with_its_name(viewer, rng):
    first = maps(viewer, "first", rng)[0]
    second = maps(viewer, "second", rng)[0]
    assert [x.name for x in viewer.layers if x.visible and x in (first, second)] == [second.name]
    assert second.colorbar.visible
    assert second.name_overlay.visible


def test_tiles_beside_each_other_have_captions_only_while_they_are(viewer, rng):
    one, two = viewer.layers
    named = maps(viewer, "first", rng)[0]
    view = SideBySide(viewer, [one, two, named])
    assert all(x.name_overlay.visible for x in (one, two, named))
    view.stop()
    assert [x.name_overlay.visible for x in (one, two, named)] == [False, False, True]
