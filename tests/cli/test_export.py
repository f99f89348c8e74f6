"""``napari-sr export``, as it is typed."""

import json
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
import tifffile

from napari_sr.models.export import formats


def test_an_onnx_file_with_two_inputs(run, tmp_path):
    code, out, _ = run("export", "em-x2", "--to", "onnx", "--output", tmp_path)
    assert code == 0
    assert out.startswith(str(tmp_path / "em-x2.onnx"))
    assert "differs from napari-sr by at most" in out
    assert "in this order: blur (LR pixels" in out
    session = onnxruntime.InferenceSession(tmp_path / "em-x2.onnx")
    assert [i.name for i in session.get_inputs()] == ["lr", "conditions"]


def test_an_onnx_file_with_blur_and_noise_fixed(run, tmp_path):
    path = tmp_path / "fixed.onnx"
    code, _, _ = run("export", "em-x2", "--to", "onnx", "-o", path, "--blur", "0.6", "--noise", "3")
    assert code == 0
    facts = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["napari_sr_export"])
    assert facts["inputs"] == ["lr"]
    assert facts["told"] == {"blur": 0.6, "noise": 3.0}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_package_with_an_example_of_ones_own(run, tmp_path, rng, monkeypatch):
    monkeypatch.setattr("napari_sr.models.export.bioimageio.check_package", lambda path: "")
    stack = rng.integers(0, 4000, (3, 300, 250)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "lr.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    code, out, _ = run(
        "export", "em-wiener-x4", "--to", "bioimageio", "-o", tmp_path / "w.zip", "--author", "A. Person", "--example",
        tmp_path / "lr.tif",
    )  # fmt: skip
    assert code == 0
    assert "drawn" not in out
    with zipfile.ZipFile(tmp_path / "w.zip") as package:
        assert "name: A. Person" in package.read("bioimageio.yaml").decode()
        with package.open("test_input.npy") as file:
            np.testing.assert_array_equal(np.load(file)[0, 0], stack[1, 54:246, 29:221])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["none", "--to", "onnx"], "There is no model called 'none'"),
        (["bicubic-x4", "--to", "onnx"], "is an interpolation"),
        (["em-x2", "--to", "coreml"], "There is no format 'coreml'"),
        (["em-x2", "--to", "torchscript", "--blur", "0.5"], "give noise too"),
        (["em-wiener-x4", "--to", "torchscript", "--blur", "0.5"], "can be told nothing"),
        (["em-wiener-x4", "--to", "torchscript", "--values", "image"], "scales every image by its own brightness"),
    ],
)
def test_what_cannot_be_exported_is_one_line(arguments, reason, run, tmp_path):
    code, _, errors = run("export", *arguments, "-o", tmp_path)
    assert code == 1
    assert reason in errors.replace("\n", " ")
    assert list(tmp_path.glob("*.*")) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--conditions", "inputs", "--blur", "1"], "either inputs, or fixed"),
        (["--conditions", "auto"], "only: inputs"),
        (["--values", "grey"], "only: auto, image, network"),
    ],
)
def test_options_that_make_no_sense_are_named(arguments, reason, run, tmp_path):
    code, _, errors = run("export", "em-x2", "--to", "torchscript", "-o", tmp_path, *arguments)
    assert code == 2
    assert reason in errors


def test_an_existing_file_is_replaced_only_when_asked(run, tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(b"mine")
    code, _, errors = run("export", "em-wiener-x4", "--to", "torchscript", "-o", path)
    assert (code, path.read_bytes()) == (1, b"mine")
    assert "exists already; allow overwriting (--overwrite)" in errors
    assert run("export", "em-wiener-x4", "--to", "torchscript", "-o", path, "--overwrite")[0] == 0
    assert path.read_bytes() != b"mine"


def test_a_missing_package_is_named_with_the_command_that_brings_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(formats.FORMATS, "onnx", formats.Format("onnx", "ONNX", ".onnx", "", ("no_such_one",), "onnx"))
    code, _, errors = run("export", "em-x2", "--to", "onnx", "-o", tmp_path)
    assert code == 1
    assert 'pip install "napari-sr[onnx]"' in errors.replace("\n", "")
