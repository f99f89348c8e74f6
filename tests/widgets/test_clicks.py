"""From an empty viewer to the first true SSIM map: with the menus that a person uses, and the clicks counted."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_sr.widgets.layers.maps import is_map
from napari_sr.widgets.super_resolve.dock import SuperResolve

pytestmark = pytest.mark.window

MINUTE = 60_000


class Mouse:
    """Counts clicks: on a menu of the menu bar and on an entry. Menus inside menus open when the mouse is over them."""

    def __init__(self, window):
        self.window, self.clicks, self.levels = window, 0, 0

    def choose(self, *titles):
        actions = self.window.menuBar().actions()
        for title in titles:
            entry = next(a for a in actions if a.text().replace("&", "").startswith(title))
            self.levels += 1
            menu = entry.menu()
            if menu is None:
                entry.trigger()
            else:
                menu.aboutToShow.emit()  # napari fills it then
                actions = menu.actions()
        self.clicks += 2

    def press(self, qtbot, button):
        assert button.isEnabled()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.clicks += 1
        self.levels += 1


def test_an_ssim_map_in_five_clicks(viewer, qtbot):
    mouse = Mouse(viewer.window._qt_window)
    mouse.choose("File", "Open Sample", "Super-resolution", "EM phantom")
    assert len(viewer.layers) == 2
    mouse.choose("Plugins", "Super-resolution", "Super-resolve")
    (dock,) = viewer.window._qt_window.findChildren(SuperResolve)
    qtbot.waitUntil(lambda: not dock.busy and dock.form.model_box.card() is not None, timeout=MINUTE)
    mouse.press(qtbot, dock.form.run_button)
    qtbot.waitUntil(lambda: not dock.busy, timeout=MINUTE)
    QApplication.processEvents()
    (seen,) = [layer for layer in viewer.layers if is_map(layer) and layer.visible]
    assert seen.name.startswith("SSIM map")
    assert seen.colorbar.visible
    assert mouse.clicks == 5
    assert mouse.levels == 8  # who clicks on every menu inside a menu, too
