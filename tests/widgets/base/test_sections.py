"""Folding panels, with text that is wrapped."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets.base.sections import VerticalArea, section


@pytest.fixture
def panel(qtbot):
    """A low and narrow panel with two sections of long texts."""
    content = QWidget()
    layout = QVBoxLayout(content)
    sections = []
    for _ in range(2):
        inside = QVBoxLayout()
        for words in (10, 40, 80):
            label = QLabel("word " * words)
            label.setWordWrap(True)
            inside.addWidget(label)
        inside.addWidget(QPushButton("button"))
        sections.append(section("title", inside))
        layout.addWidget(sections[-1])
    layout.addStretch(1)
    area = VerticalArea(content)
    qtbot.addWidget(area)
    area.resize(240, 300)
    area.show()
    qtbot.waitExposed(area)
    qtbot.wait(50)
    return area, sections


def assert_readable(area):
    for label in area.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width())


def test_wrapped_text_is_never_squeezed(panel, qtbot):
    area, sections = panel
    assert_readable(area)
    area.resize(200, 300)
    qtbot.wait(50)
    assert_readable(area)
    # a text that grows takes its place
    label = sections[0].findChildren(QLabel)[0]
    label.setText("more words " * 60)
    qtbot.wait(50)
    assert_readable(area)


def test_a_click_folds_and_unfolds(panel, qtbot):
    area, sections = panel
    button = sections[0].findChild(QPushButton)  # the title
    height = area.widget().height()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.wait(50)
    assert not sections[0].isExpanded()
    assert area.widget().height() < height
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.wait(50)
    assert sections[0].isExpanded()
    assert_readable(area)
