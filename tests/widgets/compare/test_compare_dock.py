"""The dock widget *Compare*, opened and clicked as a user does."""

import csv
import re

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as moved
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_sr.evaluation.natural import natural_model
from napari_sr.metrics.naturalness import niqe, shipped_model
from napari_sr.metrics.sfrc import sfrc_map
from napari_sr.metrics.spectral import power_spectrum
from napari_sr.widgets.compare.form import SHAPES, VIEW, WHOLE
from napari_sr.widgets.compare.plots import FRC, JOINT, PLANES, PROFILE, SPECTRA
from napari_sr.widgets.compare.state import NO_IMAGE, NO_TRUTH
from napari_sr.widgets.controls.reference_box import NONE, OTHERS
from napari_sr.widgets.layers.places import view_region
from napari_sr.widgets.layers.snapshot import METADATA_KEY, unit_text
from napari_sr.widgets.super_resolve.preview_layer import camera

MINUTE = 60_000


@pytest.fixture
def hr(rng):
    return np.clip(128 + 300 * gaussian_filter(rng.normal(size=(200, 240)), 2), 0, 255).astype(np.uint8)


@pytest.fixture
def sr(hr, rng):
    return np.clip(hr + rng.normal(0, 5, hr.shape), 0, 255).astype(np.float32)


@pytest.fixture
def viewer(make_viewer, hr, sr):
    viewer = make_viewer()
    viewer.add_image(hr, name="cells HR", scale=(4, 4), units=("nm", "nm"))
    lr = hr.reshape(50, 4, 60, 4).mean((1, 3))
    metadata = {METADATA_KEY: {"reference": "cells HR"}}
    viewer.add_image(lr, name="cells LR", scale=(16, 16), translate=(6, 6), units=("nm", "nm"), metadata=metadata)
    viewer.add_image(sr, name="cells LR [x]", scale=(4, 4), units=("nm", "nm"))
    return viewer


@pytest.fixture
def dock(viewer):
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    return widget


def click(qtbot, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def compare(dock, qtbot):
    click(qtbot, dock.form.compare_button)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)


def column(dock, title):
    headers = [dock.form.table.horizontalHeaderItem(c).text() for c in range(dock.form.table.columnCount())]
    at = next(c for c, text in enumerate(headers) if text.startswith(title))
    return {
        dock.form.table.item(r, 0).text(): dock.form.table.item(r, at).text() for r in range(dock.form.table.rowCount())
    }


@pytest.mark.window
def test_figures_maps_and_their_places(viewer, dock, qtbot, hr, sr):
    assert dock.form.reference_box.layer().name == "cells HR"
    assert [layer.name for layer in dock.form.candidates.layers()] == ["cells LR [x]", "cells LR"]
    compare(dock, qtbot)
    assert dock.form.status.text().startswith("Done.")
    assert dock.form.legend.text().startswith("SSIM map: 1 = the same structure")
    expected = peak_signal_noise_ratio(hr, sr, data_range=255)
    assert column(dock, "PSNR")["x"] == f"{expected:.2f}"
    assert float(column(dock, "PSNR")["LR"]) < expected
    assert "data range: 255" in dock.form.conditions.text()
    # the map lies over the reference, says what it is, and its mean is scikit-image's figure
    ssim = viewer.layers["SSIM map · x"]
    np.testing.assert_allclose(ssim.scale, (4, 4))
    value = structural_similarity(
        hr.astype(float),
        sr.astype(float),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim.data[5:-5, 5:-5].mean() == pytest.approx(value, abs=1e-6)
    assert ssim.metadata[METADATA_KEY]["meaning"].startswith("1 = the same structure")
    errors = [viewer.layers[f"error map [grey levels] · {name}"] for name in ("LR", "x")]
    assert errors[0].contrast_limits == errors[1].contrast_limits
    assert [layer.visible for layer in (ssim, *errors)] == [True, False, False]
    assert viewer.layers[-1] is ssim
    assert ssim.colorbar.visible
    # a second comparison does not pile layers up, and maps are not compared
    count = len(viewer.layers)
    compare(dock, qtbot)
    assert len(viewer.layers) == count
    assert len(dock.form.candidates.layers()) == 2


def add_result(viewer, data, name, source):
    """A layer as Super-resolve adds it."""
    said = {"made_by": "super-resolution", "source_layer": source.name, "source_id": str(source.unique_id)}
    return viewer.add_image(data, name=name, scale=(4, 4), units=("nm", "nm"), metadata={METADATA_KEY: said})


def offered(dock):
    return [dock.form.reference_box.itemText(row) for row in range(dock.form.reference_box.count())]


def test_the_image_that_a_result_was_made_from_is_not_its_truth(viewer, dock, qtbot, sr):
    # with the HR image, that one is the truth, and the others are not offered
    lr = viewer.layers["cells LR"]
    add_result(viewer, sr, "cells LR [y]", lr)
    assert dock.form.reference_box.layer().name == "cells HR"
    assert offered(dock) == [NONE, "cells LR [x]", "cells HR", OTHERS]
    assert dock.form.no_truth.text() == ""
    # without it, and the layer that nobody knows anything of, there is none
    viewer.layers.remove("cells HR")
    viewer.layers.remove("cells LR [x]")
    assert dock.form.reference_box.layer() is None
    assert offered(dock) == [NONE, OTHERS]
    assert not dock.form.compare_button.isEnabled()
    assert dock.form.hint.text() == NO_TRUTH
    # who insists is told what the figures mean
    dock.form.reference_box.show_others()
    assert offered(dock) == [NONE, "cells LR [y]", "cells LR"]
    dock.form.reference_box.select_name("cells LR")
    told = (
        "cells LR is the image that cells LR [y] was made from: the figures only show how much cells LR [y] "
        "changed it, not how true it is."
    )
    assert dock.form.no_truth.text() == told
    assert not dock.form.no_truth.isHidden()
    compare(dock, qtbot)
    assert "[y]" in "".join(column(dock, "PSNR"))
    assert dock.form.no_truth.text() == told
    dock.form.candidates.tick(viewer.layers["cells LR [y]"], False)
    assert dock.form.no_truth.isHidden()


def test_an_image_is_no_truth_any_more_once_something_was_made_from_it(make_viewer, qtbot, hr, sr):
    viewer = make_viewer()
    only = viewer.add_image(hr, name="only", scale=(4, 4), units=("nm", "nm"))
    _, dock = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    assert dock.form.reference_box.layer() is only
    assert dock.form.hint.text() == NO_IMAGE
    made = add_result(viewer, sr, "only [x]", only)
    assert dock.form.reference_box.layer() is None
    assert dock.form.hint.text() == NO_TRUTH
    # a new name makes it no truth; another image of the old name does
    only.name = "measured"
    viewer.add_image(hr, name="only", scale=(4, 4), units=("nm", "nm"))
    assert dock.form.reference_box.layer() is viewer.layers["only"]
    assert offered(dock) == [NONE, "only", OTHERS]
    assert dock.form.hint.text() == ""
    # by a click on the entry, too
    dock.form.reference_box.activated.emit(dock.form.reference_box.findText(OTHERS))
    assert offered(dock) == [NONE, "only", "only [x]", "measured"]
    dock.form.reference_box.hidePopup()
    # its own result is no truth either
    dock.form.reference_box.select_name(made.name)
    assert dock.form.no_truth.text().startswith("only [x] was made from measured: ")


def test_the_hallucination_map_finds_what_was_drawn_by_hand(viewer, dock, qtbot, hr, sr, rng, tmp_path):
    faked = sr.copy()
    rows, columns = np.mgrid[:40, :40]
    faked[60:100, 100:140] += 40 * np.sin(rows * 1.3) * np.sin(columns * 1.1)
    viewer.layers["cells LR [x]"].data = faked
    dock.form.hallucination_box.setChecked(True)
    dock.form.niqe_box.setCurrentIndex(dock.form.niqe_box.findData("EM"))
    compare(dock, qtbot)
    layer = viewer.layers["hallucination map [grey levels] · x"]
    # frequencies that the LR image holds do not count
    expected = sfrc_map(faked, hr, beyond=1 / 8)
    np.testing.assert_allclose(layer.data, expected.unexplained, rtol=1e-5)
    inside = np.zeros(hr.shape, bool)
    inside[60:100, 100:140] = True
    assert layer.data[inside].mean() > 3 * layer.data[~inside].mean()
    outlines = viewer.layers["made up? · x"]
    assert outlines.data[80, 120] == 1
    assert outlines.contour == 2
    np.testing.assert_allclose(outlines.scale, layer.scale)
    share = f"{expected.flagged.mean():.0%} of the area"
    assert f"x: most of the detail is not the reference's on {share}" in dock.form.status.text()
    value = niqe(faked, shipped_model("EM"), data_range=255)
    assert column(dock, "NIQE")["x"] == f"{value:.2f}"
    count = len(viewer.layers)
    # once more, with images of the user's own to look like
    for number in range(3):
        own = np.clip(128 + 300 * gaussian_filter(rng.normal(size=(384, 384)), 1.5), 0, 255).astype(np.uint8)
        tifffile.imwrite(tmp_path / f"{number}.tif", own)
    dock.fit_niqe_on(tmp_path)
    compare(dock, qtbot)
    assert len(viewer.layers) == count
    value = niqe(faked, natural_model(str(tmp_path)), data_range=255)
    assert column(dock, "NIQE")["x"] == f"{value:.2f}"


def test_the_best_is_bold_and_a_click_sorts_by_value(dock, qtbot):
    compare(dock, qtbot)
    bold = [dock.form.table.item(r, 1).font().bold() for r in range(2)]
    assert bold == [True, False]
    dock.form.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert dock.form.table.item(0, 0).text() == "LR"
    dock.form.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert dock.form.table.item(0, 0).text() == "x"


@pytest.mark.xdist_group("clipboard")  # workers share a screen, and it has one
def test_copy_and_csv(dock, qtbot, tmp_path):
    compare(dock, qtbot)
    click(qtbot, dock.form.copy_button)
    lines = QApplication.clipboard().text().split("\n")
    assert lines[0].split("\t")[:2] == ["image", "PSNR [dB] ↑"]
    assert "data range" in lines[-1]
    dock.last.save(tmp_path / "figures.csv")
    with (tmp_path / "figures.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:3]] == ["cells LR [x]", "cells LR"]
    dock.last.save(tmp_path / "nowhere" / "figures.csv")
    assert "could not be written" in dock.form.status.text()


def test_a_table_that_is_not_of_the_comparison_that_failed_says_so(viewer, dock, qtbot):
    dock.form.where_box.setCurrentText(SHAPES)
    click(qtbot, dock.form.compare_button)
    assert "table" not in dock.form.status.text()  # there is none yet
    dock.form.where_box.setCurrentText(WHOLE)
    compare(dock, qtbot)
    odd = viewer.add_image(np.zeros((2, 50, 60), np.uint8), name="odd", units=("nm",) * 3, scale=(1, 16, 16))
    dock.form.candidates.tick(odd)
    compare(dock, qtbot)
    assert "odd has 2 planes" in dock.form.status.text()
    assert "still that of the comparison before" in dock.form.status.text()
    assert dock.form.table.rowCount() == 2


def test_each_shape_is_a_row_of_its_own(viewer, dock, qtbot, hr, sr):
    dock.form.where_box.setCurrentText(SHAPES)
    click(qtbot, dock.form.compare_button)
    assert "no Shapes layer" in dock.form.status.text()
    # world coordinates in nm: rows 10 to 59, columns 20 to 119 of the reference
    box = np.array([[10, 20], [10, 119], [59, 119], [59, 20]]) * 4.0
    viewer.add_shapes([box, box / 2], shape_type="rectangle")
    compare(dock, qtbot)
    expected = peak_signal_noise_ratio(hr[10:60, 20:120], sr[10:60, 20:120], data_range=255)
    assert column(dock, "PSNR")["x · shape 1"] == f"{expected:.2f}"
    assert len(column(dock, "PSNR")) == 4
    viewer.layers["Shapes"].data = [box + 5000]
    click(qtbot, dock.form.compare_button)
    assert "shape 1 lies outside of cells" in dock.form.status.text()


@pytest.mark.window
def test_what_is_in_view(viewer, dock, qtbot, hr, sr):
    camera(viewer).center = (0, 100 * 4, 120 * 4)
    camera(viewer).zoom *= 4
    qtbot.wait(100)
    viewer.screenshot(flash=False)  # a draw tells layers what is in view
    dock.form.where_box.setCurrentText(VIEW)
    compare(dock, qtbot)
    assert set(column(dock, "PSNR")) == {"x · the view", "LR · the view"}
    part = dock.last.request.regions[0]
    assert 0 <= part.rows.start < part.rows.stop <= 200
    assert part.rows.stop - part.rows.start < 200
    expected = peak_signal_noise_ratio(hr[part.rows, part.columns], sr[part.rows, part.columns], data_range=255)
    assert column(dock, "PSNR")["x · the view"] == f"{expected:.2f}"


def test_a_layer_that_is_off_is_told_and_moved_with_one_click(viewer, dock, qtbot, hr):
    off = moved(hr.astype(float), (2, -3), mode="nearest")
    layer = viewer.add_image(off, name="cells off", scale=(4, 4), units=("nm", "nm"))
    for other in dock.form.candidates.layers():
        dock.form.candidates.tick(other, other is layer)
    compare(dock, qtbot)
    assert "cells off does not lie over the reference" in dock.form.warning.text()
    rows, columns = re.search(r"by (\S+) rows and (\S+) columns \(14\.. nm\)", dock.form.warning.text()).groups()
    assert (float(rows), float(columns)) == pytest.approx((-2, 3), abs=0.15)
    before = column(dock, "PSNR")
    click(qtbot, dock.form.register_button)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)
    np.testing.assert_allclose(layer.translate, (-8, 12), atol=0.5)
    assert float(column(dock, "PSNR")["cells off"]) > float(before["cells off"]) + 10
    assert dock.form.register_button.isHidden()


def test_layers_that_no_shift_brings_together_are_not_said_to_be_shifted(viewer, dock, qtbot, rng, hr):
    viewer.add_image(rng.normal(size=hr.shape), name="noise", scale=(4, 4), units=("nm", "nm"))
    viewer.add_image(np.full(hr.shape, 7.0), name="constant", scale=(4, 4), units=("nm", "nm"))
    compare(dock, qtbot)
    assert len(column(dock, "PSNR")) == 4
    assert "does not lie over" not in dock.form.warning.text()
    assert dock.form.register_button.isHidden()


def test_what_was_measured_against_another_reference_moves_nothing(viewer, dock, qtbot, hr):
    off = moved(hr.astype(float), (2, -3), mode="nearest")
    layer = viewer.add_image(off, name="off", scale=(4, 4), units=("nm", "nm"))
    compare(dock, qtbot)
    assert not dock.form.register_button.isHidden()
    dock.form.reference_box.select_name("cells LR [x]")
    assert dock.form.register_button.isHidden()
    assert dock.form.warning.text() == ""
    dock.register()
    np.testing.assert_array_equal(layer.translate, (0, 0))


def test_layers_in_other_units_are_brought_together(viewer, dock, qtbot, hr, sr):
    off = moved(sr.astype(float), (2, -3), mode="nearest")
    same = viewer.add_image(sr, name="in um", scale=(0.004, 0.004), units=("um", "um"))
    layer = viewer.add_image(off, name="off", scale=(0.004, 0.004), units=("um", "um"))
    compare(dock, qtbot)
    figures = column(dock, "PSNR")
    assert figures["in um"] == figures["cells LR [x]"]
    click(qtbot, dock.form.register_button)
    qtbot.waitUntil(lambda: dock.job is None, timeout=MINUTE)
    np.testing.assert_allclose(layer.translate, (-0.008, 0.012), atol=0.0005)
    np.testing.assert_array_equal(same.translate, (0, 0))


def test_what_is_in_view_of_a_pyramid(viewer, dock, qtbot, hr, sr):
    pyramid = [hr, hr[::2, ::2], hr[::4, ::4]]
    layer = viewer.add_image(pyramid, name="pyramid", multiscale=True, scale=(4, 4), units=("nm", "nm"))
    layer._data_level = 1
    layer.corner_pixels = np.array([[10, 20], [40, 60]])
    found = view_region(layer, viewer)
    assert (found.rows.start, found.columns.start) == (20, 40)
    assert 80 <= found.rows.stop <= 82
    assert 120 <= found.columns.stop <= 122


def test_what_cannot_be_compared_is_said(viewer, dock, qtbot, sr):
    away = viewer.add_image(sr, name="away", translate=(1e6, 0))
    assert away not in dock.form.candidates.layers()  # it would be refused
    dock.form.candidates.tick(away)
    compare(dock, qtbot)
    assert "away is placed in pixel, cells HR in nm: nobody can say" in dock.form.status.text()
    assert dock.last.result is None
    away.units = ("nm", "nm")
    compare(dock, qtbot)
    assert "away and cells HR do not overlap" in dock.form.status.text()
    assert dock.last.result is None
    viewer.layers.remove(away)
    dock.form.range_box.setValue(10)
    compare(dock, qtbot)
    assert "smaller than the range" in dock.form.status.text()


def test_without_images_it_says_what_to_do(make_viewer, qtbot):
    viewer = make_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Compare")
    assert "Open a high-resolution image" in widget.form.hint.text()
    assert not widget.form.compare_button.isEnabled()


def test_stacks_and_densities(viewer, dock, qtbot, rng):
    viewer.layers.clear()
    density = np.exp(gaussian_filter(rng.normal(size=(3, 64, 64)), (0, 2, 2)) * 8).astype(np.float32)
    viewer.add_image(density, name="truth", metadata={METADATA_KEY: {"kind": "N-body"}})
    viewer.add_image(density * 1.1, name="sr")
    dock.form.reference_box.select_name("truth")
    assert dock.form.density_box.isChecked()
    compare(dock, qtbot)
    assert "±" in column(dock, "PSNR")["sr"]
    assert viewer.layers["error map [log₁₀ density] · sr"].data.shape == (3, 64, 64)


@pytest.mark.window
def test_units_are_written_as_people_do(viewer):
    assert unit_text(viewer.layers["cells HR"]) == "nm"
    viewer.layers.clear()  # napari does not draw Mpc beside nm
    viewer.open_sample("napari-sr", "nbody")
    assert unit_text(viewer.layers["N-body slice HR"]) == "Mpc/h"
    assert unit_text(viewer.add_image(np.zeros((4, 4)))) == "px"


@pytest.mark.window
def test_closing_the_dock_in_the_middle(viewer, dock, qtbot):
    click(qtbot, dock.form.compare_button)
    job = dock.job
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not job.running, timeout=MINUTE)
    viewer.add_image(np.zeros((8, 8)))  # nothing listens any more
    assert len(viewer.layers) == 4


def drawn(plots, qtbot, kind):
    plots.kind_box.setCurrentText(kind)
    qtbot.waitUntil(lambda: not plots.latest.busy, timeout=MINUTE)
    return plots.plot


@pytest.mark.window
def test_curves_of_the_comparison_and_their_files(viewer, dock, qtbot, tmp_path, hr, sr):
    compare(dock, qtbot)
    click(qtbot, dock.form.plots_button)
    plots = dock.last.plots
    spectra = drawn(plots, qtbot, SPECTRA)
    assert list(spectra.curves) == ["reference", "x", "LR"]
    assert spectra.x[-1] == pytest.approx(1 / 8)  # pixels of 4 nm
    assert "nm" in spectra.x_label
    np.testing.assert_allclose(spectra.curves["x"], power_spectrum(sr)[1])
    assert drawn(plots, qtbot, FRC).limits.keys() == {"1/7", "half-bit", "3-sigma"}
    # without a line, it says what to do
    assert drawn(plots, qtbot, PROFILE) is None
    assert "draw a line" in plots.status.text()
    viewer.add_shapes([np.array([[10, 20], [50, 20]]) * 4.0], shape_type="line")
    click(qtbot, plots.refresh_button)
    qtbot.waitUntil(lambda: not plots.latest.busy, timeout=MINUTE)
    np.testing.assert_allclose(plots.plot.curves["reference"][::2], hr[10:51, 20], atol=1e-6)
    assert plots.plot.x[-1] == pytest.approx(160)
    assert drawn(plots, qtbot, JOINT).name == "x"
    assert drawn(plots, qtbot, PLANES) is None
    assert "single planes" in plots.status.text()
    drawn(plots, qtbot, JOINT)
    for suffix in ("png", "svg", "csv"):
        plots.save(tmp_path / f"plot.{suffix}")
        assert (tmp_path / f"plot.{suffix}").stat().st_size > 1000
    plots.save(tmp_path / "no" / "plot.png")
    assert "could not be written" in plots.status.text()
    plots.save(tmp_path / "plot.what")
    assert "could not be written" in plots.status.text()
    # inside a border, the line stays where it was drawn
    dock.form.crop_box.setValue(5)
    compare(dock, qtbot)
    assert drawn(plots, qtbot, PROFILE).x[-1] == pytest.approx(160)
    np.testing.assert_allclose(plots.plot.curves["reference"][::2], hr[10:51, 20], atol=1e-6)
    click(qtbot, dock.form.plots_button)  # a second click opens no second dock
    assert dock.last.plots is plots
    # closed with its ×, it can be opened again
    viewer.window.remove_dock_widget(plots)
    qtbot.wait(50)
    compare(dock, qtbot)
    click(qtbot, dock.form.plots_button)
    assert dock.last.plots is not plots
    assert list(drawn(dock.last.plots, qtbot, SPECTRA).curves) == ["reference", "x", "LR"]


def test_curves_of_pixels_that_are_no_squares(viewer, dock, qtbot):
    """Frequencies of all directions have one unit only where pixels are counted; distances have theirs."""
    for layer in viewer.layers:
        scale, translate = layer.scale.copy(), layer.translate.copy()
        layer.scale, layer.translate = scale * (2.5, 1), translate * (2.5, 1)  # rows 10 nm apart, columns 4 nm
    viewer.add_shapes([np.array([[100, 80], [500, 80]])], shape_type="line")
    compare(dock, qtbot)
    click(qtbot, dock.form.plots_button)
    for kind in (SPECTRA, FRC):
        curves = drawn(dock.last.plots, qtbot, kind)
        assert curves.x_label.endswith("[cycles / px]")
        assert curves.x[-1] == pytest.approx(0.5, abs=0.01)
    along = drawn(dock.last.plots, qtbot, PROFILE)
    assert along.x[-1] == pytest.approx(400)
    assert "nm" in along.x_label


def test_curves_follow_the_plane_that_is_shown(viewer, dock, qtbot, rng):
    viewer.layers.clear()
    stack = rng.normal(size=(3, 64, 64)).astype(np.float32)
    viewer.add_image(stack, name="truth", scale=(1, 1, 1))
    viewer.add_image(stack * 2, name="sr")
    dock.form.reference_box.select_name("truth")
    compare(dock, qtbot)
    click(qtbot, dock.form.plots_button)
    viewer.dims.set_current_step(0, 2)
    plot = drawn(dock.last.plots, qtbot, SPECTRA)
    np.testing.assert_allclose(plot.curves["reference"], power_spectrum(stack[2])[1])
    # a figure of the table for every plane
    plots = dock.last.plots
    drawn(plots, qtbot, PLANES)
    plots.metric_box.setCurrentIndex(plots.metric_box.findData("rmse"))
    qtbot.waitUntil(lambda: not plots.latest.busy, timeout=MINUTE)
    expected = [np.sqrt(np.mean(plane.astype(np.float64) ** 2)) for plane in stack]
    np.testing.assert_allclose(plots.plot.curves["sr"], expected, rtol=1e-6)
    np.testing.assert_array_equal(plots.plot.x, [0, 1, 2])


def test_resolutions_are_lengths_where_the_size_of_a_pixel_is_known(viewer, dock, qtbot):
    compare(dock, qtbot)
    headers = [dock.form.table.horizontalHeaderItem(c).text() for c in range(dock.form.table.columnCount())]
    assert [h for h in headers if h.startswith("FRC")] == ["FRC resolution [nm] ↓"]
    in_pixels = {row.name: row.means["frc_resolution"] for row in dock.last.result.table.rows}
    shown = column(dock, "FRC resolution")
    assert float(shown["x"]) == pytest.approx(4 * in_pixels["cells LR [x]"], rel=5e-3)  # three digits, 4 nm a pixel
    for layer in list(viewer.layers):
        layer.units = ("pixel", "pixel")
    compare(dock, qtbot)
    headers = [dock.form.table.horizontalHeaderItem(c).text() for c in range(dock.form.table.columnCount())]
    assert [h for h in headers if h.startswith("FRC")] == ["FRC resolution [px] ↓"]
