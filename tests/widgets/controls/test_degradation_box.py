"""The choice of a degradation: presets, a form for one's own, and what a model brings with it."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.degradations import PRESETS, degrade, make_degradation
from napari_sr.degradations.composed import canonical, parse
from napari_sr.widgets.controls.degradation_box import OWN, DegradationBox, OwnDegradation
from napari_sr.widgets.layers.snapshot import METADATA_KEY


@pytest.fixture
def box(qtbot):
    page = QWidget()
    box = DegradationBox()
    layout = QVBoxLayout(page)
    layout.addWidget(box)
    layout.addWidget(box.own)
    box.fill()
    qtbot.addWidget(page)
    page.show()
    box.page = page  # keeps it alive
    return box


def pick(combo, data):
    combo.setCurrentIndex(combo.findData(data))


def test_presets_come_first_and_the_form_only_when_asked_for(box):
    assert [box.itemData(i) for i in range(box.count())] == [*PRESETS, OWN]
    assert box.text() == "em"
    assert not box.own.isVisible()
    pick(box, OWN)
    assert box.own.isVisible()
    assert box.text() == "gaussian(sigma=2) + area + shot(photons=100, read=2)"
    pick(box, "area")
    assert not box.own.isVisible()
    assert box.text() == "area"


@pytest.mark.parametrize("blur", ["", "gaussian", "elliptic", "sinc"])
@pytest.mark.parametrize("reduction", ["area", "bilinear", "bicubic"])
def test_whatever_the_form_says_can_be_built(blur, reduction, box):
    pick(box, OWN)
    own = box.own
    pick(own.blur, blur)
    pick(own.reduction, reduction)
    assert own.sigma.isVisible() == (blur in ("gaussian", "elliptic"))
    assert own.across.isVisible() == (blur == "elliptic")
    assert own.finest.isVisible() == (blur == "sinc")
    for spin in (own.photons, own.noise, own.quality):
        for value in (spin.minimum(), spin.maximum()):
            spin.setValue(value)
            assert make_degradation(box.text(), 2).scale == 2
    for spin in (own.sigma, own.across, own.angle, own.finest, own.read):
        for value in (spin.minimum(), spin.maximum()):
            spin.setValue(value)
            assert canonical(box.text())


@pytest.mark.parametrize(
    "text",
    [
        "gaussian(sigma=1.25) + bicubic",
        "elliptic(sigma=3, across=1, angle=-30) + area + noise(sigma=2.5)",
        "sinc(cutoff=0.25) + bilinear + shot(photons=60, read=1) + jpeg(quality=70)",
        "area + shot(photons=5000, read=0)",
    ],
)
def test_what_a_model_was_trained_with_is_shown_in_the_form(text, box):
    box.choose(text)
    assert box.currentData() == OWN
    assert canonical(box.text()) == canonical(text)


def test_steps_that_the_form_does_not_have_are_an_entry_of_their_own(box):
    pick(box, OWN)
    before = box.text()
    text = "gaussian(sigma=1) + area + gaussian(sigma=0.5)"
    box.choose(text)
    assert box.text() == box.currentText() == text
    assert box.own.text() == before
    count = box.count()
    for nonsense in ("a model of another program", "gaussian(sigma='abc') + area", "sinc + sinc", ""):
        box.choose(nonsense)
        assert box.text() == text
    assert box.count() == count


def test_every_change_is_told_once(box, qtbot):
    pick(box, OWN)
    told = []
    box.changed.connect(lambda: told.append(box.text()))
    line = box.own.sigma.lineEdit()
    line.selectAll()
    qtbot.keyClicks(line, "3.5")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert told == ["gaussian(sigma=3.5) + area + shot(photons=100, read=2)"]
    box.own.photons.setValue(0)
    assert not box.own.read.isEnabled()
    assert told[1:] == ["gaussian(sigma=3.5) + area"]


def test_a_degradation_of_ones_own_is_simulated_and_seen_before(make_viewer, qtbot, rng):
    viewer = make_viewer()
    hr = rng.integers(0, 60_000, (96, 80)).astype(np.uint16)
    viewer.add_image(hr, name="mine")
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Simulate low resolution")
    pick(dock.preset_box, OWN)
    dock.preset_box.own.sigma.setValue(1.5)
    qtbot.waitUntil(lambda: not dock.before_after.latest.busy, timeout=60_000)
    assert not dock.before_after.after.pixmap().isNull()
    qtbot.mouseClick(dock.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.job is None, timeout=60_000)
    lr = viewer.layers[-1]
    text = "gaussian(sigma=1.5) + area + shot(photons=100, read=2)"
    np.testing.assert_allclose(lr.data, np.clip(np.rint(degrade(hr, text, 4)), 0, 65_535), atol=1)
    assert lr.metadata[METADATA_KEY]["degradation"] == text


def test_the_preview_has_the_noise_of_the_whole_image(rng):
    """A dark patch of a bright image gets the noise that the bright image has."""
    from napari_sr.widgets.controls.before_after import _pictures

    whole = np.full((600, 600), 200.0, np.float32)
    whole[200:400, 200:400] = 100 + np.float32(0.01) * rng.random((200, 200), dtype=np.float32)
    text = "area + noise(sigma=10)"
    _, after = _pictures(whole, text, 4, (0.0, 255.0), False)
    assert after.std() == pytest.approx(10, rel=0.1)  # a tenth of the range from 100 to 200, in grey levels of 255


def test_an_image_of_the_microscope_fills_in_the_form(qtbot, tmp_path):
    import tifffile

    from napari_sr.images.samples import load_sample
    from napari_sr.inference.own_microscope import degradation_like

    lr = degrade(load_sample("em-phantom").hr[:512, :512], "gaussian(sigma=3) + area + shot(photons=40)", 4)
    tifffile.imwrite(tmp_path / "mine.tif", lr.astype(np.uint8))
    form = OwnDegradation()
    qtbot.addWidget(form)
    form.measure(tmp_path / "mine.tif")
    assert form.busy
    qtbot.waitUntil(lambda: not form.busy, timeout=60_000)
    assert "mine.tif" in form.measured.text()
    measured = dict(parse(degradation_like(lr.astype(np.uint8), 4)))
    shown = dict(parse(form.text()))
    assert shown["gaussian"]["sigma"] == pytest.approx(measured["gaussian"]["sigma"], abs=0.01)
    assert shown["shot"]["photons"] == pytest.approx(measured["shot"]["photons"], abs=1)
    (tmp_path / "broken.tif").write_bytes(b"no image")
    before = form.text()
    form.measure(tmp_path / "broken.tif")
    qtbot.waitUntil(lambda: not form.busy, timeout=60_000)
    assert "broken.tif" in form.measured.text()
    assert form.text() == before
