"""Which model suits an image, from a shell; and what a model is told there."""

import json

import numpy as np
import pytest
import tifffile

from napari_sr import load_model, upscale
from napari_sr.degradations import degrade
from napari_sr.images.samples import load_sample


@pytest.fixture
def sharp(tmp_path):
    path = tmp_path / "sharp.tif"
    lr = degrade(load_sample("em-phantom").hr[:320, :320], "area", 4).astype(np.uint8)
    tifffile.imwrite(path, lr, imagej=True, resolution=(25, 25), metadata={"unit": "um"})
    return path


@pytest.fixture
def blurred(tmp_path):
    path = tmp_path / "blurred.tif"
    tifffile.imwrite(path, degrade(load_sample("em-phantom").hr[:480, :480], "em", 4).astype(np.uint8))
    return path


def test_models_are_listed_by_how_well_they_suit(run, sharp, blurred):
    code, output, _ = run("recommend", sharp, "--kind", "EM", "--json")
    assert code == 0
    found = json.loads(output)
    assert found["measured"]["pixel_nm"] == pytest.approx(40)
    assert found["measured"]["kind"] == "EM"
    assert not found["measured"]["kind_guessed"]
    by_name = {row["model"]: row for row in found["models"]}
    assert by_name["em-dfcan-x4"]["verdict"] == "red"
    assert by_name["em-dfcan-x4"]["reasons"]
    assert by_name["em-dfcan-x4"]["expected_gain_db"] < -1
    assert by_name["bicubic-x4"]["verdict"] == "green"
    fitting = json.loads(run("recommend", blurred, "--kind", "EM", "--json")[1])
    assert {row["model"]: row for row in fitting["models"]}["em-dfcan-x4"]["verdict"] == "green"
    assert fitting["measured"]["pixel_nm"] is None


def test_for_people_it_is_a_table(run, sharp):
    code, output, errors = run("recommend", sharp, "-s", "4")
    assert code == 0, errors
    assert "a guess" in output
    assert "does not fit" in output
    assert "fluo-wiener-x2" not in output  # another scale


def test_upscaling_with_a_model_that_does_not_suit_warns_and_strictly_fails(run, sharp, tmp_path):
    out = tmp_path / "out.tif"
    code, output, errors = run("upscale", sharp, "-m", "em-wiener-x4", "-o", out)
    assert code == 0, errors
    assert "does not suit" in output
    assert "beyond the limits" in output
    out.unlink()
    code, output, errors = run("upscale", sharp, "-m", "em-wiener-x4", "-o", out, "--strict")
    assert code == 1
    assert not out.exists()
    assert "does not suit" in errors


def test_upscaling_with_a_model_that_suits_says_nothing_of_it(run, blurred, tmp_path):
    code, output, errors = run("upscale", blurred, "-m", "em-wiener-x4", "-o", tmp_path / "out.tif", "--strict")
    assert code == 0, errors
    assert "suit" not in output


@pytest.mark.parametrize("given", [{}, {"blur": 0.9}, {"blur": 0.9, "noise": 4.0}])
def test_blur_and_noise_are_passed_on(run, blurred, tmp_path, given):
    out = tmp_path / "out.tif"
    options = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    code, output, errors = run("upscale", blurred, "-m", "em-x4", "-o", out, "--precision", "fp32", *options)
    assert code == 0, errors
    lr = tifffile.imread(blurred)
    np.testing.assert_array_equal(
        tifffile.imread(out), upscale(lr, load_model("em-x4"), conditions=given, precision="fp32")
    )
    words = " ".join(output.split())
    assert ("Estimated:" in words) == (len(given) < 2)  # what it is told beside these two is not shown
    assert ("Told: blur 0.90 LR pixels" in words) == ("blur" in given)


@pytest.mark.parametrize("option", ["--blur", "--noise"])
def test_what_is_no_number_is_said(run, blurred, option):
    code, _, errors = run("upscale", blurred, "-m", "em-x4", option, "much")
    assert code != 0
    assert "neither a number nor auto" in errors


def test_a_model_that_is_told_nothing_says_so(run, blurred):
    code, _, errors = run("upscale", blurred, "-m", "em-wiener-x4", "--blur", "0.5")
    assert code == 1
    assert "told nothing" in errors


def test_a_blank_image_is_said_to_be_blank(run, tmp_path):
    tifffile.imwrite(tmp_path / "dark.tif", np.zeros((64, 64), np.uint8))
    code, output, errors = run("recommend", tmp_path / "dark.tif")
    assert code == 0, errors
    assert "dark.tif: unknown kind, blank" in output
    assert "dB" not in output.partition("Expected:")[0]
    found = json.loads(run("recommend", tmp_path / "dark.tif", "--json")[1])
    assert found["measured"]["blur"] is None
    assert all(row["verdict"] == "green" or row["expected_gain_db"] is None for row in found["models"])
