from __future__ import annotations

import gc
import threading

import pytest
from qtpy.QtCore import QObject

from napari_sr.errors import SRError
from napari_sr.widgets.base.latest import Latest

MINUTE = 60_000


@pytest.fixture
def told():
    return []


@pytest.fixture
def owner(qapp):
    return QObject()


@pytest.fixture
def latest(owner, told):
    return Latest(owner, told.append, lambda message: told.append(f"failed: {message}"))


def test_of_what_is_asked_for_meanwhile_only_the_last_is_computed(latest, told, qtbot):
    gate = threading.Event()
    latest.ask(lambda: gate.wait(30) and "first")
    for text in ("second", "third"):
        latest.ask(lambda text=text: text)
    assert latest.busy
    gate.set()
    qtbot.waitUntil(lambda: not latest.busy, timeout=MINUTE)
    assert told == ["first", "third"]


def test_what_is_forgotten_is_not_told_but_what_is_asked_for_after_it_is(latest, told, qtbot):
    gate = threading.Event()
    latest.ask(lambda: gate.wait(30) and "first")
    latest.forget()
    latest.ask(lambda: "second")
    gate.set()
    qtbot.waitUntil(lambda: not latest.busy, timeout=MINUTE)
    assert told == ["second"]


def test_a_failure_is_told_and_does_not_end_it(latest, told, qtbot):
    def fail():
        raise SRError("too small")

    latest.ask(fail)
    qtbot.waitUntil(lambda: not latest.busy, timeout=MINUTE)
    latest.ask(lambda: "after")
    qtbot.waitUntil(lambda: not latest.busy, timeout=MINUTE)
    assert told == ["failed: too small", "after"]


def test_an_owner_that_is_gone_is_told_nothing(latest, owner, told, qtbot):
    gate = threading.Event()
    latest.ask(lambda: gate.wait(30) and "late")
    latest.ask(lambda: "later")
    owner.deleteLater()
    qtbot.wait(10)
    gc.collect()
    gate.set()
    qtbot.waitUntil(lambda: not latest.busy, timeout=MINUTE)
    qtbot.wait(50)
    assert told == []
