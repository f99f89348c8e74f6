import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from small_models import make_model
from typer.testing import CliRunner

from napari_sr.cli.app import app
from napari_sr.images.geometry import Geometry
from napari_sr.images.readers import read_image
from napari_sr.images.writers import OutputInfo, create_output
from napari_sr.models.model import save
from napari_sr.models.store import user_folder


@pytest.fixture
def lr(tmp_path, rng):
    path = tmp_path / "lr.tif"
    image = rng.integers(0, 4000, (3, 20, 24)).astype(np.uint16)
    tifffile.imwrite(path, image, imagej=True, resolution=(25.0, 25.0), metadata={"axes": "ZYX", "unit": "um"})
    return path


def test_core_and_command_line_import_no_gui():
    code = (
        "import sys, napari_sr.cli, napari_sr, napari_sr.models.store, napari_sr.evaluation\n"
        "bad = {m.split('.')[0] for m in sys.modules} & {'qtpy', 'napari', 'magicgui', 'superqt', 'PyQt6', 'PyQt5'}\n"
        "assert not bad, bad\n"
        "import napari_sr.cli\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_is_fast_because_torch_is_not_imported():
    code = "import sys, napari_sr.cli; assert 'torch' not in sys.modules and 'lightning' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    result = CliRunner().invoke(app, ["--help"])
    for name in ("upscale", "degrade", "train", "evaluate", "maps", "rank", "models", "samples", "doctor", "demo"):
        assert name in result.output


def test_upscale_keeps_pixel_size_axes_and_type(run, lr, tmp_path):
    code, out, _ = run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / "sr.tif")
    assert code == 0
    assert "Mpx/s" in out
    sr = read_image(tmp_path / "sr.tif")
    assert sr.data.shape == (3, 40, 48)
    assert sr.data.dtype.newbyteorder("=") == np.uint16
    assert sr.axes == "ZYX"
    assert sr.pixel_size == pytest.approx((0.02, 0.02))
    assert sr.unit == "µm"
    assert "bicubic-x2" in sr.metadata["Info"]


@pytest.mark.parametrize("suffix", [".npy", ".zarr"])
def test_upscale_to_other_formats(suffix, run, lr, tmp_path):
    assert run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / f"sr{suffix}")[0] == 0
    assert read_image(tmp_path / f"sr{suffix}").data.shape == (3, 40, 48)


def test_upscale_a_part_into_zarr(run, lr, tmp_path):
    part = ("--region", "2:12,4:20", "--take", "Z=0,2", "-m", "bicubic-x2")
    code, _, _ = run("upscale", lr, *part, "-o", tmp_path / "sr.zarr", "--ome-zarr", "0.4")
    assert code == 0
    sr = read_image(tmp_path / "sr.zarr")
    assert sr.data.shape == (2, 20, 32)
    assert sr.pixel_size == pytest.approx((0.02, 0.02))
    assert sr.geometry.origin["Y"] == pytest.approx(2 * 0.04 - 0.01)
    assert (tmp_path / "sr.zarr" / ".zattrs").exists()
    assert run("upscale", lr, *part, "-o", tmp_path / "sr.tif")[0] == 0
    assert read_image(tmp_path / "sr.tif").data.shape == (2, 20, 32)
    code, _, errors = run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / "b.zarr", "--take", "T=0")
    assert (code, "chosen along Z" in errors) == (1, True)


def test_upscale_by_several_processes(run, lr, tmp_path):
    pytest.importorskip("distributed")
    model = ("-m", "bicubic-x2", "--device", "cpu", "--precision", "fp32")
    code, out, _ = run("upscale", lr, *model, "-o", tmp_path / "sr.zarr", "--workers", "2")
    assert code == 0
    assert "2 workers (CPU) in fp32" in out
    assert run("upscale", lr, *model, "-o", tmp_path / "one.zarr")[0] == 0
    values = [np.asarray(read_image(tmp_path / f"{name}.zarr").data[...]) for name in ("sr", "one")]
    np.testing.assert_array_equal(*values)


def test_upscale_by_a_library_of_ones_choice(run, lr, tmp_path):
    model = ("-m", "nbody-x4", "--device", "cpu", "--precision", "fp32")
    for backend, said in (("torch", "in fp32, tile"), ("openvino", "in fp32 by OpenVINO, tile")):
        for suffix in ("tif", "zarr"):
            code, out, _ = run("upscale", lr, *model, "-o", tmp_path / f"{backend}.{suffix}", "--backend", backend)
            assert (code, said in out) == (0, True)
    values = [np.asarray(read_image(tmp_path / f"{b}.zarr").data[...]).astype(int) for b in ("torch", "openvino")]
    assert np.abs(values[0] - values[1]).max() <= 1
    code, _, errors = run("upscale", lr, *model, "-o", tmp_path / "c.tif", "--backend", "onnx")
    assert (code, "use auto, torch, openvino" in errors) == (1, True)


def test_what_several_processes_need_is_said(run, lr, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "napari_sr.inference.cluster", raising=False)
    code, _, errors = run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / "sr.zarr", "--workers", "2")
    assert (code, "pip install 'napari-sr[distributed]'" in errors) == (1, True)


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_upscale_lays_the_result_over_the_image_in_world_coordinates(suffix, run, tmp_path):
    lies = Geometry({"Z": 0.5, "Y": 0.04, "X": 0.04}, dict.fromkeys("ZYX", "µm"), {"Z": 3.0, "Y": 10.0, "X": -2.0})
    source = tmp_path / f"lr{suffix}"
    image = np.zeros((3, 20, 24), np.float32)
    with create_output(source, shape=image.shape, dtype=image.dtype, info=OutputInfo("ZYX", lies)) as out:
        out[...] = image
    assert run("upscale", source, "-m", "bicubic-x4", "-o", tmp_path / f"sr{suffix}")[0] == 0
    sr = read_image(tmp_path / f"sr{suffix}").geometry
    assert sr.steps == pytest.approx({"Z": 0.5, "Y": 0.01, "X": 0.01})
    # half a coarse pixel less half a fine one to the upper left
    assert sr.origin == pytest.approx({"Z": 3.0, "Y": 10 - 0.015, "X": -2 - 0.015}, abs=1e-5)


def test_masks_say_how_they_are_stored(run, tmp_path):
    np.save(tmp_path / "mask.npy", np.ones((8, 8), bool))
    code, out, _ = run("upscale", tmp_path / "mask.npy", "-m", "nearest-x2", "-o", tmp_path / "sr.tif")
    assert code == 0
    assert "uint8" in out
    np.testing.assert_array_equal(read_image(tmp_path / "sr.tif").data, np.ones((16, 16), np.uint8))
    code, out, _ = run("upscale", tmp_path / "mask.npy", "-m", "nearest-x2", "-o", tmp_path / "sr.npy")
    assert "uint8" not in out
    assert read_image(tmp_path / "sr.npy").data.dtype == bool


def test_degrade_colours_and_stacks(run, tmp_path, rng):
    for name, shape in (("colour", (32, 24, 3)), ("stack", (2, 32, 24))):
        image = rng.integers(0, 255, shape).astype(np.uint8)
        np.save(tmp_path / f"{name}.npy", image)
        assert run("degrade", tmp_path / f"{name}.npy", "-o", tmp_path / f"{name}_lr.npy", "-p", "area")[0] == 0
        lr = read_image(tmp_path / f"{name}_lr.npy").data
        blocks = image.reshape((8, 4, 6, 4, 3) if name == "colour" else (2, 8, 4, 6, 4))
        blocks = blocks.mean((1, 3) if name == "colour" else (2, 4))
        np.testing.assert_allclose(lr, blocks, atol=0.501)


def test_upscale_a_folder_and_existing_files(run, lr, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.tif", "b.tif"):
        (folder / name).write_bytes(lr.read_bytes())
    arguments = ("upscale", folder, "-m", "bicubic-x2", "-o", tmp_path / "out")
    assert run(*arguments)[0] == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a_bicubic-x2.tif", "b_bicubic-x2.tif"]
    written = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    code, out, _ = run(*arguments)
    assert code == 0
    assert out.count("was there already") == 2
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == written
    assert run(*arguments, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upscale", "nowhere.tif", "-m", "bicubic-x2"), "no file or folder nowhere.tif"),
        (("upscale", "LR", "-m", "nix"), "no model called 'nix'"),
        (("upscale", "LR", "-m", "bicubic-x2", "--device", "cuda:9"), "not available here"),
        (("upscale", "LR", "-m", "bicubic-x2", "--axes", "YX"), "3 dimensions"),
        (("evaluate", "LR"), "Give SR and HR"),
        (("evaluate", "LR", "LR", "-m", "bicubic-x2"), "With models, give one"),
        (("evaluate", "LR", "LR", "-o", "x.pdf"), "tables are written as .csv"),
        (("evaluate", "LR", "LR", "-o", "no/x.csv"), "could not be written"),
        (("evaluate", "LR", "-m", "bicubic-x2", "--lr", "LR", "--degradation", "em"), "not both"),
        (("maps", "LR", "-o", "maps"), "Give the truth (--hr)"),
        (("maps", "LR", "-o", "maps", "--hr", "LR", "-m", "bicubic-x2"), "needs the image that it was made of"),
        (("maps", "LR", "-o", "maps", "--hr", "LR", "--error", "nix"), "no error map 'nix'"),
        (("rank", "nix"), "holds no blind ranking"),
        (("rank", "nix", "LR"), "need --truth"),
        (("samples", "em-phantom"), "Say where"),
        (("samples", "nix", "-o", "x.tif"), "no sample called 'nix'"),
        (("train", "LR", "-o", "run", "--recipe", "nix"), "no recipe called 'nix'"),
        (("degrade", "LR", "-o", "out.tif", "-p", "nix"), "no degradation called 'nix'"),
        (("upscale", "no[raw]x[/b].tif", "-m", "bicubic-x2"), "no[raw]x[/b].tif"),
        (("evaluate", "LR", "-m", "bicubic-x2", "--data-range", "3"), "--data-range goes with"),
    ],
)
def test_errors_are_one_line_and_exit_1(arguments, message, run, lr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*(lr if a == "LR" else a for a in arguments))
    assert code == 1
    assert message in err
    assert err.startswith("Error:")
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_ctrl_c_leaves_nothing(run, lr, tmp_path, monkeypatch):
    from napari_sr.inference.runner import Runner

    def interrupted(self, tile):
        raise KeyboardInterrupt

    monkeypatch.setattr(Runner, "infer", interrupted)
    code, _, err = run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / "sr.tif")
    assert code == 130
    assert "Cancelled" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lr.tif"]


def test_degrade_then_upscale_then_evaluate(run, tmp_path):
    assert run("samples", "em-phantom", "-o", tmp_path / "s.tif")[0] == 0
    hr = tmp_path / "s_hr.tif"
    assert run("degrade", hr, "-o", tmp_path / "lr.tif", "-p", "em", "-s", "4")[0] == 0
    np.testing.assert_array_equal(read_image(tmp_path / "lr.tif").data, read_image(tmp_path / "s.tif").data)
    assert read_image(tmp_path / "lr.tif").pixel_size == pytest.approx((16, 16))
    assert run("upscale", tmp_path / "lr.tif", "-m", "bicubic-x4", "-o", tmp_path / "sr.tif")[0] == 0
    code, out, _ = run("evaluate", tmp_path / "sr.tif", hr, "--json")
    assert code == 0
    values = json.loads(out)
    code, out, _ = run("evaluate", hr, "-m", "nearest-x4", "--degradation", "em", "--json", "--crop", "0")
    rows = {r["name"]: r["mean"]["psnr"] for r in json.loads(out)["rows"]}
    # the file's LR image was rounded to 8 bit, the table's was not
    assert values["rows"][0]["mean"]["psnr"] == pytest.approx(rows["bicubic-x4"], abs=0.05)
    assert rows["nearest-x4"] < rows["bicubic-x4"]


def test_models_lists_and_shows_cards(run):
    save(make_model(), user_folder() / "small-wgan-x4.safetensors")
    _, out, _ = run("models")
    assert "small-wgan-x4" in out
    assert "bicubic-x4" in out
    _, out, _ = run("models", "--json")
    assert "small-wgan-x4" in [c["name"] for c in json.loads(out)]
    _, out, _ = run("models", "small-wgan-x4")
    assert "Upscales: ×4" in out
    _, out, _ = run("models", "small-wgan-x4", "--json")
    assert json.loads(out)["hyper_parameters"]["scale"] == 4


def test_train_from_images_and_from_a_file(run, tmp_path, rng):
    np.save(tmp_path / "hr.npy", rng.integers(0, 255, (3, 40, 40)).astype(np.uint8))
    command = (
        "train", tmp_path / "hr.npy", "-o", tmp_path / "run", "--name", "mine", "--recipe", "wgan-pixel", "--scale", 2,
        "--degradation", "area", "--steps", 2, "--lr-patch", 8, "--batch-size", 1, "--device", "cpu",
    )  # fmt: skip
    code, out, err = run(*command, "--install-anyway")
    assert code == 0, err
    assert "Added to your models as mine" in out
    code, _, err = run(*command, "--install")
    assert code == 1
    assert "model called mine already" in err
    code, _, err = run(*command)
    assert code == 1
    assert "earlier run" in err
    assert run(*command, "--install", "--overwrite")[0] == 0
    _, out, _ = run("models")
    assert "mine" in out
    (tmp_path / "c.yaml").write_text(
        "name: filed\ntrain: [hr.npy]\nnetwork: wiener\nscale: 2\nloss: mse\ndegradation: area\n"
        "steps: 2\nlr_patch: 8\nbatch_size: 1\n"
    )
    assert run("train", tmp_path / "c.yaml", "-o", tmp_path / "run2", "--device", "cpu")[0] == 0
    assert (tmp_path / "run2" / "filed.safetensors").exists()


def test_doctor_passes_its_self_test(run):
    code, out, _ = run("doctor", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["self-test"] == "passed"
    assert facts["packages"]["torch"]
    assert "cpu" in facts["devices"]
    code, out, _ = run("doctor")
    assert "fast bfloat16" in out


@pytest.fixture
def batch(tmp_path, lr):
    """Three good images, a damaged one, one that only begins well, a broken link, a spectrum; and what is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.tif", "b.tif", "z.tif"):
        (folder / name).write_bytes(lr.read_bytes())
    (folder / "c.tif").write_bytes(b"II*\0 nothing")
    (folder / "d.tif").write_bytes(lr.read_bytes()[:900])
    (folder / "e.tif").symlink_to(folder / "gone.tif")
    np.save(folder / "f.npy", np.arange(9))
    (folder / "._a.tif").write_bytes(b"\x00\x05\x16\x07")
    (folder / "g.tif").mkdir()
    return folder


def test_one_bad_file_does_not_cost_the_others(run, batch, tmp_path):
    arguments = ("upscale", batch, "-m", "bicubic-x2", "-o", tmp_path / "results_v1.5")
    code, out, err = run(*arguments)
    assert code == 1
    done = sorted(p.name for p in (tmp_path / "results_v1.5").iterdir())
    assert done == ["a_bicubic-x2.tif", "b_bicubic-x2.tif", "z_bicubic-x2.tif"]
    assert "4 of 7 images could not be super-resolved" in out
    for name in ("c.tif", "d.tif", "e.tif", "f.npy"):
        assert any(name in line for line in out.splitlines() if "could not" not in line)
    assert "Traceback" not in out + err
    (batch / "c.tif").write_bytes((batch / "a.tif").read_bytes())
    for name in ("d.tif", "e.tif", "f.npy"):
        (batch / name).unlink()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "results_v1.5").iterdir()}
    code, out, _ = run(*arguments)  # goes on where it stopped
    assert code == 0
    assert out.count("was there already") == 3
    assert all(p.stat().st_mtime_ns == time for p, time in before.items())
    assert (tmp_path / "results_v1.5" / "c_bicubic-x2.tif").exists()


@pytest.mark.parametrize("name", ["c.tif", "d.tif", "e.tif", "f.npy", "g.tif"])
def test_one_bad_file_alone_is_one_line(name, run, batch, tmp_path):
    code, _, err = run("upscale", batch / name, "-m", "bicubic-x2", "-o", tmp_path / "sr.tif")
    assert code == 1
    assert name in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "sr.tif").exists()


def test_long_names_are_said_before_the_work(run, lr, tmp_path):
    code, _, err = run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / ("x" * 300 + ".tif"))
    assert code == 1
    assert "too many for a file's name" in err


def test_a_folder_with_a_point_in_its_name(run, lr, tmp_path):
    assert run("upscale", lr, "-m", "bicubic-x2", "-o", tmp_path / "results_v1.5")[0] == 0
    assert [p.name for p in (tmp_path / "results_v1.5").iterdir()] == ["lr_bicubic-x2.tif"]


def test_the_second_image_of_a_file(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as tif:
        tif.write(np.zeros((30, 40), np.uint8))
        tif.write(np.full((20, 24), 7, np.uint8))
    code, out, _ = run("upscale", tmp_path / "two.tif:1", "-m", "bicubic-x2")
    assert code == 0
    assert read_image(tmp_path / "two_1_bicubic-x2.tif").data.shape == (40, 48)
    code, out, _ = run("upscale", tmp_path / "two.tif", "-m", "bicubic-x2")
    assert "Of 2 images in two.tif, the largest is taken" in " ".join(out.split())


def test_small_letters_for_axes(run, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((20, 24, 2), np.float32))
    assert run("upscale", tmp_path / "a.npy", "-m", "bicubic-x2", "--axes", "yxc")[0] == 0
    assert np.load(tmp_path / "a_bicubic-x2.npy").shape == (40, 48, 2)


#: one after the other in one process, which takes seconds to begin
COMMANDS = """
import json, sys
from napari_sr.cli import main
encodings, commands = json.loads(sys.argv[1])
for encoding in encodings:
    for arguments in commands:
        for stream in (sys.stdout, sys.stderr):  # as Python starts with such a terminal
            stream.reconfigure(encoding=encoding, errors="strict")
        sys.argv = ["napari-sr", *arguments]
        try:
            main()
        except SystemExit as stop:
            print(encoding, arguments[0], stop.code or 0, flush=True)
"""


def test_terminals_of_other_alphabets(lr, tmp_path):
    encodings = ["ascii", "cp1252", "cp932", "utf-8"]
    environment = {**os.environ, "PYTHONUTF8": "0"}
    commands = [
        ["upscale", str(lr), "-m", "bicubic-x2", "-o", str(tmp_path / "µ→².tif"), "--overwrite"],
        ["models"], ["doctor"], ["evaluate", str(lr), str(lr)],
    ]  # fmt: skip
    command = [sys.executable, "-c", COMMANDS, json.dumps([encodings, commands])]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("ascii", "replace")
    for encoding in encodings:
        for name, *_ in commands:
            assert f"{encoding} {name} 0".encode() in done.stdout
    assert b"UnicodeEncodeError" not in done.stderr
