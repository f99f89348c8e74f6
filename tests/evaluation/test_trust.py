"""Consistency, uncertainty, and whether planted fakes are found."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from small_models import make_model

from napari_sr import load_model, upscale
from napari_sr.degradations import PRESETS, degrade, make_degradation
from napari_sr.errors import ConfigError, ImageError
from napari_sr.evaluation.planted import found_by, plant_copies, plant_stripes
from napari_sr.evaluation.trust import (
    Consistent,
    Uncertain,
    iter_consistency,
    iter_uncertainty,
    plane_consistency,
    turned,
    turned_back,
)
from napari_sr.inference import Progress
from napari_sr.metrics.sfrc import sfrc_map


@pytest.fixture
def hr(rng):
    return np.clip(128 + 300 * gaussian_filter(rng.normal(size=(256, 256)), 2), 0, 255).astype(np.uint8)


def last(events):
    *before, result = events
    assert all(isinstance(event, Progress) for event in before)
    return result


def test_the_truth_is_consistent_with_what_it_was_degraded_to(hr):
    lr = degrade(hr, "em", 4)
    found = plane_consistency(hr, lr, scale=4, degradation="em")
    assert found.rse < 0.5  # the LR image was rounded
    assert (found.scale, found.offset, found.sigma) == (1.0, 0.0, None)
    wrong = plane_consistency(hr[::-1].copy(), lr, scale=4, degradation="em")
    assert wrong.rse > 10 * found.rse


def test_a_degradation_that_is_not_known_is_fitted(hr):
    lr = 0.5 * degrade(hr, "em", 4) + 3
    found = plane_consistency(hr, lr, scale=4)
    assert found.rsp > 0.999
    assert found.scale == pytest.approx(0.5, rel=0.02)
    assert found.sigma == pytest.approx(3, abs=0.7)  # a block mean blurs a little more than bilinear reduction


@pytest.mark.parametrize("name", list(PRESETS))
def test_noise_does_not_make_a_picture_inconsistent(name):
    """What a preset does on average is the same twice, or it is said that it is not known."""
    chain = make_degradation(name, 2).without_noise()
    drawn = {"any-density", "second-order", "microscope", "light-microscope"}  # for every image anew
    assert (chain is None) == (name in drawn)
    image = np.random.default_rng(3).random((32, 32), dtype=np.float32) + 0.1
    if chain is not None:
        first, second = (chain(image, np.random.default_rng(seed)) for seed in (0, 1))
        np.testing.assert_array_equal(first, second)
        assert first.shape == (16, 16)


def test_noisy_images_have_a_residual_of_their_noise(rng):
    hr = (gaussian_filter(rng.random((256, 256)), 3) * 1000).astype(np.float32)
    lr = degrade(hr, "fluorescence", 2)
    found = plane_consistency(hr, lr, scale=2, degradation="fluorescence")
    clean = make_degradation("fluorescence", 2).without_noise()(hr, rng)
    assert found.rse == pytest.approx(float(np.std(lr - clean)), rel=0.05)


def test_stacks_and_colours_plane_by_plane(hr):
    lr = np.stack([degrade(hr, "em", 4), degrade(hr[::-1].copy(), "em", 4)])
    sr = np.stack([hr, hr])
    found = last(iter_consistency(sr, lr, axes="ZYX", scale=4, degradation="em"))
    assert isinstance(found, Consistent)
    assert np.abs(found.residual[0]).max() < 1.5 < np.abs(found.residual[1]).max()
    single = plane_consistency(sr[1], lr[1], scale=4, degradation="em")
    np.testing.assert_allclose(found.residual[1], single.residual, atol=1e-4)
    colour = np.moveaxis(lr, 0, -1)
    both = np.stack([colour[..., 0], colour[..., 1], colour[..., 0]], axis=-1)
    rgb = last(iter_consistency(np.stack([hr] * 3, -1), both, axes="YXS", scale=4, degradation="em"))
    np.testing.assert_allclose(rgb.residual[..., 1], single.residual, atol=1e-4)
    assert "RSE" in found.sentence()


def test_densities_are_compared_on_their_logarithm(rng):
    density = np.exp(gaussian_filter(rng.normal(size=(64, 64)), 2) * 8).astype(np.float32)
    lr = degrade(density, "nbody", 4)
    assert plane_consistency(density, lr, scale=4, degradation="nbody", density=True).rse < 1e-5


def test_images_that_do_not_belong_together_are_refused(hr):
    with pytest.raises(ImageError, match="does not belong"):
        plane_consistency(hr, hr[:60, :60], scale=4)
    with pytest.raises(ImageError, match="not finite"):
        plane_consistency(np.full((64, 64), np.nan), np.zeros((16, 16)), scale=4)


@pytest.mark.parametrize("axes", ["YX", "ZYX", "YXS", "XYZ"])
def test_symmetries_are_eight_different_ones_and_are_undone(axes, rng):
    image = rng.normal(size=tuple({"Y": 5, "X": 7, "Z": 2, "S": 3}[a] for a in axes))
    seen = set()
    for which in range(8):
        view = turned(image, axes, which)
        np.testing.assert_array_equal(turned_back(view, axes, which), image)
        seen.add((view.shape, view.tobytes()))
    assert len(seen) == 8


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_interpolation_does_not_hesitate_and_a_network_does(precision, hr):
    lr, settings = hr[:41, :50].copy(), {"device": "cpu", "precision": precision}
    bicubic = load_model("bicubic-x4")
    sure = last(iter_uncertainty(lr, [bicubic], axes="YX", **settings))
    assert isinstance(sure, Uncertain)
    assert sure.members == 8
    assert sure.deviation.max() < 1e-3
    np.testing.assert_allclose(sure.mean, upscale(lr, bicubic, dtype=np.float32, **settings), atol=1e-3)
    model = make_model()
    unsure = last(iter_uncertainty(lr, [model], axes="YX", **settings))
    views = [np.ascontiguousarray(turned(lr, "YX", i)) for i in range(8)]
    preds = [turned_back(upscale(view, model, dtype=np.float32, **settings), "YX", i) for i, view in enumerate(views)]
    np.testing.assert_allclose(unsure.deviation, np.std(preds, axis=0), atol=1e-3)
    np.testing.assert_allclose(unsure.mean, np.mean(preds, axis=0), atol=1e-3)
    assert unsure.deviation.shape == (164, 200)
    assert "8 views" in unsure.sentence()


def test_several_models_of_one_scale(hr):
    lr, settings = hr[:20, :20].copy(), {"device": "cpu", "precision": "fp32"}
    models = [load_model("nearest-x4"), load_model("bicubic-x4")]
    both = last(iter_uncertainty(lr, models, axes="YX", **settings))
    nearest, bicubic = (upscale(lr, model, dtype=np.float32, **settings) for model in models)
    np.testing.assert_allclose(both.deviation, np.abs(nearest - bicubic) / 2, atol=1e-2)
    with pytest.raises(ConfigError, match="one scale"):
        last(iter_uncertainty(lr, [load_model("nearest-x4"), load_model("bicubic-x2")], axes="YX"))


def test_copied_detail_is_found_and_what_the_degradation_erases_is_not(hr, rng):
    """The honest limit of a consistency map: of stripes finer than the blur, nothing is left to compare."""
    lr = degrade(hr, "em", 4)
    for planted, seen in (
        (plant_copies(hr, count=8, side=32, rng=rng), True),
        (plant_stripes(hr, count=8, side=32, period=3, amplitude=30, rng=rng), False),
    ):
        residual = np.abs(plane_consistency(planted.pred, lr, scale=4, degradation="em").residual)
        by_consistency = found_by(np.kron(residual, np.ones((4, 4))), planted.mask, side=16)
        assert by_consistency > 0.9 if seen else by_consistency < 0.65
        # beside a reference, both are found
        assert found_by(sfrc_map(planted.pred, hr).unexplained, planted.mask, side=16) > 0.9


def test_the_area_under_the_curve_is_that_of_all_pairs(rng):
    scores, mask = rng.normal(size=(12, 12)), rng.random((12, 12)) < 0.3
    pairs = scores[mask][:, None] > scores[~mask][None, :]
    assert found_by(scores, mask) == pytest.approx(pairs.mean())
