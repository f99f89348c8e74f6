"""What holds for every dock widget: readable in both themes, explained, scrolling."""

import itertools

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QWidget,
)
from superqt import QCollapsible

from napari_sr.widgets.base.colours import ON_DARK, ON_LIGHT, colours, contrast, ground, text_colour
from napari_sr.widgets.base.dock import ROW
from napari_sr.widgets.base.messages import MessageLabel
from napari_sr.widgets.base.sections import VerticalArea

pytestmark = pytest.mark.window

DOCKS = ["Super-resolve", "Simulate low resolution", "Train", "Compare", "Models"]
CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


def opened(viewer, qtbot, title):
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", title)
    qtbot.waitUntil(lambda: widget.job is None and not widget.side_jobs, timeout=60_000)
    return widget


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_can_be_read_in_both_themes(theme):
    """At least 4.5 : 1 (WCAG 2.1, level AA)."""
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the textbook's example
    assert colours(theme) is (ON_DARK if theme == "dark" else ON_LIGHT)
    for said, colour in {**colours(theme), "text": text_colour(theme)}.items():
        assert contrast(colour, ground(theme)) >= 4.5, said


def test_a_message_follows_the_theme(viewer, qtbot):
    widget = opened(viewer, qtbot, "Super-resolve")
    widget.say("wrong", "error")
    assert ON_DARK["error"] in widget.form.status.styleSheet()
    viewer.theme = "light"
    qtbot.waitUntil(lambda: ON_LIGHT["error"] in widget.form.status.styleSheet(), timeout=60_000)
    viewer.theme = "dark"
    qtbot.waitUntil(lambda: ON_DARK["error"] in widget.form.status.styleSheet(), timeout=60_000)


def is_part(control):
    """Return True for what belongs to another control, which is explained as a whole."""
    parent = control.parent()
    whole = (QAbstractSpinBox, QComboBox, QCollapsible)
    return isinstance(control, QScrollBar) or isinstance(parent, whole) or control.objectName().startswith("qt_")


@pytest.mark.parametrize("title", DOCKS)
def test_every_control_is_explained(title, viewer, qtbot):
    widget = opened(viewer, qtbot, title)
    controls = [c for kind in CONTROLS for c in widget.findChildren(kind) if not is_part(c)]
    assert len(controls) > 4
    unexplained = [
        f"{type(c).__name__} {getattr(c, 'text', lambda: '')()} in {type(c.parent()).__name__}"
        for c in controls
        if not c.toolTip() and not c.parent().toolTip()
    ]
    assert "\n".join(sorted(set(unexplained))) == ""


@pytest.mark.parametrize("title", DOCKS)
def test_every_dock_scrolls_and_fits_into_a_small_window(title, viewer, qtbot):
    widget = opened(viewer, qtbot, title)
    area = widget.findChildren(VerticalArea)[0]
    assert area.widget().isAncestorOf(widget.findChildren(QPushButton)[0])
    assert widget.minimumSizeHint().height() < 500
    assert widget.minimumSizeHint().width() <= 320


@pytest.mark.parametrize("title", DOCKS)
def test_no_sentence_stands_where_it_gets_no_room(title, viewer, qtbot):
    """A label that asks for no width gets none as the field of a form."""
    widget = opened(viewer, qtbot, title)
    forms = [layout for w in widget.findChildren(QWidget) for layout in w.findChildren(QFormLayout)]
    fields = [
        form.itemAt(row, QFormLayout.ItemRole.FieldRole).widget()
        for form in forms
        for row in range(form.rowCount())
        if form.itemAt(row, QFormLayout.ItemRole.FieldRole) is not None
    ]
    assert fields
    assert [f for f in fields if isinstance(f, MessageLabel)] == []


def test_two_docks_share_one_place_as_tabs(viewer, qtbot):
    first, second = (opened(viewer, qtbot, title) for title in ("Super-resolve", "Compare"))
    window = viewer.window._qt_window
    window.show()
    QApplication.processEvents()

    def dock(widget):
        parent = widget
        while not isinstance(parent, QDockWidget):
            parent = parent.parent()
        return parent

    qtbot.waitUntil(lambda: dock(second) in window.tabifiedDockWidgets(dock(first)), timeout=60_000)
    window.hide()


def test_enter_presses_a_button_as_space_does(viewer, qtbot):
    widget = opened(viewer, qtbot, "Super-resolve")
    viewer.window._qt_window.show()
    button = widget.form.card_button
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Return)
    assert widget.dialog.isVisible()
    widget.dialog.close()
    viewer.window._qt_window.hide()


def test_a_message_is_no_window_of_its_own(qtbot):
    label = MessageLabel()
    qtbot.addWidget(label)
    label.say("something")
    assert not label.isVisible()


@pytest.mark.parametrize("title", DOCKS)
def test_the_keys_reach_every_control_in_the_order_in_which_they_are_read(title, viewer, qtbot):
    """Tab goes down the dock, row by row, to everything that can be used and to nothing else; Shift+Tab goes back."""
    widget = opened(viewer, qtbot, title)
    usable = {c for kind in CONTROLS for c in widget.findChildren(kind) if c.isVisibleTo(widget) and c.isEnabled()}
    usable = {c for c in usable if not is_part(c) and c.focusPolicy() & Qt.FocusPolicy.TabFocus}
    order = widget.tab_order()
    assert usable <= set(order)
    order[0].setFocus()
    visited = [widget.focusWidget()]
    for _ in order[1:]:
        assert widget.focusNextPrevChild(True)
        visited.append(widget.focusWidget())
    assert visited == order
    tops = [c.mapTo(widget, c.rect().center()) for c in visited]
    for one, other in itertools.pairwise(tops):
        assert other.y() > one.y() - ROW  # never up, but for what stands in one row
    assert widget.focusNextPrevChild(False)
    assert widget.focusWidget() is order[-2]


def test_the_control_with_the_keys_has_a_frame_that_is_seen_in_both_themes(viewer, qtbot):
    widget = opened(viewer, qtbot, "Super-resolve")
    for theme, expected in (("dark", ON_DARK), ("light", ON_LIGHT)):
        viewer.theme = theme
        qtbot.waitUntil(lambda expected=expected: expected["link"] in widget.styleSheet(), timeout=60_000)
        assert contrast(expected["link"], ground(theme)) >= 3  # WCAG 2.1, 1.4.11
    viewer.theme = "dark"
