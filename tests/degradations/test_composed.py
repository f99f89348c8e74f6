"""Compositions against scipy, torch and Pillow, and what is refused."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_sr.degradations import degrade, make_degradation
from napari_sr.degradations.composed import STEPS, canonical, parse
from napari_sr.errors import ConfigError
from napari_sr.intensity import Intensity
from napari_sr.training.data.patches import PatchDataset, Plane2D, lr_of

#: what each step needs
PARAMETERS = {
    "gaussian": "(sigma=1.5)", "elliptic": "(sigma=2, across=0.7, angle=30)", "sinc": "(cutoff=0.2)",
    "shot": "(photons=500, read=2)", "noise": "(sigma=3)", "jpeg": "(quality=80)",
}  # fmt: skip
REDUCTIONS = ("area", "bilinear", "bicubic")
EVERY_STEP = [n if n in REDUCTIONS else f"{n}{PARAMETERS[n]} + area" for n in STEPS]


def reduced(image, scale):
    height, width = image.shape
    return image.reshape(height // scale, scale, width // scale, scale).mean(axis=(1, 3))


@pytest.mark.parametrize("text", EVERY_STEP)
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_contract(text, scale, rng):
    hr = rng.uniform(0, 200, (50, 43)).astype(np.float32)
    lr = degrade(hr, text, scale, seed=1)
    assert lr.shape == (50 // scale, 43 // scale)
    assert lr.dtype == np.float32
    chain = make_degradation(text, scale)
    assert chain.random == bool(np.any(lr != degrade(hr, text, scale, seed=2)))
    assert chain.name == canonical(chain.name)
    assert make_degradation(chain.name, scale).reach == chain.reach


@pytest.mark.parametrize("text", [*EVERY_STEP, "area + gaussian(sigma=1)", "bicubic + noise(sigma=1)"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_and_hr_are_registered(text, scale):
    """The centre of mass of a blob stays where it was, in units of HR pixels."""
    hr = np.zeros((120, 120))
    hr[59, 56] = 1e5
    hr = gaussian_filter(hr, 6) + 10
    lr = np.mean([degrade(hr, text, scale, seed=s) for s in range(30)], axis=0) - 10
    rows, columns = np.mgrid[: lr.shape[0], : lr.shape[1]] * scale + (scale - 1) / 2
    near = np.hypot(rows - 59, columns - 56) < 26
    assert (rows * lr)[near].sum() / lr[near].sum() == pytest.approx(59, abs=0.3)
    assert (columns * lr)[near].sum() / lr[near].sum() == pytest.approx(56, abs=0.3)


def test_steps_are_done_in_order(rng):
    hr = rng.uniform(0, 255, (48, 60)).astype(np.float32)
    before = reduced(gaussian_filter(hr, 1.5), 4)
    np.testing.assert_allclose(degrade(hr, "gaussian(1.5) + area", 4), before, rtol=1e-5)
    after = gaussian_filter(reduced(hr, 4), 1.5)
    np.testing.assert_allclose(degrade(hr, "area + gaussian(1.5)", 4), after, rtol=1e-5)


def test_an_elliptic_blur_is_scipys(rng):
    hr = rng.uniform(0, 255, (64, 64)).astype(np.float32)
    for angle, sigma in ((0, (2.0, 0.8)), (90, (0.8, 2.0))):
        expected = reduced(gaussian_filter(hr, sigma), 2)
        np.testing.assert_allclose(degrade(hr, f"elliptic(2, 0.8, {angle}) + area", 2), expected, atol=0.05)


def test_bicubic_is_torchs(rng):
    hr = rng.uniform(0, 255, (48, 64)).astype(np.float32)
    for scale in (2, 4):
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(hr)[None, None], scale_factor=1 / scale, mode="bicubic", antialias=True
        )
        np.testing.assert_allclose(degrade(hr, "bicubic", scale), expected[0, 0].numpy(), atol=0.01)


@pytest.mark.parametrize("cutoff", [0.02, 0.05, 0.1, 0.2, 0.35])
def test_a_sinc_stops_what_is_finer_than_its_cutoff(cutoff):
    columns = np.arange(1200)
    for frequency, passes in ((0.6 * cutoff, True), (1.25 * cutoff, False)):
        wave = np.broadcast_to(100 * np.sin(2 * np.pi * frequency * columns), (64, 1200)).astype(np.float32)
        inside = degrade(wave, f"sinc(cutoff={cutoff}) + area", 1)[:, 250:-250]
        share = inside.std() / wave[:, 250:-250].std()
        assert share == pytest.approx(1, abs=0.1) if passes else share < 0.1


def test_lr_images_hold_what_their_type_can_store(rng):
    """Noise and ringing go beyond the type's limits; files do not."""
    hr = np.where(np.indices((64, 64))[0] < 32, 0, 255).astype(np.uint8)
    for text in ("area + noise(sigma=10)", "fluorescence", "sinc(0.15) + bicubic"):
        lr = degrade(hr, text, 2)
        assert (lr.min(), lr.max()) == (0, 255)
        np.testing.assert_array_equal(lr, np.rint(lr))
        assert degrade(hr.astype(np.float32), text, 2).min() < 0


def test_noise_is_as_strong_as_it_says():
    ramp = np.repeat(np.linspace(0, 1000, 500, dtype=np.float32)[:, None], 500, axis=1)
    low, high = np.percentile(ramp, (0.1, 99.9))
    gaussian = degrade(ramp, "area + noise(sigma=2)", 1) - ramp
    assert gaussian.std() == pytest.approx(0.02 * (high - low), rel=0.02)
    light = (degrade(ramp, "area + shot(photons=400, read=3)", 1) - ramp)[-50:] / (high - low) * 400
    assert light.var() == pytest.approx(0.95 * 400 + 9, rel=0.05)


def test_jpeg_is_pillows(rng):
    hr = np.rint(gaussian_filter(rng.uniform(0, 255, (64, 64)), 2)).astype(np.uint8)
    hr.flat[:2] = 0, 255  # black and white of the file
    file = io.BytesIO()
    Image.fromarray(hr).save(file, format="jpeg", quality=30)
    np.testing.assert_allclose(degrade(hr, "area + jpeg(30)", 1), np.asarray(Image.open(file)), atol=1e-3)


@pytest.mark.parametrize("text", ["elliptic(3, 1, 20) + bicubic", "sinc(0.3) + area + gaussian(0.8)"])
def test_patches_are_cuts_of_the_whole_image(text, rng):
    """The margin that a patch is cut with is as wide as the steps look."""
    hr = gaussian_filter(rng.normal(size=(160, 160)), 1) * 1000
    chain = make_degradation(text, 2)
    patches = PatchDataset(
        planes=[Plane2D(hr.astype(np.float32))], degradation=chain, scale=2, intensity=Intensity(), lr_patch=16,
        length=20, seed=0, rotate=False, flip=False,
    )  # fmt: skip
    whole = patches.fitted(0).forward(lr_of(hr.astype(np.float32), chain))
    windows = np.lib.stride_tricks.sliding_window_view(whole, (16, 16))
    for lr, *_ in (patches[i] for i in range(20)):
        assert np.abs(windows - lr[0].numpy()).max(axis=(2, 3)).min() < 2e-3


def test_on_average_noise_and_compression_are_gone(rng):
    hr = rng.uniform(0, 200, (40, 40)).astype(np.float32)
    noisy = make_degradation("gaussian(1) + area + shot(50, 2) + noise(3) + jpeg(40)", 2).without_noise()
    np.testing.assert_allclose(noisy(hr, rng), degrade(hr, "gaussian(1) + area", 2), rtol=1e-5)


def test_values_may_be_given_in_order_or_by_name():
    assert canonical("gaussian(2)+area+shot(80,read=2.5)") == "gaussian(sigma=2) + area + shot(photons=80, read=2.5)"
    assert parse("jpeg(quality=1e1) + area")[0] == ("jpeg", {"quality": 10.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("a b", "cannot be read"),
        ("gaussian(sigma=x) + area", "cannot be read"),
        ("area - gaussian(2)", "cannot be read"),
        ("gaussian(2)", "larger exactly once"),
        ("area + bicubic", "larger exactly once"),
        ("gaussian() + area", "gaussian takes sigma"),
        ("gaussian(width=2) + area", "gaussian takes sigma"),
        ("area(3)", "area takes nothing"),
        ("gaussian(-1) + area", "sigma must lie between"),
        ("gaussian('2') + area", "sigma must lie between"),
        ("gaussian(sigma={[1]: 2}) + area", "cannot be read"),
        ("sinc(3) + area", "cutoff must lie between"),
        ("__import__('os') + area", "There is no degradation step"),
        ("blur(3) + area", "Known: area, bicubic"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(ConfigError, match=message):
        make_degradation(text, 2)
