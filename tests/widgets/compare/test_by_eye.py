"""ComparisonRequest by eye, with real mouse and key events."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_sr.images.grid import Grid
from napari_sr.widgets.compare import swipe
from napari_sr.widgets.compare.magnifier import ENLARGED, LOOKED_AT
from napari_sr.widgets.compare.side_by_side import grid_mode
from napari_sr.widgets.compare.swipe import SWIPE
from napari_sr.widgets.layers.pictures import picture, shown_plane
from napari_sr.widgets.layers.places import grid_of
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.preview_layer import camera


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 700)
    dark, bright = np.full((100, 120), 20, np.uint8), np.full((100, 120), 220, np.uint8)
    viewer.add_image(dark, name="dark", contrast_limits=(0, 255), scale=(4, 4))
    viewer.add_image(bright, name="bright", contrast_limits=(0, 255), scale=(4, 4))
    viewer.add_image(bright[::4, ::4], name="truth LR", contrast_limits=(0, 255), scale=(16, 16), translate=(6, 6))
    return viewer


@pytest.fixture
def dock(viewer, qtbot):
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    widget.form.left_box.select_name("dark")
    widget.form.right_box.select_name("bright")
    qtbot.wait(100)
    return widget


def state(viewer):
    """Everything about the layers and the viewer that a tool might leave changed."""
    grid = grid_mode(viewer)
    layers = [(x.name, x.visible, tuple(x.contrast_limits), x.opacity, x.data.copy()) for x in viewer.layers]
    rest = (grid.enabled, grid.stride, tuple(grid.shape), camera(viewer).mouse_pan, viewer.layers.selection.active)
    return layers, (*rest, len(viewer.mouse_drag_callbacks), len(viewer.mouse_move_callbacks))


def assert_same(before, after):
    assert [x[:-1] for x in before[0]] == [x[:-1] for x in after[0]]
    for one, other in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(one[-1], other[-1])
    assert before[1] == after[1]


def mouse(viewer, qtbot, kind, world, buttons):
    canvas = viewer.window._qt_viewer.canvas.native
    y, x = (np.asarray(world) - np.asarray(camera(viewer).center)[-2:]) * camera(viewer).zoom
    at = QPointF(canvas.width() / 2 + x, canvas.height() / 2 + y)
    left = Qt.MouseButton.LeftButton
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
    event = QMouseEvent(kind, at, canvas.mapToGlobal(at), button, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)
    qtbot.wait(30)


def key(viewer, qtbot, letter, kind=QEvent.Type.KeyPress):
    canvas = viewer.window._qt_viewer.canvas.native
    event = QKeyEvent(kind, getattr(Qt.Key, f"Key_{letter}"), Qt.KeyboardModifier.ShiftModifier, letter)
    QApplication.sendEvent(canvas, event)
    qtbot.wait(50)


def test_a_line_is_dragged_over_the_image(viewer, dock, qtbot):
    before, centre = state(viewer), tuple(camera(viewer).center)
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    layer = viewer.layers[SWIPE]
    assert layer.data.shape == (100, 120, 3)
    assert (layer.data[50, 10] == 20).all()
    assert (layer.data[50, 110] == 220).all()
    np.testing.assert_allclose(layer.scale, (4, 4))
    left = Qt.MouseButton.LeftButton
    mouse(viewer, qtbot, QEvent.Type.MouseMove, (200, 240), Qt.MouseButton.NoButton)
    mouse(viewer, qtbot, QEvent.Type.MouseButtonPress, (200, 240), left)
    for column in (200, 160, 120):
        mouse(viewer, qtbot, QEvent.Type.MouseMove, (200, column), left)
    mouse(viewer, qtbot, QEvent.Type.MouseButtonRelease, (200, 120), Qt.MouseButton.NoButton)
    assert dock.see.tool.column == pytest.approx(30, abs=1)  # 120 in the world, pixels of 4
    assert (layer.data[50, 40] == 220).all()
    assert (layer.data[50, 20] == 20).all()
    assert tuple(camera(viewer).center) == pytest.approx(centre)  # the image itself was not dragged
    # it is no image to compare, and goes without a trace
    assert SWIPE not in [x.name for x in dock.form.candidates.layers()]
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    assert_same(before, state(viewer))


@pytest.mark.parametrize("labels", ["zyx", "yxz", "xyz"])
def test_a_line_over_stacks_whose_axes_stand_in_any_order(make_napari_viewer, rng, labels):
    """Rows and columns are those of the labels; every plane that the viewer shows is split at the line."""
    viewer = make_napari_viewer()
    stacks = rng.integers(0, 255, (2, 6, 40, 50)).astype(np.uint8)
    order = ["zyx".index(label) for label in labels]
    scale = [(10, 4, 4)[dim] for dim in order]
    left, right = (
        viewer.add_image(stack.transpose(order), axis_labels=tuple(labels), scale=scale, contrast_limits=(0, 255),
                         rgb=False)
        for stack in stacks
    )  # fmt: skip
    z = labels.index("z")
    viewer.dims.order = (z, labels.index("y"), labels.index("x"))
    viewer.dims.set_current_step(z, 2)
    tool = swipe.Swipe(viewer, left, right)
    tool.move_to(20)
    for plane in (2, 4):
        viewer.dims.set_current_step(z, plane)
        assert tool.layer.ndim == 3
        np.testing.assert_allclose(tool.layer.scale, left.scale)
        seen = np.moveaxis(tool.layer.data, [labels.index(a) for a in "zyx"], [0, 1, 2])[plane]
        np.testing.assert_allclose(seen[:, 2:18, 0], stacks[0, plane, :, 2:18], atol=1)
        np.testing.assert_allclose(seen[:, 22:, 0], stacks[1, plane, :, 22:], atol=1)
    position = [0.0, 0.0, 0.0]
    position[labels.index("x")] = 120.0
    list(tool._drag(viewer, type("Event", (), {"position": position, "type": "mouse_release"})))
    assert tool.column == 30
    tool.stop()
    assert len(viewer.layers) == 2


def test_side_by_side_and_back(viewer, dock, qtbot):
    before = state(viewer)
    key(viewer, qtbot, "G")
    assert dock.form.side_button.isChecked()
    assert grid_mode(viewer).enabled
    assert {x.name for x in viewer.layers if x.visible} == {"dark", "bright"}
    key(viewer, qtbot, "G")
    assert_same(before, state(viewer))


def test_one_tool_at_a_time(viewer, dock, qtbot):
    before = state(viewer)
    for name in ("S", "G", "M", "S"):
        key(viewer, qtbot, name)
    assert [b.isChecked() for b in dock.see.buttons.values()] == [True, False, False]
    assert not grid_mode(viewer).enabled
    key(viewer, qtbot, "S")
    assert_same(before, state(viewer))


def test_flicker_as_long_as_the_key_is_held(viewer, dock, qtbot):
    before = state(viewer)
    key(viewer, qtbot, "F")
    assert [x.name for x in viewer.layers if x.visible] == ["dark"]
    key(viewer, qtbot, "F", QEvent.Type.KeyRelease)
    assert_same(before, state(viewer))


def test_the_magnifier_shows_pixels_under_the_mouse(viewer, dock, qtbot, rng):
    before = state(viewer)
    pattern = rng.integers(0, 255, (100, 120)).astype(np.uint8)
    viewer.layers["dark"].data = pattern
    dock.form.reference_box.select_name("bright")
    qtbot.mouseClick(dock.form.magnifier_button, Qt.MouseButton.LeftButton)
    magnifier = dock.see.tool
    mouse(viewer, qtbot, QEvent.Type.MouseMove, (200, 240), Qt.MouseButton.NoButton)
    image = magnifier.pictures[0].pixmap().toImage()
    assert image.width() == LOOKED_AT * ENLARGED
    middle = image.pixelColor(image.width() // 2 + 1, image.height() // 2 + 1).red()
    assert abs(middle - int(pattern[50, 60])) <= 1
    qtbot.mouseClick(dock.form.magnifier_button, Qt.MouseButton.LeftButton)
    assert state(viewer)[1] == before[1]


def test_two_different_layers_are_needed(viewer, dock, qtbot):
    dock.form.right_box.select_name("dark")
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    assert not dock.form.swipe_button.isChecked()
    assert "two different layers" in dock.form.status.text()


def test_a_layer_that_is_removed_ends_the_swipe(viewer, dock, qtbot):
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    viewer.layers.remove("bright")
    assert not dock.form.swipe_button.isChecked()
    assert SWIPE not in viewer.layers


def test_a_swipe_that_is_deleted_by_hand_is_off_and_gives_the_mouse_back(viewer, dock, qtbot):
    pan = camera(viewer).mouse_pan
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    assert camera(viewer).mouse_pan is False
    viewer.layers.remove(SWIPE)
    assert not dock.form.swipe_button.isChecked()
    assert dock.see.tool is None
    assert camera(viewer).mouse_pan is pan


def test_what_is_too_large_for_a_swipe_says_so_and_is_off(viewer, dock, qtbot, monkeypatch):
    monkeypatch.setattr(swipe, "LARGEST_SWIPE", 10)
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    assert not dock.form.swipe_button.isChecked()
    assert "too large for Swipe" in dock.form.status.text()


def test_the_magnifier_reads_what_it_shows_and_no_more(viewer):
    read = []

    class Counted(np.ndarray):
        def __getitem__(self, window):
            found = np.asarray(super().__getitem__(window))
            read.append(found.size)
            return found

    layer = viewer.add_image(np.arange(400 * 300, dtype=np.float32).reshape(400, 300), name="large")
    plane, grid = np.asarray(layer.data), grid_of(layer, viewer)
    layer.data = plane.view(Counted)
    read.clear()
    window = Grid(grid.matrix, (100.0, 50.0))
    seen = picture(layer, viewer, window, (32, 32))
    assert max(read) <= 64**2
    np.testing.assert_array_equal(seen, picture(viewer.add_image(plane), viewer, window, (32, 32)))


def test_closing_the_dock_leaves_no_tool_and_no_key(viewer, dock, qtbot):
    before = state(viewer)
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    viewer.window.remove_dock_widget(dock)
    assert_same(before, state(viewer))
    key(viewer, qtbot, "F")
    assert_same(before, state(viewer))


def test_a_magnifier_that_is_closed_with_its_cross_is_off(viewer, dock, qtbot):
    before = state(viewer)
    qtbot.mouseClick(dock.form.magnifier_button, Qt.MouseButton.LeftButton)
    dock.see.tool.close()
    assert not dock.form.magnifier_button.isChecked()
    assert dock.see.tool is None
    assert_same(before, state(viewer))


def test_the_line_can_be_dragged_after_another_layer_was_selected(viewer, dock, qtbot):
    viewer.layers.selection.active = viewer.layers["bright"]
    before = state(viewer)
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    for name in ("dark", "truth LR", "bright"):
        viewer.layers.selection.active = viewer.layers[name]
        assert not camera(viewer).mouse_pan
    qtbot.mouseClick(dock.form.swipe_button, Qt.MouseButton.LeftButton)
    assert_same(before, state(viewer))
    viewer.layers.selection.active = viewer.layers["dark"]
    assert camera(viewer).mouse_pan


@pytest.mark.parametrize("tool", ["swipe_button", "side_button", "magnifier_button"])
def test_what_cannot_be_switched_on_is_said(viewer, dock, qtbot, tool):
    before = state(viewer)
    viewer.dims.ndisplay = 3
    qtbot.mouseClick(getattr(dock.form, tool), Qt.MouseButton.LeftButton)
    assert not getattr(dock.form, tool).isChecked()
    assert "in 2-D" in dock.form.status.text()
    viewer.dims.ndisplay = 2
    dock.form.right_box.select_name("dark")
    qtbot.mouseClick(getattr(dock.form, tool), Qt.MouseButton.LeftButton)
    assert not getattr(dock.form, tool).isChecked()
    assert "two different layers" in dock.form.status.text()
    assert_same(before, state(viewer))


def test_pictures_are_what_napari_draws(viewer, rng):
    stack = rng.normal(size=(4, 30, 40)).astype(np.float32)
    layer = viewer.add_image(stack, name="stack", colormap="viridis", gamma=0.7, contrast_limits=(-1, 1))
    viewer.dims.set_current_step(0, 2)
    plane = shown_plane(layer, viewer)
    np.testing.assert_array_equal(plane, stack[2])
    seen = picture(layer, viewer, grid_of(layer, viewer), (30, 40))
    expected = layer.colormap.map(np.clip((stack[2].ravel() + 1) / 2, 0, 1) ** 0.7)[:, :3].reshape(30, 40, 3) * 255
    assert np.abs(seen - expected).max() < 4
    colour = rng.integers(0, 255, (30, 40, 3)).astype(np.uint8)
    rgb = viewer.add_image(colour, rgb=True, metadata={METADATA_KEY: {}})
    np.testing.assert_array_equal(picture(rgb, viewer, grid_of(rgb, viewer), (30, 40)), colour)
    # a layer with fewer axes than the viewer has no place on the first ones
    np.testing.assert_array_equal(shown_plane(viewer.layers["dark"], viewer), viewer.layers["dark"].data)
    deep = viewer.add_image(colour.astype(np.uint16) * 257, rgb=True, name="16 bit")
    np.testing.assert_allclose(picture(deep, viewer, grid_of(deep, viewer), (30, 40)), colour, atol=1)


def test_the_plane_is_the_one_that_is_shown_whatever_the_planes_distance(viewer, rng):
    fine = viewer.add_image(rng.normal(size=(9, 30, 40)), name="fine", scale=(10, 4, 4), units="nm")
    coarse = viewer.add_image(rng.normal(size=(3, 30, 40)), name="coarse", scale=(30, 4, 4), units="nm")
    other = viewer.add_image(rng.normal(size=(3, 30, 40)), name="other", scale=(0.03, 0.004, 0.004), units="um")
    viewer.dims.set_point(0, 60)
    np.testing.assert_array_equal(shown_plane(fine, viewer), fine.data[6])
    np.testing.assert_array_equal(shown_plane(coarse, viewer), coarse.data[2])
    np.testing.assert_array_equal(shown_plane(other, viewer), other.data[2])
