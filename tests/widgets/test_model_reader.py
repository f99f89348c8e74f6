"""Model files that are opened in napari, or dropped on it."""

import pytest
from small_models import make_model

from napari_sr.errors import ModelError
from napari_sr.models.model import save
from napari_sr.widgets.model_reader import get_reader, open_model
from napari_sr.widgets.super_resolve.dock import SuperResolve

pytestmark = pytest.mark.window

MINUTE = 60_000


def dock_of(viewer):
    (dock,) = viewer.window._qt_window.findChildren(SuperResolve)
    return dock


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("a.safetensors", True),
        ("A.SAFETENSORS", True),
        (["a.safetensors", "b.safetensors"], True),
        (["a.safetensors", "image.tif"], False),
        ("image.tif", False),
        ([], False),
    ],
)
def test_only_model_files_are_taken(path, read):
    assert (get_reader(path) is open_model) == read


def test_a_model_that_is_opened_in_napari_is_chosen_in_super_resolve(viewer, qtbot, tmp_path):
    for name in ("first", "second"):
        save(make_model("rcan", 4), tmp_path / f"{name}.safetensors")
    assert viewer.open(str(tmp_path / "first.safetensors"), plugin="napari-sr") == []  # no layer
    dock = dock_of(viewer)
    first = dock.form.model_box
    qtbot.waitUntil(lambda: "was opened from first.safetensors" in dock.form.status.text(), timeout=MINUTE)
    assert first.card().network == "rcan"
    viewer.open(str(tmp_path / "second.safetensors"), plugin="napari-sr")
    assert dock_of(viewer) is dock  # the same one
    qtbot.waitUntil(lambda: "was opened from second.safetensors" in dock.form.status.text(), timeout=MINUTE)


def test_a_damaged_file_is_said_in_the_dock(viewer, qtbot, tmp_path):
    (tmp_path / "half.safetensors").write_bytes(b"no model")
    viewer.open(str(tmp_path / "half.safetensors"), plugin="napari-sr")
    dock = dock_of(viewer)
    qtbot.waitUntil(lambda: dock.form.status.tone == "error", timeout=MINUTE)
    assert "half.safetensors" in dock.form.status.text()


def test_without_a_viewer_it_says_so(monkeypatch):
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    with pytest.raises(ModelError, match="Super-resolve"):
        open_model("a.safetensors")
