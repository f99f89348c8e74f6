"""The combo box that shows its texts whole in the list, and cut with an ellipsis when closed."""

import pytest
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.widgets.controls.combo import Combo, short


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Area average (larger pixels)", "Area average"),
        ("cells", "cells"),
        ("image (1) of two", "image (1) of two"),  # not a remark at its end
        ("(all)", "(all)"),
        ("", ""),
    ],
)
def test_a_title_without_its_remark(text, expected):
    assert short(text) == expected


@pytest.mark.parametrize("width", [90, 160, 400])
def test_what_does_not_fit_ends_in_an_ellipsis_and_is_whole_in_the_list(width, qtbot):
    holder = QWidget()
    box = Combo()
    QVBoxLayout(holder).addWidget(box)
    qtbot.addWidget(holder)
    long = "A name that is longer than most windows are wide"
    box.addItems([long, "short"])
    box.setFixedWidth(width)
    holder.show()
    shown = box.shown_text()
    assert shown == long or (shown.endswith("…") and long.startswith(shown[:-1]))
    assert (shown == long) == (width == 400)
    assert box.fontMetrics().horizontalAdvance(shown) <= width
    assert not box.grab().isNull()  # it is painted with that text
    box.showPopup()
    assert box.view().minimumWidth() >= box.fontMetrics().horizontalAdvance(long)
    box.hidePopup()
    box.setCurrentIndex(1)
    assert box.shown_text() == "short"
