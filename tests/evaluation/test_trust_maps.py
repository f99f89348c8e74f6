"""``napari-sr maps`` without a truth: by the image's own blur, and what is said of it."""

import numpy as np
import pytest
import tifffile

from napari_sr import load_model, load_sample, upscale
from napari_sr.cli.maps import command
from napari_sr.degradations import degrade
from napari_sr.errors import ConfigError
from napari_sr.estimation import estimate
from napari_sr.evaluation.own_degradation import own_degradation
from napari_sr.evaluation.trust import plane_consistency


@pytest.fixture
def files(tmp_path):
    """A sharp and noisy LR image, and what a model made of it that knows neither."""
    hr = np.asarray(load_sample("em-phantom").hr)[:240, :240]
    lr = degrade(hr, "area + shot(photons=50)", 4).astype(np.uint8)
    sr = upscale(lr, load_model("em-wiener-x4"), dtype=np.float32, device="cpu", precision="fp32")
    for name, image in (("lr", lr), ("sr", sr)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    return tmp_path, lr, sr


def maps(folder, capsys, **options):
    given = {
        "hr": None, "model": ["em-wiener-x4"], "error": "absolute", "degradation": None, "blur": None,
        "density": False, "overwrite": True,
    }  # fmt: skip
    command(folder / "sr.tif", folder / "maps", lr=folder / "lr.tif", **(given | options))
    return tifffile.imread(folder / "maps" / "consistency-map.tif"), capsys.readouterr().out


def test_the_images_own_blur_is_used_and_worms_are_told(files, capsys):
    folder, lr, sr = files
    found, text = maps(folder, capsys)
    own = own_degradation(estimate(lr).blur.sigma, 4)
    np.testing.assert_allclose(found, plane_consistency(sr, lr, scale=4, degradation=own).residual, atol=1e-3)
    assert "RED: Fine detail: " in text
    assert "likely invented" in text
    assert "RED: em-wiener-x4 does not fit this image: your image is" in text
    assert "estimated from the image" in text
    card = plane_consistency(sr, lr, scale=4, degradation="em")
    assert f"With the blur on the model's card instead, RSP {card.rsp:.4f}" in text


@pytest.mark.parametrize(
    ("options", "degradation", "said"),
    [
        ({"blur": 0.7}, own_degradation(0.7, 4), "a blur of 0.7 pixels (as set)"),
        ({"degradation": "gaussian(sigma=1) + area"}, "gaussian(sigma=1) + area", "as set (gaussian(sigma=1) + area)"),
        ({"model": None, "blur": 0.5}, own_degradation(0.5, 4), "a blur of 0.5 pixels (as set)"),
    ],
)
def test_what_is_known_of_the_image_can_be_said(files, capsys, options, degradation, said):
    folder, lr, sr = files
    found, text = maps(folder, capsys, **options)
    expected = plane_consistency(sr, lr, scale=4, degradation=degradation).residual
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert said in text
    assert ("does not fit" in text) == (options.get("model", True) is not None)


def test_one_of_both(files, capsys):
    with pytest.raises(ConfigError, match="not both"):
        maps(files[0], capsys, blur=0.5, degradation="area")
