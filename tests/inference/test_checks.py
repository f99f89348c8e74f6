"""What can be seen of a result without a reference."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_sr import iter_upscale, load_model, upscale
from napari_sr.degradations import degrade
from napari_sr.images.samples import load_sample
from napari_sr.inference.checks import BLOCK, CUT, DRIFT, Checks, block_means
from napari_sr.inference.recommend import look_at, seen


def last(image, model, **settings):
    *_, finished = iter_upscale(image, load_model(model), precision="fp32", **settings)
    return finished.report


def test_block_means_are_means_of_blocks(rng):
    image = rng.random((37, 50))
    means = block_means(image, 8)
    assert means.shape == (4, 6)
    assert means[1, 2] == pytest.approx(image[8:16, 16:24].mean())


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(
    ("drift", "noise", "found"),
    [(0.0, 0.0, False), (0.9, 0.0, False), (1.5, 0.0, True), (-1.5, 0.0, True), (1.5, 5.0, False), (-3.0, 5.0, True)],
)
def test_brightness_that_moves_is_told(scale, drift, noise, found, rng):
    lr = gaussian_filter(rng.random((64, 64)), 2) * 1000
    sr = np.repeat(np.repeat(lr, scale, 0), scale, 1) + drift * DRIFT * 1000
    checks = Checks()
    checks.add(torch.from_numpy(sr), lr, scale=scale, span=1000.0, noise=noise)
    problems = checks.problems(0, sr.size)
    assert bool(problems) == found
    if found:
        assert ("brighter" if drift > 0 else "darker") in problems[0]


def test_a_few_blocks_may_differ(rng):
    lr = rng.random((10 * BLOCK, 10 * BLOCK))
    sr = np.repeat(np.repeat(lr, 2, 0), 2, 1)
    sr[: 2 * BLOCK, : 8 * BLOCK] += 1.0  # 4 of 100 blocks
    checks = Checks()
    checks.add(torch.from_numpy(sr), lr, scale=2, span=1.0, noise=0.0)
    assert not checks.problems(0, sr.size)


@pytest.mark.parametrize("dark", [0.0, 0.01])
def test_values_beyond_the_type_are_told_unless_the_image_is_there_itself(dark, rng):
    lr = rng.integers(60, 200, (100, 100)).astype(np.uint8)
    lr[: round(100 * dark)] = 0
    checks = Checks()
    checks.add(torch.zeros(200, 200), lr, scale=2, span=None, noise=0.0)
    limit = (CUT + 2 * dark) * 40_000
    assert not checks.problems(int(limit), 40_000)
    assert "beyond the limits" in checks.problems(int(limit) + 20, 40_000)[0]


@pytest.mark.parametrize("model", ["em-wiener-x4", "em-wgan-pixel-x4"])
def test_a_model_on_an_image_that_it_suits_has_no_problems_and_on_another_has(model):
    hr = load_sample("em-phantom").hr[:400, :400]
    fitting, sharp = degrade(hr, "em", 4).astype(np.uint8), degrade(hr, "area", 4).astype(np.uint8)
    assert not last(fitting, model).problems
    assert last(sharp, model).problems


def test_problems_do_not_depend_on_tiles():
    hr = load_sample("em-phantom").hr[:512, :512]
    sharp = degrade(hr, "area", 4).astype(np.uint8)
    whole, tiled = last(sharp, "em-wiener-x4"), last(sharp, "em-wiener-x4", tile=76)
    assert whole.saturated == tiled.saturated
    assert len(whole.problems) == len(tiled.problems) > 0


def test_interpolation_keeps_brightness(image):
    assert not last(image, "bicubic-x4").problems


@pytest.mark.parametrize("axes", ["YX", "ZYX", "CZYX", "YXS"])
def test_images_of_any_dimension_are_looked_at(axes, image):
    shape = {"Z": 3, "C": 2, "S": 3}
    stack = image
    for axis in reversed(axes.replace("YX", "").replace("S", "")):
        stack = np.stack([stack] * shape[axis])
    if "S" in axes:
        stack = np.stack([stack] * 3, axis=-1)
    assert seen(stack, axes, kind="EM") == seen(image, "YX", kind="EM")


def test_of_a_large_image_a_part_is_looked_at(rng):
    large = np.zeros((3000, 2600), np.uint8)
    large[1500:, 1300:] = rng.integers(0, 255, (1500, 1300))
    found = seen(large, "YX", kind="EM")
    assert found.noise > 5  # not the empty part


def test_pixel_sizes_of_files_count_in_nanometres(tmp_path, image):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(10, 10), metadata={"unit": "um"})
    assert look_at(tmp_path / "a.tif").pixel_nm == pytest.approx(100)
    tifffile.imwrite(tmp_path / "b.tif", image)
    assert look_at(tmp_path / "b.tif").pixel_nm is None
    assert upscale(image, load_model("bicubic-x2")).shape == (192, 160)
