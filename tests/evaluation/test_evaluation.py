import json

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from small_models import make_model

from napari_sr import load_model
from napari_sr.degradations import degrade
from napari_sr.errors import ImageError
from napari_sr.evaluation import evaluate_images, evaluate_models
from napari_sr.evaluation.natural import natural_model
from napari_sr.evaluation.reference import Compared, iter_compared
from napari_sr.images.samples import load_sample
from napari_sr.inference import Progress, Upscaler, upscale
from napari_sr.metrics.naturalness import fit_naturalness, niqe, shipped_model


@pytest.fixture
def truth(rng):
    smooth = gaussian_filter(rng.normal(size=(2, 128, 120)), (0, 4, 4))
    return [np.clip(128 + 900 * plane, 0, 255).astype(np.uint8) for plane in smooth]


def test_bicubic_is_the_first_row_and_figures_are_those_of_scikit_image(truth, automatic):
    table = evaluate_models([make_model(), load_model("lanczos-x4")], truth, degradation="area")
    assert [r.name for r in table.rows] == ["bicubic-x4", "small-wgan-x4", "lanczos-x4"]
    expected = []
    for plane in truth:
        sr = upscale(degrade(plane, "area", 4), load_model("bicubic-x4"), precision=automatic)[4:-4, 4:-4]
        expected.append(peak_signal_noise_ratio(plane[4:-4, 4:-4].astype(float), sr.astype(float), data_range=255))
    assert table.rows[0].means["psnr"] == pytest.approx(np.mean(expected), abs=1e-9)
    assert table.rows[0].deviations["psnr"] == pytest.approx(np.std(expected), abs=1e-9)
    text = table.to_markdown()
    for condition in ("degradation: area ×4", "data range: 255", "border left out: 4 px", "2 images"):
        assert condition in text
    assert text.splitlines()[2].startswith("| bicubic-x4 |")


def test_densities_are_compared_on_the_log_field_with_a_spectrum_score(rng):
    density = np.exp(gaussian_filter(rng.normal(size=(64, 64)), 2) * 6).astype(np.float32)
    table = evaluate_models([load_model("nearest-x4")], [density], degradation="nbody", density=True)
    assert "of log10(density + 0.02)" in table.to_markdown()
    nearest = next(r for r in table.rows if r.name == "nearest-x4")
    assert nearest.means["spectrum_score"] == pytest.approx(0, abs=1e-4)
    assert nearest.means["ms_ssim"] is None
    assert "–" in table.to_markdown()
    json.dumps(table.to_dict())


def test_perfect_images(truth):
    table = evaluate_images({"same": truth}, truth)
    assert "∞" in table.to_markdown()
    assert table.to_dict()["rows"][0]["mean"]["psnr"] == "Infinity"
    assert table.rows[0].means["ssim"] == pytest.approx(1)


def test_senseless_comparisons_are_refused(truth):
    with pytest.raises(ImageError, match="different scales"):
        evaluate_models([load_model("bicubic-x2"), load_model("bicubic-x4")], truth, degradation="em")
    with pytest.raises(ImageError, match="has 1 images, the target 2"):
        evaluate_images({"a": truth[:1]}, truth)
    with pytest.raises(ImageError, match="leaves nothing"):
        evaluate_images({"a": truth}, truth, crop=60)


@pytest.mark.parametrize("axes", ["ZYX", "YXS"])
def test_comparison_with_a_reference(axes, truth, rng):
    hr = np.stack(truth) if axes == "ZYX" else np.stack([truth[0]] * 3 + [np.full_like(truth[0], 200)], axis=-1)
    lr = hr[:, ::4, ::4] if axes == "ZYX" else hr[::4, ::4]
    events = list(iter_compared(lr, Upscaler(make_model(), precision="fp32"), hr, axes=axes))
    assert all(isinstance(e, Progress) for e in events[:-1])
    last = events[-1]
    assert isinstance(last, Compared)
    maps = last.comparison.maps["SR"]
    # of colours, the mean of red, green and blue
    target, pred = (x.astype(float) if axes == "ZYX" else x[..., :3].mean(-1) for x in (hr, last.finished.image))
    np.testing.assert_allclose(maps["absolute"], np.abs(pred - target), atol=1e-4)
    planes = list(zip(target, pred, strict=True)) if axes == "ZYX" else [(target, pred)]
    found = {row.name: row.means for row in last.comparison.table.rows}
    expected = [peak_signal_noise_ratio(t, p, data_range=255) for t, p in planes]
    assert found["SR"]["psnr"] == pytest.approx(np.mean(expected), abs=1e-4)
    ssim = [structural_similarity(t, p, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
            for t, p in planes]  # fmt: skip
    assert found["SR"]["ssim"] == pytest.approx(np.mean(ssim), abs=0.01)
    bicubic = upscale(lr, load_model("bicubic-x4"), axes=axes, dtype=np.float32, precision="fp32")
    base = list(bicubic) if axes == "ZYX" else [bicubic[..., :3].mean(-1)]
    expected = [peak_signal_noise_ratio(t, p, data_range=255) for (t, _), p in zip(planes, base, strict=True)]
    assert found["bicubic"]["psnr"] == pytest.approx(np.mean(expected), abs=1e-3)
    assert set(last.comparison.maps["bicubic"]) == set()
    assert last.sentence().startswith(f"PSNR {found['SR']['psnr']:.2f} dB (bicubic")


def test_maps_have_the_axes_of_the_image(truth):
    hr = np.stack(truth).transpose(2, 0, 1)  # X first
    lr = hr[::4, :, ::4]
    last = list(iter_compared(lr, Upscaler(make_model(), precision="fp32"), hr, axes="XZY"))[-1]
    difference = np.abs(last.finished.image.astype(float) - hr)
    np.testing.assert_allclose(last.comparison.maps["SR"]["absolute"], difference, atol=1e-4)


def test_rows_that_fill_no_lr_pixel_are_left_out_of_the_reference(truth):
    hr = truth[0][:127, :119]
    lr = degrade(hr, "area", 4).astype(np.uint8)
    last = list(iter_compared(lr, Upscaler(make_model()), hr, axes="YX"))[-1]
    assert last.comparison.maps["SR"]["absolute"].shape == (124, 116)


def test_a_reference_of_another_size_is_refused_before_the_work(truth):
    with pytest.raises(ImageError, match="result will have"):
        next(iter_compared(truth[0], Upscaler(make_model()), truth[0], axes="YX"))


def test_niqe_of_every_model_and_of_the_truth(rng, tmp_path):
    images = [
        np.clip(128 + 300 * gaussian_filter(rng.normal(size=(384, 384)), 1.5), 0, 255).astype(np.uint8)
        for _ in range(4)
    ]
    own = fit_naturalness(images[1:], data_range=255)
    for number, image in enumerate(images[1:]):
        tifffile.imwrite(tmp_path / f"{number}.tif", image)
    on_files = natural_model(str(tmp_path))
    np.testing.assert_array_equal(on_files.mean, own.mean)
    own.save(tmp_path / "own.npz")
    np.testing.assert_array_equal(natural_model(str(tmp_path / "own.npz")).covariance, own.covariance)
    with pytest.raises(ImageError, match="no NIQE model for images of kind 'nowhere'"):
        natural_model("nowhere")
    table = evaluate_models([load_model("lanczos-x4")], images[:1], degradation="em", naturalness=own)
    found = {row.name: row.means["niqe"] for row in table.rows}
    sr = upscale(degrade(images[0], "em", 4), load_model("lanczos-x4"), dtype=np.float32, precision="fp32")
    assert found["lanczos-x4"] == pytest.approx(niqe(sr[4:-4, 4:-4], own, data_range=255))
    assert found["truth (HR)"] == pytest.approx(niqe(images[0][4:-4, 4:-4], own, data_range=255))
    assert found["truth (HR)"] < found["bicubic-x4"]
    assert "NIQE (fitted on such images) ↓" in table.to_markdown()
    assert table.rows[-1].means["psnr"] is None
    small = evaluate_models([load_model("lanczos-x4")], [images[0][:64, :64]], degradation="em", naturalness=own)
    assert all(row.means["niqe"] is None for row in small.rows)


@pytest.mark.parametrize("kind", ["EM", "N-body"])
def test_shipped_niqe_models_have_all_features(kind):
    model = shipped_model(kind)
    assert model.mean.shape == (36,)
    assert np.linalg.eigvalsh(model.covariance).min() >= -1e-9
    assert model.patches > 36
    with pytest.raises(ImageError, match="Fit one on sharp images"):
        shipped_model("cats")


def test_on_the_phantom_the_model_that_was_fitted_on_em_prefers_the_truth():
    phantom = load_sample("em-phantom").hr
    model = natural_model("EM")
    blurred = gaussian_filter(phantom.astype(float), 2)
    assert niqe(phantom, model, data_range=255) < niqe(blurred, model, data_range=255)
