import threading

import pytest
import torch

from napari_sr.errors import ImageError, SRError
from napari_sr.widgets.base.job import Ended, Failed, Job, Stopped, unexpected
from napari_sr.widgets.super_resolve.dock import SuperResolve


def run(qtbot, make, **settings):
    events, ends = [], []
    job = Job(make, on_event=events.append, on_end=ends.append, **settings)
    job.start()
    qtbot.waitUntil(lambda: bool(ends), timeout=60_000)
    qtbot.wait(50)
    assert len(ends) == 1
    assert not job.running
    return events, ends[0]


def failing(error):
    def make():
        yield 1
        raise error

    return make


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "RuntimeError: mat1 and mat2"),
        (torch.OutOfMemoryError("CUDA out of memory"), "CUDA out of memory"),
        (SRError("Choose another model."), "Choose another model."),
        (MemoryError(), "memory is full"),
        (ZeroDivisionError("x"), "ZeroDivisionError"),
    ],
)
def test_every_error_reaches_the_user(error, message, qtbot):
    """RuntimeErrors too, which superqt's own worker swallows."""
    _, end = run(qtbot, failing(error))
    assert isinstance(end, Failed)
    assert message in end.message


def test_an_error_before_the_first_event(qtbot):
    def make():
        raise RuntimeError("at once")

    assert "at once" in run(qtbot, make)[1].message


def test_the_last_event_is_never_dropped(qtbot):
    events, end = run(qtbot, lambda: iter_numbers(10_000))
    assert isinstance(end, Ended)
    assert events[-1] == 9_999
    assert len(events) < 5_000


def iter_numbers(count):
    yield from range(count)


def test_kept_events_all_arrive(qtbot):
    events, _ = run(qtbot, lambda: iter_numbers(2_000), keep=lambda e: e % 100 == 0)
    assert set(range(0, 2_000, 100)) <= set(events)


def test_cancel_closes_the_generator_in_its_thread(qtbot):
    closed = threading.Event()

    def make():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    ends = []
    job = Job(make, on_event=lambda e: None, on_end=ends.append)
    job.start()
    qtbot.wait(100)
    job.cancel()
    qtbot.waitUntil(lambda: bool(ends), timeout=60_000)
    assert isinstance(ends[0], Stopped)
    assert closed.is_set()


def test_the_windows_loading_error_is_explained():
    error = OSError("DLL initialization failed")
    error.winerror = 1114
    assert "import torch, napari" in unexpected(error)


def test_a_failure_that_no_widget_shows_is_logged(viewer, qtbot, caplog):
    widget = SuperResolve(viewer)
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)

    def refuse():
        raise ImageError("no such image")
        yield

    def break_down():
        raise RuntimeError("a fault in the code")
        yield

    widget.start_side_job(refuse, print)
    widget.start_side_job(break_down, print)
    ended = []
    widget.start_side_job(refuse, print, ended.append)  # shown by the widget
    qtbot.waitUntil(lambda: not widget.side_jobs, timeout=60_000)
    assert caplog.text.count("no such image") == 1
    assert "RuntimeError: a fault in the code" in caplog.text
    assert ended == [Failed("no such image")]
