"""Folders without a shell: super-resolving one, and measuring a model on pairs."""

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from napari_sr import load_model, upscale
from napari_sr.inference import Upscaler
from napari_sr.inference.files import iter_upscale_file
from napari_sr.metrics.maps import error_map
from napari_sr.metrics.structural import ssim_map
from napari_sr.widgets.layers.snapshot import METADATA_KEY
from napari_sr.widgets.super_resolve.folder import show_pair

MINUTE = 60_000


@pytest.fixture
def folders(tmp_path, rng):
    for name in ("HR", "LR"):
        (tmp_path / name).mkdir()
    for number in range(3):
        hr = np.clip(128 + 300 * gaussian_filter(rng.normal(size=(96, 104)), 2), 0, 255).astype(np.uint8)
        tifffile.imwrite(tmp_path / "HR" / f"cell{number}.tif", hr)
        lr = hr.reshape(24, 4, 26, 4).mean((1, 3)).round().astype(np.uint8)
        settings = {"imagej": True, "resolution": (1 / 40, 1 / 40), "metadata": {"unit": "nm", "axes": "YX"}}
        tifffile.imwrite(tmp_path / "LR" / f"cell{number}.tif", lr, **settings)
    return tmp_path


def click(qtbot, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def done(qtbot, widget):
    qtbot.waitUntil(lambda: widget.job is None, timeout=MINUTE)


def click_item(qtbot, box, row):
    where = box.visualItemRect(box.item(row)).center()
    qtbot.mouseClick(box.viewport(), Qt.MouseButton.LeftButton, pos=where)


def test_a_folder_is_super_resolved_and_looked_through(viewer, widget, qtbot, folders):
    section = widget.folder
    widget.form.folder_part.expand(animate=False)
    assert not section.run_button.isEnabled()
    (folders / "LR" / "broken.tif").write_bytes(b"nothing")
    qtbot.keyClicks(section.source.edit, str(folders / "LR"))
    assert section.target.path() == folders / "LR" / "super-resolved"
    assert widget.form.model_box.select("bicubic-x4")
    click(qtbot, section.run_button)
    done(qtbot, widget)
    assert widget.form.status.text() == f"3 written to {folders / 'LR' / 'super-resolved'}; 1 failed: see the list."
    texts = [section.results.item(row).text() for row in range(4)]
    assert texts[0].startswith("broken.tif: ")
    assert texts[1:] == ["cell0.tif", "cell1.tif", "cell2.tif"]
    lr = tifffile.imread(folders / "LR" / "cell1.tif")
    expected = upscale(lr, load_model("bicubic-x4"), precision="fp32")
    written = tifffile.imread(folders / "LR" / "super-resolved" / "cell1_bicubic-x4.tif")
    np.testing.assert_array_equal(written, expected)
    # a click shows a result over its image, in place of the one before
    for row in (1, 2):
        click_item(qtbot, section.results, row)
    assert [layer.name for layer in viewer.layers] == ["cell1.tif", "cell1_bicubic-x4.tif"]
    below, above = viewer.layers
    np.testing.assert_array_equal(np.asarray(above.data), expected)
    np.testing.assert_allclose(above.scale, (10, 10))
    np.testing.assert_allclose(above.translate, (-15, -15))
    assert str(below.units[0]) == "nanometer"
    click_item(qtbot, section.results, 0)
    assert "broken.tif" in widget.form.status.text()
    assert len(viewer.layers) == 2
    click_item(qtbot, section.results, 1)
    assert widget.form.status.text() == "cell0.tif and what was made of it are shown."
    # once more: what is there stays
    (folders / "LR" / "broken.tif").unlink()
    click(qtbot, section.run_button)
    done(qtbot, widget)
    assert "0 written" in widget.form.status.text()
    assert "3 were there already" in widget.form.status.text()


def test_a_folder_run_can_be_cancelled_and_says_what_is_wrong(viewer, widget, qtbot, folders):
    section = widget.folder
    section.source.set_path(folders / "nowhere")
    assert widget.form.model_box.select("em-wgan-pixel-x4")
    click(qtbot, section.run_button)
    done(qtbot, widget)
    assert "no file or folder" in widget.form.status.text()
    section.source.set_path(folders / "HR")
    click(qtbot, section.run_button)
    qtbot.waitUntil(lambda: "image 1 of 3" in widget.form.status.text(), timeout=MINUTE)
    click(qtbot, widget.form.cancel_button)
    done(qtbot, widget)
    assert "What was written stays" in widget.form.status.text()
    output = folders / "HR" / "super-resolved"
    assert len(list(output.iterdir())) < 3  # and nothing half written
    assert all(path.name.endswith("_em-wgan-pixel-x4.tif") for path in output.iterdir())


@pytest.fixture
def compare(viewer, qtbot):
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    dock.form.folders_section.expand(animate=False)
    qtbot.waitUntil(lambda: dock.quality.model_box.count() > 0, timeout=MINUTE)
    return dock


def test_a_model_is_measured_on_pairs_and_each_is_shown_with_its_maps(viewer, compare, qtbot, folders):
    section = compare.quality
    section.lr_path.set_path(folders / "LR")
    section.hr_path.set_path(folders / "HR")
    assert section.model_box.select("em-wiener-x4")
    click(qtbot, section.check_button)
    done(qtbot, compare)
    hr, lr = ([tifffile.imread(folders / n / f"cell{i}.tif") for i in range(3)] for n in ("HR", "LR"))
    model = load_model("em-wiener-x4")
    sr = [upscale(one, model, dtype=np.float32, precision="fp32") for one in lr]
    inner = np.s_[4:-4, 4:-4]
    values = [peak_signal_noise_ratio(h[inner], s[inner], data_range=255) for h, s in zip(hr, sr, strict=True)]
    rows = {section.table.item(r, 0).text(): section.table.item(r, 1).text() for r in range(2)}
    assert set(rows) == {"bicubic-x4", "em-wiener-x4"}
    assert rows["em-wiener-x4"].startswith(f"{np.mean(values):.2f} ± ")
    assert section.pairs.item(2).text().startswith(f"cell2.tif: PSNR {values[2]:.2f}, SSIM 0.")
    assert "measured LR images" in section.conditions.text()
    for row in (0, 1):
        click_item(qtbot, section.pairs, row)
        done(qtbot, compare)
    names = {layer.name for layer in viewer.layers}
    assert names == {
        "cell1.tif HR", "cell1.tif LR", "cell1.tif SR", "SSIM map · LR", "SSIM map · SR",
        "root-squared error map · LR", "root-squared error map · SR",
    }  # fmt: skip
    np.testing.assert_allclose(
        viewer.layers["SSIM map · SR"].data, ssim_map(sr[1], hr[1], data_range=255)[1], atol=1e-5
    )
    bicubic = upscale(lr[1], load_model("bicubic-x4"), dtype=np.float32, precision="fp32")
    expected = error_map(bicubic, hr[1], kind="root-squared")
    np.testing.assert_allclose(viewer.layers["root-squared error map · LR"].data, expected, atol=1e-4)
    np.testing.assert_allclose(viewer.layers["cell1.tif LR"].translate, (1.5, 1.5))
    assert viewer.layers["cell1.tif SR"].metadata[METADATA_KEY]["made_by"] == "quality"
    assert compare.form.candidates.layers() == []  # they are not mixed up with layers of the user's own


def test_pairs_that_do_not_fit_are_told(compare, qtbot, folders):
    section = compare.quality
    assert not section.check_button.isEnabled()
    section.lr_path.set_path(folders / "LR")
    section.hr_path.set_path(folders / "HR")
    (folders / "HR" / "cell2.tif").unlink()
    assert section.model_box.select("bicubic-x4")
    click(qtbot, section.check_button)
    done(qtbot, compare)
    assert "without a partner: cell2.tif (LR)" in compare.form.status.text()
    (folders / "LR" / "cell2.tif").unlink()
    assert section.model_box.select("bicubic-x2")
    click(qtbot, section.check_button)
    done(qtbot, compare)
    assert "differ in shape" in compare.form.status.text()


UNITS = (
    "um", "\\u00C5", "\\u00B5m", "inch", "nm", "Mpc/h", "1/nm", "reference frame", "foo bar", "a.u.", "pt", "?m",
    "1e3 m", "", "\\u00C5^2", "%",
)  # fmt: skip


@pytest.mark.window
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_whatever_the_unit_the_result_opens(suffix, viewer, tmp_path):
    """All in one window, which takes a second to open."""
    image = np.arange(3 * 20 * 24, dtype=np.uint8).reshape(3, 20, 24)
    upscaler = Upscaler(load_model("nearest-x2"), device="cpu")
    for number, unit in enumerate(UNITS):
        lr, sr = tmp_path / f"{number}.tif", tmp_path / f"sr{number}{suffix}"
        about = {"axes": "ZYX", "unit": unit, "spacing": 3}
        tifffile.imwrite(lr, image, imagej=True, resolution=(2.0, 2.0), metadata=about)
        list(iter_upscale_file(lr, sr, upscaler))
        show_pair(viewer, lr, sr)
        below, above = viewer.layers
        assert above.data.shape == (3, 40, 48), unit
        np.testing.assert_allclose(above.scale, below.scale * [1, 0.5, 0.5], err_msg=unit)
        assert above.units == below.units, unit
        assert viewer.screenshot(canvas_only=True).any(), unit
        viewer.layers.clear()


@pytest.mark.parametrize("shape", [(20, 24, 2), (20, 24, 3), (1, 20, 24), (2, 20, 24, 4)])
def test_whatever_the_order_of_the_axes_the_result_opens(shape, viewer, tmp_path, rng):
    np.save(tmp_path / "a.npy", rng.integers(0, 255, shape).astype(np.uint8))
    for suffix in (".tif", ".npy"):
        target = tmp_path / f"sr{suffix}"
        list(iter_upscale_file(tmp_path / "a.npy", target, Upscaler(load_model("nearest-x2"), device="cpu")))
        show_pair(viewer, tmp_path / "a.npy", target)
        below, above = viewer.layers
        assert above.data.shape[-2 - above.rgb :][:2] == (40, 48)
        assert [n / m for n, m in zip(above.scale[-2:], below.scale[-2:], strict=True)] == [0.5, 0.5]


def test_one_of_several_images_in_a_file_is_chosen(viewer, widget, qtbot, tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as tif:
        tif.write(np.zeros((30, 40), np.uint8))
        tif.write(np.full((20, 24), 7, np.uint8))
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((16, 16), np.uint8))
    section = widget.folder
    widget.form.folder_part.expand(animate=False)
    assert section.which.text() == "the largest"
    qtbot.keyClicks(section.source.edit, str(tmp_path))
    assert widget.form.model_box.select("bicubic-x4")
    click(qtbot, section.run_button)
    done(qtbot, widget)
    assert "Of 2 images in two.tif, the largest is taken" in section.results.item(1).toolTip()
    assert tifffile.imread(tmp_path / "super-resolved" / "two_bicubic-x4.tif").shape == (120, 160)
    section.which.setValue(2)
    click(qtbot, section.run_button)
    done(qtbot, widget)
    assert tifffile.imread(tmp_path / "super-resolved" / "two_1_bicubic-x4.tif").shape == (80, 96)
    assert "one.tif:1: has no image '1'" in section.results.item(0).text()
