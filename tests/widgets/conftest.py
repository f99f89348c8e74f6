from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import pytest
from napari._vispy import canvas
from small_models import make_model
from windowless import WindowlessViewer

from napari_sr.models.model import save
from napari_sr.models.store import user_folder


@pytest.fixture(scope="module", autouse=True)
def modules_are_not_searched():
    """Viewers are looked for among all objects after every test; those of the imported modules are left out of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def layers_go_without_a_search(monkeypatch):
    """napari collects garbage after every layer that is removed, for a driver of Windows: a tenth of these tests."""
    monkeypatch.setattr(canvas, "gc", SimpleNamespace(collect=lambda: 0))


@pytest.fixture
def make_viewer(request, qapp):
    """Makes viewers with a window where a test is marked ``window``, and without one elsewhere."""
    if request.node.get_closest_marker("window"):
        yield request.getfixturevalue("make_napari_viewer")
        return
    made = []

    def make():
        made.append(WindowlessViewer())
        return made[-1]

    yield make
    for viewer in made:
        viewer.window.close()
        viewer.layers.clear()


@pytest.fixture
def viewer(make_viewer):
    return make_viewer()


@pytest.fixture
def widget(viewer, qtbot, own_folders):
    """The Super-resolve widget with a small model to choose, its list filled."""
    save(make_model(), user_folder() / "small-wgan-x4.safetensors")
    # as the menu does it: napari then hands the widget a proxy of the viewer
    _, built = viewer.window.add_plugin_dock_widget("napari-sr", "Super-resolve")
    qtbot.waitUntil(lambda: built.job is None and built.form.model_box.card() is not None, timeout=60_000)
    assert built.choose_model("small-wgan-x4")
    yield built
    built.cancel()
    qtbot.waitUntil(lambda: built.job is None, timeout=60_000)
    gc.collect()


@pytest.fixture
def lr(rng):
    from scipy.ndimage import gaussian_filter

    return np.clip(128 + 500 * gaussian_filter(rng.normal(size=(60, 50)), 2), 0, 255).astype(np.uint8)
