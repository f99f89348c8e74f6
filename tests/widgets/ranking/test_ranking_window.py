"""Blind ranking: real mouse and key events, and what a rater can see."""

import csv

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from scipy.ndimage import gaussian_filter

from napari_sr.evaluation.ranking.session import REFERENCE, Answer, Question, Session
from napari_sr.widgets.ranking.cards import LINE, at_one_contrast, places
from napari_sr.widgets.ranking.section import CHOSEN
from napari_sr.widgets.ranking.window import RankingWindow

METHODS = ("bicubic", "em-dfcan-x4", "em-wgan-x4")
MINUTE = 60_000


@pytest.fixture
def session(tmp_path, rng):
    questions = [Question("cells", 0, 0, 0, 32) for _ in range(3)]
    pictures = {(n, name): rng.uniform(0, 200, size=(32, 32)) for n in range(3) for name in (REFERENCE, *METHODS)}
    return Session.create(tmp_path / "ranking", methods=METHODS, questions=questions, pictures=pictures)


@pytest.fixture
def window(session, qtbot):
    made = RankingWindow(session)
    made.pause = 0
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def begin(qtbot, window, name="Ada"):
    qtbot.keyClicks(window.name_edit, name)
    click(qtbot, window.start_button)


def mouse(cards, kind, at, buttons=Qt.MouseButton.LeftButton):
    point = QPointF(at)
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
    event = QMouseEvent(kind, point, cards.mapToGlobal(point), button, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(cards, event)


def drag(cards, old, new):
    start, end = (cards.cells()[n + 1].center() for n in (old, new))
    mouse(cards, QEvent.Type.MouseButtonPress, start)
    for share in (0.2, 0.6, 1.0):
        mouse(cards, QEvent.Type.MouseMove, start + (end - start) * share)
    mouse(cards, QEvent.Type.MouseButtonRelease, end)


def test_pictures_are_dragged_into_order_and_saved_at_once(qtbot, window, session):
    begin(qtbot, window)
    shown = session.shown("Ada", 0)
    assert window.cards.order == [0, 1, 2]
    drag(window.cards, 2, 0)
    assert window.cards.order == [2, 0, 1]
    click(qtbot, window.next_button)
    assert session.of("Ada")[0].order == (shown[2], shown[0], shown[1])
    assert "patch 2 of 3" in window.progress.format()
    # a click without a drag changes nothing
    mouse(window.cards, QEvent.Type.MouseButtonPress, window.cards.cells()[2].center())
    mouse(window.cards, QEvent.Type.MouseButtonRelease, window.cards.cells()[2].center())
    assert window.cards.order == [0, 1, 2]


def test_with_the_keys_alone(qtbot, window, session):
    qtbot.keyClicks(window.name_edit, "Ada")
    qtbot.keyClick(window.name_edit, Qt.Key.Key_Return)
    cards = window.cards
    shown = session.shown("Ada", 0)
    qtbot.keyClick(cards, Qt.Key.Key_Right)
    qtbot.keyClick(cards, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(cards, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)  # it is the last one already
    assert cards.order == [0, 2, 1]
    qtbot.keyClick(cards, Qt.Key.Key_Return)
    assert session.of("Ada")[0].order == (shown[0], shown[2], shown[1])
    assert window.question == 1


def test_a_ranking_goes_on_where_it_was_left_and_answers_can_be_changed(qtbot, window, session):
    session.answer(Answer("Ada", 0, METHODS))
    begin(qtbot, window)
    assert "Welcome back: 1 of 3" in window.status.text()
    assert window.question == 1
    click(qtbot, window.back_button)
    shown = session.shown("Ada", 0)
    assert tuple(shown[n] for n in window.cards.order) == METHODS
    drag(window.cards, 0, 2)
    click(qtbot, window.next_button)
    assert session.of("Ada")[0].order == (METHODS[1], METHODS[2], METHODS[0])


def test_the_end_tells_names_only_when_asked_and_another_person_begins(qtbot, window, session, tmp_path):
    begin(qtbot, window)
    for _ in range(3):
        click(qtbot, window.next_button)
    assert window.pages.currentIndex() == 2
    assert window.result.text() == ""
    click(qtbot, window.show_button)
    assert "mean rank" in window.result.text()
    assert "em-wgan-x4" in window.result.text()
    window.save(tmp_path / "ranking.csv")
    with (tmp_path / "ranking.csv").open() as file:
        assert len(list(csv.reader(file))) == 4
    window.save(tmp_path / "no" / "ranking.csv")
    assert "could not be written" in window.status.text()
    click(qtbot, window.again_button)
    assert window.result.text() == ""
    begin(qtbot, window, "Bob")
    assert window.question == 0


def test_a_second_click_and_a_held_key_answer_nothing(qtbot, window, session):
    window.pause = 60_000
    begin(qtbot, window)
    click(qtbot, window.next_button)
    assert session.of("Ada") == {}
    window.pause = 0
    held = QKeyEvent(
        QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "", autorep=True
    )  # fmt: skip
    QApplication.sendEvent(window.cards, held)
    assert session.of("Ada") == {}
    click(qtbot, window.next_button)
    assert set(session.of("Ada")) == {0}


def test_nothing_that_a_rater_sees_names_a_method(qtbot, window):
    begin(qtbot, window)
    seen = [w.windowTitle() + w.objectName() + w.toolTip() + w.accessibleName() for w in window.findChildren(QWidget)]
    seen += [w.text() for kind in (QLabel, QPushButton) for w in window.findChildren(kind)]
    assert not any(method in text for text in [*seen, window.windowTitle()] for method in METHODS)


def test_what_goes_wrong_is_said(qtbot, window, session, monkeypatch):
    click(qtbot, window.start_button)
    assert "Type a name first" in window.status.text()
    begin(qtbot, window)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_sr.evaluation.ranking.session.os.replace", full)
    click(qtbot, window.next_button)
    assert "could not be saved" in window.status.text()
    assert "No space left" in window.status.text()
    assert window.question == 0  # the order is still there


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("size", [(1600, 1000), (900, 600), (420, 260)])
def test_all_pictures_fit_on_the_screen_without_overlap(count, size):
    cells, zoom = places(count + 1, 128, *size)
    screen = QRect(QPoint(0, 0), QPoint(size[0] - 1, size[1] - 1))
    for n, cell in enumerate(cells):
        assert screen.contains(cell.adjusted(0, 0, 0, LINE))
        assert not any(cell.intersects(other) for other in cells[:n])
    if size == (1600, 1000):
        assert zoom >= 2
        assert zoom == int(zoom)  # at full resolution, nothing smoothed


def test_all_pictures_have_the_references_contrast(rng):
    reference = rng.uniform(10, 20, size=(50, 50))
    truth, (same, brighter) = at_one_contrast(reference, [reference, reference + 5])
    np.testing.assert_array_equal(truth, same)
    low, high = np.percentile(reference, (0.1, 99.9))
    expected = np.clip((reference + 5 - low) / (high - low), 0, 1) * 255
    assert np.abs(brighter - expected).max() <= 0.5 + 1e-9
    assert np.ptp(at_one_contrast(np.full((4, 4), 3.0), [])[0]) == 0


def test_from_layers_to_a_ranking_and_back_again(make_viewer, qtbot, tmp_path, rng):
    viewer = make_viewer()
    hr = (128 + 300 * gaussian_filter(rng.normal(size=(200, 240)), 2)).astype(np.float32)
    viewer.add_image(hr, name="truth", scale=(4, 4), units="nm")
    viewer.add_image(hr[2::4, 2::4], name="truth LR", scale=(16, 16), translate=(6, 6), units="nm")
    viewer.add_image(hr + rng.normal(0, 9, hr.shape), name="truth LR [x]", scale=(4, 4), units="nm")
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    section = dock.ranking
    dock.form.blind_section.expand(animate=False)
    dock.form.reference_box.select_name("truth")
    section.count_box.setValue(3)
    section.side_box.setValue(64)
    section.create_in(tmp_path)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)
    assert section.window_ is not None
    session = section.window_.session
    assert session.folder == tmp_path / "ranking"
    assert set(session.methods) == {"truth LR", "truth LR [x]"}
    q = session.questions[0]
    cut = hr[q.row : q.row + 64, q.column : q.column + 64]
    np.testing.assert_allclose(session.picture(0, REFERENCE), cut, rtol=1e-6)
    # once more: the first one stays
    section.where_box.setCurrentText(CHOSEN)
    section.create_in(tmp_path)
    assert "no Shapes layer" in dock.form.status.text()
    viewer.add_shapes([np.array([[20, 20], [20, 60], [60, 60], [60, 20]]) * 4.0], shape_type="rectangle")
    section.create_in(tmp_path)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)
    assert section.window_.session.folder == tmp_path / "ranking-2"
    assert len(section.window_.session.questions) == 1
    section.open(tmp_path / "ranking")
    assert section.window_.session.folder == tmp_path / "ranking"
    section.open(tmp_path)
    assert "holds no blind ranking" in dock.form.status.text()
    section.side_box.setValue(1024)
    section.create_in(tmp_path)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)
    assert "too small for patches of 1024" in dock.form.status.text() or "shape" in dock.form.status.text()
    dock.form.candidates.tick(viewer.layers["truth LR"], False)
    section.create_in(tmp_path)
    assert "at least two ticked images" in dock.form.status.text()
