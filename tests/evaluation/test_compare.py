"""Images beside a reference: grids, figures, maps, and what is refused."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_sr.densities import log_density
from napari_sr.errors import ImageError
from napari_sr.evaluation.compare import iter_comparison
from napari_sr.evaluation.comparison import Comparison, ComparisonProgress, ComparisonRequest, Region
from napari_sr.images.grid import Grid, GridImage, onto, overlap
from napari_sr.images.shift import measured_shift
from napari_sr.metrics.spectral import spectrum_score
from napari_sr.networks.interpolation import Bicubic

LR = Grid(((4.0, 0.0), (0.0, 4.0)), (1.5, 1.5))  # pixels of 4 HR pixels, their centres in the middle of these


@pytest.fixture
def hr(rng):
    return np.clip(128 + 300 * gaussian_filter(rng.normal(size=(200, 240)), 2), 0, 255).astype(np.uint8)


@pytest.fixture
def sr(hr, rng):
    return np.clip(hr + rng.normal(0, 5, hr.shape), 0, 255).astype(np.float32)


def means(hr, scale=4):
    height, width = hr.shape
    return hr.reshape(height // scale, scale, width // scale, scale).mean((1, 3))


def judged(**asked):
    *before, last = iter_comparison(ComparisonRequest(**asked))
    assert all(isinstance(event, ComparisonProgress) for event in before)
    assert isinstance(last, Comparison)
    return last


def figure(result, name, metric):
    return next(row for row in result.table.rows if row.name == name).means[metric]


def test_figures_and_maps_are_those_of_scikit_image(hr, sr):
    result = judged(reference=GridImage("hr", hr, "YX"), candidates=(GridImage("sr", sr, "YX"),))
    assert figure(result, "sr", "psnr") == pytest.approx(peak_signal_noise_ratio(hr, sr, data_range=255), abs=1e-9)
    expected, full = structural_similarity(
        hr.astype(float), sr.astype(float), data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    assert figure(result, "sr", "ssim") == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(result.maps["sr"]["ssim"], full, atol=1e-6)
    np.testing.assert_allclose(result.maps["sr"]["absolute"], np.abs(sr - hr), atol=1e-4)
    assert result.shifts == ()
    assert result.notes == ()
    assert "data range: 255" in result.table.conditions_line()


def test_a_low_resolution_image_is_brought_to_the_references_grid_as_the_bicubic_model_does(hr, sr):
    lr = means(hr)
    result = judged(
        reference=GridImage("hr", hr, "YX"), candidates=(GridImage("lr", lr, "YX", LR), GridImage("sr", sr, "YX"))
    )
    bicubic = Bicubic(scale=4)(torch.from_numpy(lr.astype(np.float32))[None, None])[0, 0].numpy()
    assert figure(result, "lr", "psnr") == pytest.approx(peak_signal_noise_ratio(hr, bicubic, data_range=255), abs=1e-5)
    assert [row.name for row in result.table.rows] == ["lr", "sr"]
    assert result.shifts == ()


def test_on_any_other_grid_a_smooth_image_keeps_its_values_in_the_world():
    def wave(rows, columns):
        return np.sin(rows / 9) * np.cos(columns / 7)

    source = Grid(((0.8, 0.0), (0.0, 1.3)), (3.0, -2.0))
    rows, columns = np.mgrid[:90, :80]
    image = wave(0.8 * rows + 3, 1.3 * columns - 2)
    found = onto(image, source, Grid(offset=(10.0, 12.0)), (40, 60))
    target_rows, target_columns = np.mgrid[:40, :60]
    np.testing.assert_allclose(found, wave(target_rows + 10, target_columns + 12), atol=1e-3)


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("corner", [(40, 60), (-20, 90), (300, -300)])
def test_a_window_of_an_image_is_the_same_as_a_part_of_the_whole(rng, nearest, corner):
    image = rng.normal(size=(120, 140))
    source = Grid(((1.7, 0.0), (0.0, 1.7)))
    whole = onto(image, source, Grid(offset=(-400.0, -400.0)), (900, 900), nearest=nearest)
    window = onto(image, source, Grid(offset=(float(corner[0]), float(corner[1]))), (30, 40), nearest=nearest)
    part = whole[400 + corner[0] : 430 + corner[0], 400 + corner[1] : 440 + corner[1]]
    np.testing.assert_allclose(window, part, atol=1e-6)


def test_a_turned_grid(rng):
    image = rng.normal(size=(30, 40))
    quarter = Grid(((0.0, 1.0), (-1.0, 0.0)), (0.0, 29.0))  # row r lies at column 29 - r, column c at row c
    np.testing.assert_allclose(onto(image, quarter, Grid(), (40, 30)), np.rot90(image, -1), atol=1e-9)
    place = overlap(image.shape, quarter, Grid(), (40, 30))
    assert (place.rows, place.columns) == (slice(0, 40), slice(0, 30))


def test_an_image_that_covers_a_part_is_measured_there_and_that_is_said(hr, sr):
    part = GridImage("part", sr[40:120, 60:220], "YX", Grid(offset=(40.0, 60.0)))
    result = judged(reference=GridImage("hr", hr, "YX"), candidates=(part,))
    expected = peak_signal_noise_ratio(hr[40:120, 60:220], sr[40:120, 60:220], data_range=255)
    assert figure(result, "part", "psnr") == pytest.approx(expected, abs=1e-6)
    assert result.notes == ("part covers 27% of hr; it is measured there.",)
    assert np.isnan(result.maps["part"]["ssim"][39, 100])
    assert np.isfinite(result.maps["part"]["ssim"][40:120, 60:220]).all()


def test_images_that_do_not_overlap_are_refused(hr, sr):
    away = GridImage("away", sr, "YX", Grid(offset=(500.0, 0.0)))
    with pytest.raises(ImageError, match="away and hr do not overlap: look at their scale"):
        judged(reference=GridImage("hr", hr, "YX"), candidates=(away,))


@pytest.mark.parametrize("moved", [(2.5, -1.0), (0.0, 3.0)])
def test_a_shift_is_measured(hr, moved):
    pred = shift(hr.astype(float), [-n for n in moved], mode="nearest", order=3)
    assert measured_shift(pred, hr) == pytest.approx(moved, abs=0.1)
    result = judged(reference=GridImage("hr", hr, "YX"), candidates=(GridImage("sr", pred, "YX"),))
    assert (result.shifts[0].rows, result.shifts[0].columns) == pytest.approx(moved, abs=0.1)


def test_regions_and_borders(hr, sr):
    regions = (Region("cell", slice(20, 100), slice(30, 110)), Region("edge", slice(0, 60), slice(100, 240)))
    result = judged(
        reference=GridImage("hr", hr, "YX"), candidates=(GridImage("sr", sr, "YX"),), regions=regions, crop=4,
        metrics=("psnr",),
    )  # fmt: skip
    for name, part in (("sr · cell", np.s_[20:100, 30:110]), ("sr · edge", np.s_[4:60, 100:236])):
        expected = peak_signal_noise_ratio(hr[part], sr[part], data_range=255)
        assert figure(result, name, "psnr") == pytest.approx(expected, abs=1e-9)
    with pytest.raises(ImageError, match="Inside a border of 100 pixels, nothing of sr"):
        judged(reference=GridImage("hr", hr, "YX"), candidates=(GridImage("sr", sr, "YX"),), crop=100)


def test_intensity_matching_undoes_scale_and_offset_and_is_said(hr, sr):
    candidates = (GridImage("sr", 0.5 * sr + 20, "YX"),)
    plain = judged(reference=GridImage("hr", hr, "YX"), candidates=candidates)
    matched = judged(reference=GridImage("hr", hr, "YX"), candidates=candidates, match=True)
    assert figure(matched, "sr", "psnr") > figure(plain, "sr", "psnr") + 10
    assert "scale and offset fitted" in matched.table.conditions_line()
    assert "intensity: as it is" in plain.table.conditions_line()


def test_stacks_are_measured_plane_by_plane(hr, rng):
    stack = np.stack([hr, hr[::-1], hr[:, ::-1]])
    noise = np.array([2, 4, 8])[:, None, None] * rng.normal(size=stack.shape)
    result = judged(
        reference=GridImage("hr", stack, "TYX"),
        candidates=(GridImage("sr", stack + noise, "TYX"), GridImage("one", hr.astype(float) + 1, "YX")),
    )
    planes = [one["psnr"] for one in result.per_plane["sr"]]
    expected = [peak_signal_noise_ratio(t, t + n, data_range=255) for t, n in zip(stack, noise, strict=True)]
    assert planes == pytest.approx(expected)
    row = result.table.rows[0]
    assert (row.means["psnr"], row.deviations["psnr"]) == pytest.approx((np.mean(expected), np.std(expected)))
    assert result.maps["sr"]["ssim"].shape == stack.shape
    with pytest.raises(ImageError, match="two has 2 planes, hr has 3"):
        judged(reference=GridImage("hr", stack, "TYX"), candidates=(GridImage("two", stack[:2], "TYX"),))


def test_colours_are_compared_by_their_mean_whatever_their_place(hr, sr):
    colour = np.stack([hr, hr // 2, hr // 3, np.full_like(hr, 255)], axis=-1)  # the last is transparency
    placed = GridImage("hr", colour, "YXS")
    np.testing.assert_allclose(placed.plane(0), colour[..., :3].mean(-1))
    result = judged(reference=placed, candidates=(GridImage("sr", colour[..., :3].mean(-1), "YX"),))
    assert figure(result, "sr", "psnr") == np.inf


def test_densities_are_compared_on_their_logarithm_and_scored_on_themselves(rng):
    density = np.exp(gaussian_filter(rng.normal(size=(128, 128)), 2) * 8).astype(np.float32)
    lr, pred = means(density), density * 1.1
    result = judged(
        reference=GridImage("hr", density, "YX"), density=True,
        candidates=(GridImage("lr", lr, "YX", LR), GridImage("sr", pred, "YX")),
    )  # fmt: skip
    target, ours = log_density(density), log_density(pred)
    expected = peak_signal_noise_ratio(target, ours, data_range=np.ptp(target))
    assert figure(result, "sr", "psnr") == pytest.approx(expected, abs=1e-6)
    nearest = np.kron(lr, np.ones((4, 4)))
    score = spectrum_score(pred, density, nearest)
    assert figure(result, "sr", "spectrum_score") == pytest.approx(score, abs=1e-6)
    assert "log10(density + 0.02)" in result.table.conditions_line()


def test_what_would_flatter_or_mean_nothing_is_refused(hr, sr):
    reference = GridImage("hr", hr, "YX")
    with pytest.raises(ImageError, match="smaller than the range"):
        judged(reference=reference, candidates=(GridImage("sr", sr, "YX"),), data_range=100)
    nothing = GridImage("hr", np.full(hr.shape, np.nan), "YX")
    with pytest.raises(ImageError, match="no finite values"):
        judged(reference=nothing, candidates=(GridImage("sr", sr, "YX"),))
    with pytest.raises(ImageError, match="nothing to compare"):
        judged(reference=reference, candidates=())


def test_root_squared_and_signed_maps(hr, sr):
    result = judged(
        reference=GridImage("hr", hr, "YX"), candidates=(GridImage("sr", sr, "YX"),), maps=("signed", "root-squared")
    )
    np.testing.assert_allclose(result.maps["sr"]["signed"], sr - hr, atol=1e-4)
    assert set(result.maps["sr"]) == {"signed", "root-squared"}
