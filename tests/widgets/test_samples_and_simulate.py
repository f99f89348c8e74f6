import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QProgressDialog

from napari_sr.degradations import degrade
from napari_sr.images import downloads
from napari_sr.images.samples import SAMPLES
from napari_sr.widgets import samples as sample_widgets
from napari_sr.widgets.base.messages import WARNING
from napari_sr.widgets.layers.parentage import truth_of
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.simulate import SimulateLowResolution
from napari_sr.widgets.super_resolve.dock import SuperResolve

SHIPPED = [n for n in SAMPLES if SAMPLES[n].remote is None]


@pytest.mark.window
@pytest.mark.parametrize("name", SHIPPED)
def test_samples_open_as_aligned_lr_and_hidden_hr(name, viewer):
    viewer.open_sample("napari-sr", name)
    hr, lr = viewer.layers
    assert not hr.visible
    assert lr.visible
    assert viewer.layers.selection.active is lr
    assert lr.metadata[METADATA_KEY]["reference"] == hr.name
    scale = hr.data.shape[-1] / lr.data.shape[-1]
    for point in ((0, 0), (10, 3)):
        lead = (0,) * (lr.ndim - 2)
        fine = [scale * p + (scale - 1) / 2 for p in point]
        np.testing.assert_allclose(hr.data_to_world(lead + tuple(fine)), lr.data_to_world(lead + point), atol=1e-6)
    unit = str(lr.units[-1])
    assert unit == ("nanometer" if name.startswith("em") else "megaparsec_per_h")


@pytest.mark.window
def test_densities_are_shown_logarithmically_and_kept_as_they_are(viewer):
    viewer.open_sample("napari-sr", "nbody")
    hr = viewer.layers[0]
    assert hr.data.min() >= 0
    assert hr.data.max() > 20
    # the colour of a density is the plain map's colour at the logarithm's share of the range
    from napari.utils.colormaps import ensure_colormap

    high = hr.contrast_limits[1]
    density = np.array([0.05, 0.5, 1, 5, high / 2])
    x = (density / high) ** hr.gamma
    share = (np.log10(density + 0.02) - np.log10(0.02)) / (np.log10(high + 0.02) - np.log10(0.02))
    np.testing.assert_allclose(hr.colormap.map(x), ensure_colormap("magma").map(share), atol=0.02)


@pytest.mark.window
def test_the_first_click_on_a_sample_shows_something_true(viewer, qtbot):
    viewer.open_sample("napari-sr", "em-phantom")
    widget = SuperResolve(viewer)
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: widget.job is None and widget.form.model_box.card() is not None, timeout=60_000)
    assert widget.form.layer_box.currentText().endswith("LR")
    assert widget.form.reference_box.currentText().endswith("HR")
    widget.choose_model("bicubic-x4")
    widget.form.run_button.click()
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)
    np.testing.assert_allclose(viewer.layers[-1].extent.world, viewer.layers[0].extent.world, atol=1e-6)
    assert "PSNR" in widget.form.status.text()


@pytest.mark.window
@pytest.mark.parametrize("title", ["Super-resolve", "Simulate low resolution"])
def test_a_sample_opened_beside_an_open_widget_is_chosen(title, viewer, qtbot):
    # napari hands plugins a proxy of the viewer, whose layers are never the same object twice
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", title)
    qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    for name in ("em-phantom", "nbody"):
        viewer.layers.clear()
        viewer.open_sample("napari-sr", name)
        hr, lr = viewer.layers
        form = getattr(widget, "form", widget)
        assert form.layer_box.layer() is lr
        if title == "Super-resolve":
            assert form.reference_box.layer() is hr
        viewer.layers.selection.active = hr
        assert form.layer_box.layer() is hr


@pytest.fixture
def slow_server(monkeypatch):
    """A download that waits between blocks, and can be told to fail."""
    import time

    behaviour = {"error": None, "blocks": 20}

    def fetch(file, *, on_progress=lambda d, t: None, cancelled=lambda: False):
        for block in range(behaviour["blocks"]):
            if cancelled():
                raise downloads.Cancelled("cancelled")
            time.sleep(0.02)
            on_progress(block, behaviour["blocks"])
        if behaviour["error"]:
            raise behaviour["error"]
        path = downloads.cache_folder() / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        from skimage.io import imsave

        imsave(path, np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8), check_contrast=False)
        return path

    monkeypatch.setattr(downloads, "fetch", fetch)
    from napari_sr.images import samples

    monkeypatch.setattr(samples, "fetch", lambda file: downloads.cache_folder() / file.name)
    return behaviour


@pytest.mark.window
def test_a_download_runs_beside_the_window_and_then_adds_the_layers(viewer, qtbot, slow_server):
    viewer.open_sample("napari-sr", "em-fly")
    assert [layer.name for layer in viewer.layers] == ["Downloading EM slice (fly brain, FIB-SEM) …"]
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=60_000)
    qtbot.waitUntil(lambda: not sample_widgets.JOBS, timeout=60_000)
    assert viewer.layers[1].metadata[METADATA_KEY]["reference"] == viewer.layers[0].name


@pytest.mark.window
def test_a_download_can_be_cancelled(viewer, qtbot, slow_server):
    slow_server["blocks"] = 10_000
    viewer.open_sample("napari-sr", "em-nerve-cord")
    (job,) = sample_widgets.JOBS.values()
    qtbot.wait(100)
    job.cancel()
    qtbot.waitUntil(lambda: not sample_widgets.JOBS, timeout=60_000)
    assert len(viewer.layers) == 0


@pytest.mark.window
def test_a_sample_that_is_asked_for_twice_comes_once(viewer, qtbot, slow_server):
    for _ in range(2):
        viewer.open_sample("napari-sr", "em-fly")
    assert len(sample_widgets.JOBS) == 1
    assert len(viewer.layers) == 2
    qtbot.waitUntil(lambda: not sample_widgets.JOBS, timeout=60_000)
    assert not [layer for layer in viewer.layers if "Downloading" in layer.name]
    assert len(viewer.layers) == 2  # HR and LR


@pytest.mark.window
def test_a_download_whose_window_goes_is_given_up(viewer, qtbot, slow_server):
    slow_server["blocks"] = 10_000
    viewer.open_sample("napari-sr", "em-nerve-cord")
    (job,) = sample_widgets.JOBS.values()
    (dialog,) = viewer.window._qt_window.findChildren(QProgressDialog)
    dialog.setParent(None)
    dialog.deleteLater()
    qtbot.waitUntil(lambda: not sample_widgets.JOBS, timeout=60_000)
    assert job.cancelled


@pytest.mark.window
def test_a_failed_download_is_shown_in_full(viewer, qtbot, slow_server):
    slow_server["error"] = downloads.DownloadError("example.org could not be reached")
    viewer.open_sample("napari-sr", "em-fly")
    qtbot.waitUntil(lambda: not sample_widgets.JOBS, timeout=60_000)
    (box,) = viewer.window._qt_window.findChildren(QMessageBox)
    assert "EM slice (fly brain, FIB-SEM)" in box.text()
    assert box.informativeText() == "example.org could not be reached"
    assert box.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    window = viewer.window._qt_window
    box.close()
    del box
    qtbot.waitUntil(lambda: not window.findChildren(QMessageBox), timeout=60_000)


@pytest.mark.parametrize("shape", [(64, 60), (2, 64, 60), (64, 60, 3)])
def test_simulated_low_resolution_lies_under_its_original(shape, viewer, qtbot, rng):
    hr = rng.integers(0, 255, shape).astype(np.uint8)
    rgb = shape[-1] == 3
    layer = viewer.add_image(hr, name="mine", scale=(2,) * (2 if rgb else len(shape)), rgb=rgb)
    widget = SimulateLowResolution(viewer)
    qtbot.addWidget(widget)
    widget.preset_box.setCurrentIndex(widget.preset_box.findData("area"))
    widget.run_button.click()
    assert not widget.run_button.isEnabled()
    qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    lr = viewer.layers[-1]
    assert lr.name == "mine [LR ÷4]"
    first = hr[..., 0] if rgb else hr.reshape(-1, 64, 60)[0]
    got = lr.data[..., 0] if rgb else lr.data.reshape(-1, 16, 15)[0]
    np.testing.assert_allclose(got, np.rint(degrade(first, "area", 4)), atol=0)
    lead = (0,) * (layer.ndim - 2)
    np.testing.assert_allclose(lr.data_to_world((*lead, 3, 5)), layer.data_to_world((*lead, 13.5, 21.5)))
    assert not layer.visible
    assert lr.metadata[METADATA_KEY]["reference"] == "mine"
    layer.name = "renamed"
    viewer.add_image(hr, name="mine", rgb=rgb)
    assert truth_of(lr, viewer.layers) is layer


def test_pixels_that_are_lost_in_simulating_are_counted(viewer, qtbot):
    hr = np.arange(64 * 60, dtype=np.float32).reshape(64, 60)
    hr[3:5, 7] = np.nan
    viewer.add_image(hr, name="mine", contrast_limits=(0, 4000))
    widget = SimulateLowResolution(viewer)
    qtbot.addWidget(widget)
    widget.preset_box.setCurrentIndex(widget.preset_box.findData("area"))
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    assert "2 of its pixels have no value" in widget.status.text()
    assert widget.status.tone == WARNING
    assert np.isnan(viewer.layers[-1].data).sum() == 2


def test_simulating_can_be_cancelled(viewer, qtbot, monkeypatch):
    import threading

    from napari_sr.images import simulate

    going_on = threading.Event()

    def slow(*args, **kwargs):
        for plane in range(1, 10_000):
            going_on.wait(0.01)
            yield plane / 10_000

    monkeypatch.setattr(simulate, "iter_degraded", slow)
    viewer.add_image(np.zeros((64, 64), np.uint8))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Simulate low resolution")
    assert not widget.cancel_button.isEnabled()
    qtbot.mouseClick(widget.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "%" in widget.status.text(), timeout=60_000)
    qtbot.mouseClick(widget.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    assert "Nothing was added" in widget.status.text()
    assert len(viewer.layers) == 1
    assert widget.run_button.isEnabled()


@pytest.mark.window
def test_taking_the_widget_out_of_the_window_stops_simulating(viewer, qtbot, monkeypatch):
    import time

    from napari_sr.images import simulate

    def slow(*args, **kwargs):
        for plane in range(1, 10_000):
            time.sleep(0.01)
            yield plane / 10_000

    monkeypatch.setattr(simulate, "iter_degraded", slow)
    viewer.add_image(np.zeros((64, 64), np.uint8))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Simulate low resolution")
    widget.run()
    job = widget.job
    viewer.window.remove_dock_widget(widget)
    assert job.cancelled
    qtbot.waitUntil(lambda: not job.running, timeout=60_000)
    assert len(viewer.layers) == 1


def test_simulating_an_image_that_is_too_small_is_explained(viewer, qtbot):
    viewer.add_image(np.zeros((3, 3), np.uint8))
    widget = SimulateLowResolution(viewer)
    qtbot.addWidget(widget)
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    assert "too small" in widget.status.text()


def test_simulating_twice_keeps_to_its_original(viewer, qtbot, rng):
    hr = viewer.add_image(rng.integers(0, 255, (64, 64)).astype(np.uint8), name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Simulate low resolution")
    for _ in range(2):
        assert widget.layer_box.layer() is hr
        widget.run_button.click()
        qtbot.waitUntil(lambda: widget.job is None, timeout=60_000)
    assert [x.data.shape for x in viewer.layers] == [(64, 64), (16, 16), (16, 16)]
    assert viewer.layers.selection.active is viewer.layers[-1]  # Super-resolve takes it
