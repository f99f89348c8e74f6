"""Pixels without a value, constant images, models of one name: figures over what is there, and said."""

import json
import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from small_models import make_model

from napari_sr.errors import ImageError
from napari_sr.evaluation import evaluate_images, evaluate_models
from napari_sr.evaluation.compare import iter_comparison
from napari_sr.evaluation.comparison import Comparison, ComparisonRequest
from napari_sr.evaluation.map_kinds import HALLUCINATED
from napari_sr.evaluation.table import Row, Table
from napari_sr.evaluation.test_set import distinct
from napari_sr.images.grid import GridImage
from napari_sr.metrics import METRICS
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.finite import measured
from napari_sr.metrics.spectral import power_spectrum, score_of_means, spectrum_error, spectrum_score
from napari_sr.metrics.structural import ssim_map
from napari_sr.models.store import load_model


@pytest.fixture
def pair(rng):
    target = rng.normal(size=(64, 72)).cumsum(axis=0)
    return target + 0.3 * rng.normal(size=target.shape), target


@pytest.mark.parametrize("where", ["pred", "target", "both"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixel_by_pixel_over_what_is_finite(where, value, pair):
    pred, target = (image.copy() for image in pair)
    if where in ("pred", "both"):
        pred[3, 4:9] = value
    if where in ("target", "both"):
        target[30, 5] = value
    kept = np.isfinite(pred) & np.isfinite(target)
    span = float(np.ptp(target[np.isfinite(target)]))
    expected = peak_signal_noise_ratio(target[kept], pred[kept], data_range=span)
    assert measured("psnr", pred, target, data_range=span) == pytest.approx(expected)
    assert measured("pearson", pred, target, data_range=span) == pytest.approx(
        np.corrcoef(pred[kept], target[kept])[0, 1]
    )
    for name in METRICS:
        figure = measured(name, pred, target, data_range=span)
        assert figure is None or math.isfinite(figure)
        assert (figure is None) == (not METRICS[name].per_pixel and not METRICS[name].local)


def test_ssim_over_windows_that_are_whole(pair):
    pred, target = (image.copy() for image in pair)
    target[30, 40] = np.nan
    span = float(np.nanmax(target) - np.nanmin(target))
    settings = {
        "data_range": span,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "full": True,
    }
    full = structural_similarity(pair[1], pred, **settings)[1][5:-5, 5:-5]
    whole = np.ones_like(full, bool)
    whole[30 - 5 - 5 : 30 - 5 + 6, 40 - 5 - 5 : 40 - 5 + 6] = False
    assert measured("ssim", pred, target, data_range=span) == pytest.approx(full[whole].mean())


def test_nothing_left_is_no_figure(pair):
    nothing = np.full_like(pair[1], np.nan)
    assert all(measured(name, pair[0], nothing, data_range=1) is None for name in METRICS)
    with pytest.raises(ImageError, match="no finite values"):
        data_range_of([nothing])


def test_one_rule_for_the_data_range(rng):
    grey = rng.integers(10, 99, (9, 9)).astype(np.uint8)
    assert data_range_of([grey, grey]) == 255
    assert data_range_of([grey], np.log1p) == pytest.approx(np.ptp(np.log1p(grey)))
    assert data_range_of([grey, grey.astype(np.uint16) * 9]) == 9 * int(grey.max()) - int(grey.min())
    assert data_range_of([np.array([[1.0, np.nan], [3.0, np.inf]])]) == 2
    assert data_range_of([np.full((3, 3), 7.0)]) == 1
    assert data_range_of(iter([np.array([[0.0]]), np.array([[5.0]])])) == 5


def compared(pred, target, **settings):
    asked = ComparisonRequest(GridImage("truth", target, "YX"), (GridImage("sr", pred, "YX"),), **settings)
    (done,) = [e for e in iter_comparison(asked) if isinstance(e, Comparison)]
    return done


@pytest.mark.parametrize("match", [False, True])
def test_compare_says_what_it_left_out(match, pair):
    pred, target = (image.copy() for image in pair)
    target[30, 5:8] = np.nan
    done = compared(pred, target, match=match, maps=("ssim", "absolute", HALLUCINATED))
    assert any("3 pixels of sr, or of truth there, are not finite" in note for note in done.notes)
    figures = done.table.rows[0].means
    assert math.isfinite(figures["psnr"])
    assert figures["frc_resolution"] is None
    assert np.isnan(done.maps["sr"]["absolute"]).sum() == 3
    assert HALLUCINATED not in done.maps["sr"]


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_constant_images_have_figures_in_words(value, pair):
    flat = np.full((64, 64), value)
    done = compared(flat, flat, maps=("ssim", "absolute"))
    assert done.table.rows[0].means["psnr"] == math.inf
    assert done.table.rows[0].means["pearson"] is None
    assert "∞" in done.table.to_markdown()


def test_the_targets_of_an_evaluation_may_have_holes(rng):
    target = rng.random((40, 40)).astype(np.float32)
    target[5, 5] = np.nan
    table = evaluate_images({"a": [np.nan_to_num(target)]}, [target])
    assert math.isinf(table.rows[0].means["psnr"])
    assert "not finite, left out: 1" in table.conditions_line()


def test_json_tells_infinite_from_undefined():
    means = {"psnr": math.inf, "ssim": None, "rmse": math.nan, "mae": 0.5}
    table = Table((Row("a", means, dict.fromkeys(means)),), tuple(means), 1, {}, {"a": [means]})
    text = json.dumps(table.to_dict(), allow_nan=False)
    assert json.loads(text)["rows"][0]["mean"] == {"psnr": "Infinity", "ssim": None, "rmse": None, "mae": 0.5}


def test_models_of_one_name_have_rows_of_their_own(rng):
    targets = [rng.random((48, 48)).astype(np.float32)]
    models = [make_model("wgan", 2), make_model("wgan", 2)]
    with_names = evaluate_models(models, targets, degradation="area", device="cpu", names=["run1/m", "run2/m"])
    assert [row.name for row in with_names.rows] == ["bicubic-x2", "run1/m", "run2/m"]
    name = models[0].card.name
    alone = evaluate_models(models, targets, degradation="area", device="cpu")
    assert [row.name for row in alone.rows] == ["bicubic-x2", name, f"{name} (2)"]
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]


def test_the_spectrum_has_both_scores_and_its_error(rng):
    targets = [rng.lognormal(size=(32, 32)) * (1 + 9 * n) for n in range(3)]
    lr = [t.reshape(16, 2, 16, 2).mean((1, 3)) for t in targets]
    sr = [t + 0.1 * n * rng.normal(size=t.shape) for n, t in enumerate(targets)]
    table = evaluate_images({"sr": sr}, targets, lr_images=lr, density=True, crop=4)
    row = next(r for r in table.rows if r.name == "sr")
    nearest = [np.kron(x, np.ones((2, 2))) for x in lr]
    mine = [np.mean((power_spectrum(s)[1] - power_spectrum(t)[1]) ** 2) for s, t in zip(sr, targets, strict=True)]
    theirs = [
        np.mean((power_spectrum(s)[1] - power_spectrum(t)[1]) ** 2) for s, t in zip(nearest, targets, strict=True)
    ]
    assert row.means["spectrum_mse"] == pytest.approx(np.mean(mine), rel=1e-5)
    ratios = 1 - np.array(mine) / np.array(theirs)
    assert row.means["spectrum_score"] == pytest.approx(ratios.mean(), rel=1e-4)
    assert row.means["spectrum_score_of_means"] == pytest.approx(1 - np.mean(mine) / np.mean(theirs), rel=1e-4)
    assert spectrum_error(sr[1], targets[1]) == pytest.approx(mine[1])
    assert spectrum_score(sr[1], targets[1], nearest[1]) == pytest.approx(score_of_means(mine[1:2], theirs[1:2]))
    for text in (table.to_markdown(), table.to_csv()):
        assert "nan" not in text


def test_the_spectrum_takes_the_whole_field_also_when_a_border_is_left_out(rng):
    hr = rng.lognormal(size=(32, 32))
    sr = hr + 0.1 * rng.normal(size=hr.shape)
    from napari_sr.images.grid import multiple

    lr = GridImage("lr", hr.reshape(16, 2, 16, 2).mean((1, 3)), "YX", multiple(2))
    asked = ComparisonRequest(GridImage("hr", hr, "YX"), (lr, GridImage("sr", sr, "YX")), density=True, crop=5, maps=())
    (done,) = [e for e in iter_comparison(asked) if isinstance(e, Comparison)]
    figures = next(r for r in done.table.rows if r.name == "sr").means
    nearest = np.kron(lr.data, np.ones((2, 2)))
    assert figures["spectrum_score"] == pytest.approx(spectrum_score(sr, hr, nearest), rel=1e-6)


@pytest.mark.parametrize("value", [0, 3, 255])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("degradation", ["em", "microscope", "fluorescence", "area"])
def test_models_on_constant_images(value, dtype, degradation):
    flat = np.full((64, 64), value, dtype)
    table = evaluate_models([load_model("em-x4")], [flat], degradation=degradation, device="cpu")
    assert math.isfinite(table.rows[1].means["psnr"]) or table.rows[1].means["psnr"] == math.inf


def test_a_range_is_compared_with_finite_values(pair):
    pred, target = (image.copy() for image in pair)
    span = float(np.ptp(target))
    target[2, 2] = np.inf
    assert np.isfinite(ssim_map(pred, target, data_range=span)[0])
    with pytest.raises(ImageError, match="smaller than the range"):
        ssim_map(pred, target, data_range=span / 3)
    with pytest.raises(ImageError, match="no finite values"):
        ssim_map(pred, np.full_like(target, np.nan), data_range=1)


def test_holes_in_a_picture_are_said_too(rng):
    target = rng.random((40, 40)).astype(np.float32)
    picture = target + 0.1
    picture[5, 5:8] = np.nan
    table = evaluate_images({"mine": picture[None]}, [target])
    assert table.rows[0].means["psnr"] == pytest.approx(20 + 20 * np.log10(np.ptp(target)), abs=1e-3)
    assert "pixels of mine that are not finite, left out: 3" in table.conditions_line()
