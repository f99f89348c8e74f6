"""What is said of tiles: no Qt."""

import subprocess
import sys

import pytest

from napari_sr.inference.lazy.tile_worker import COMPUTING, LOADING, MEASURING, Seen
from napari_sr.widgets.super_resolve.tiles_text import tiles_text


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Seen(0, 0), ""),
        (Seen(0, 20, LOADING), "Loading the model …"),
        (Seen(0, 20, MEASURING), "Measuring the whole plane first …"),
        (Seen(12, 20, COMPUTING), "12 of 20 tiles in view …"),
        (Seen(12, 20), "12 of 20 tiles in view."),
        (Seen(0, 1, COMPUTING), "0 of 1 tile in view …"),
        (Seen(20, 20, COMPUTING), "All 20 tiles in view are there."),
        (Seen(1, 1), "The tile in view is there."),
    ],
)
def test_how_far_it_is(seen, said):
    assert tiles_text(seen) == said


def test_it_needs_neither_qt_nor_torch():
    code = (
        "import sys, napari_sr.widgets.super_resolve.tiles_text, napari_sr.inference.lazy.lazy_image\n"
        "print([m for m in ('qtpy', 'napari', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
