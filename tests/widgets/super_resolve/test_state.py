"""What follows from what was chosen: no Qt."""

import subprocess
import sys

import pytest
from small_models import make_model

from napari_sr.widgets.super_resolve.state import NO_IMAGE, Choices, resolve

CARD = make_model().card  # ×4


def test_nothing_can_be_run_without_an_image_or_a_model_and_it_is_said():
    nothing = resolve(Choices())
    assert not any([nothing.can_run, nothing.can_cancel, nothing.can_show_card, nothing.can_run_folder])
    assert nothing.can_open
    assert nothing.hint == NO_IMAGE
    assert not resolve(Choices(image="cells")).can_run
    ready = resolve(Choices(image="cells", card=CARD))
    assert ready.can_run
    assert ready.can_run_folder
    assert ready.hint == ""


def test_while_something_runs_it_can_only_be_cancelled_and_only_once():
    running = resolve(Choices(image="cells", card=CARD, running=True, result=True))
    assert not any([running.can_run, running.can_open, running.can_run_folder, running.shows_result])
    assert running.can_cancel
    assert not resolve(Choices(image="cells", card=CARD, running=True, stopping=True)).can_cancel


@pytest.mark.parametrize(
    ("megapixels", "rate", "said"),
    [
        (0.01, None, "Takes a moment."),
        (4.0, None, ""),  # not measured yet
        (4.0, 1000.0, "Takes a moment."),
        (4.0, 6.4, "Takes about 10 s here."),
        (600.0, 8.0, "Takes about 20 min here."),
    ],
)
def test_the_time_is_told_before_the_run(megapixels, rate, said):
    assert resolve(Choices(image="cells", card=CARD, megapixels=megapixels, rate=rate)).expected == said


def test_a_labels_layer_is_explained():
    state = resolve(Choices(image="cells", card=CARD, selected_labels="nuclei"))
    assert "nuclei is a Labels layer" in state.hint
    assert "Convert to Image" in state.hint
    assert state.can_run  # on the image that is chosen


def test_it_needs_no_qt():
    code = (
        "import sys, napari_sr.widgets.super_resolve.state\nprint([m for m in ('qtpy', 'napari') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
