"""The degradation of one's own microscope, measured on one of its images."""

import math
import re

import numpy as np
import pytest
import tifffile

from napari_sr.degradations import degrade, low_resolution, make_degradation
from napari_sr.degradations.composed import parse
from napari_sr.images.samples import load_sample
from napari_sr.inference.own_microscope import degradation_like, degradation_like_file


@pytest.fixture(scope="module")
def hr():
    return load_sample("em-phantom").hr[:512, :512]


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("blur", [0.5, 0.8, 1.1])
def test_blur_comes_back(hr, scale, blur):
    lr = degrade(hr, f"gaussian(sigma={blur * scale}) + area", scale).astype(np.uint8)
    steps = dict(parse(degradation_like(lr, scale)))
    assert steps["gaussian"]["sigma"] / scale == pytest.approx(blur, abs=0.2)
    assert "area" in steps
    assert "shot" not in steps


@pytest.mark.parametrize("photons", [20, 60, 200])
def test_photons_come_back(hr, photons):
    lr = degrade(hr.astype(np.float32), f"gaussian(sigma=3) + area + shot(photons={photons})", 4)
    steps = dict(parse(degradation_like(lr, 4)))
    assert 0.5 < steps["shot"]["photons"] / photons < 2


@pytest.mark.parametrize("percent", [2, 5, 10])
def test_even_noise_comes_back(hr, percent):
    lr = degrade(hr.astype(np.float32), f"gaussian(sigma=3) + area + noise(sigma={percent})", 4)
    text = degradation_like(lr, 4)
    chain = make_degradation(text, 4).bound_to(np.linspace(0, 1, 4).reshape(2, 2))
    suffered = chain.suffered()
    # as even noise, or as photons with much read noise: what counts is how much
    middle = math.sqrt(suffered.intercept + suffered.slope / 2)
    assert 100 * middle == pytest.approx(percent, rel=0.4)


def test_what_was_measured_makes_images_like_it(hr):
    first = degrade(hr, "gaussian(sigma=3) + area + shot(photons=50)", 4).astype(np.uint8)
    second = degrade(hr, degradation_like(first, 4), 4, seed=1).astype(np.uint8)
    assert np.std(second) == pytest.approx(np.std(first), rel=0.15)
    gradients = [float(np.std(np.diff(image.astype(float), axis=0))) for image in (first, second)]
    assert gradients[1] == pytest.approx(gradients[0], rel=0.2)


def test_constant_images_have_nothing_to_measure():
    assert degradation_like(np.full((40, 40), 9, np.uint8), 4).endswith("area")


def test_files_of_stacks_too(tmp_path, hr):
    lr = degrade(hr, "gaussian(sigma=3) + area", 4).astype(np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([lr] * 3), imagej=True, metadata={"axes": "ZYX"})
    assert degradation_like_file(tmp_path / "stack.tif", 4) == degradation_like(lr, 4)


@pytest.mark.parametrize("value", [0, 255])
def test_blank_margins_are_no_range_of_brightness(rng, value):
    hr = np.asarray(load_sample("em-phantom").hr)
    lr = low_resolution(hr, make_degradation("gaussian(sigma=2) + area + noise(sigma=6)", 4), rng).astype(np.uint8)
    framed = np.pad(lr, 30, constant_values=value)
    noise = [float(re.search(r"noise\(sigma=([\d.]+)\)", degradation_like(image, 4))[1]) for image in (lr, framed)]
    assert noise[1] == pytest.approx(noise[0], rel=0.15)


def test_simulated_densities_have_no_noise(rng):
    density = np.asarray(load_sample("nbody").hr)
    lr = low_resolution(density, make_degradation("gaussian(sigma=2) + area", 4), rng).astype(np.float32)
    steps = degradation_like(lr, 4).split(" + ")
    assert [step.partition("(")[0] for step in steps] == ["gaussian", "area"]
    assert float(steps[0][len("gaussian(sigma=") : -1]) == pytest.approx(2, abs=0.4)
