"""``evaluate`` on folders, ``maps`` and ``rank``."""

import csv
import json
import re
import subprocess

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from napari_sr import load_model, upscale
from napari_sr.evaluation.ranking.session import Answer, Session
from napari_sr.evaluation.trust import iter_consistency, iter_uncertainty
from napari_sr.images.readers import read_image
from napari_sr.metrics.maps import error_map
from napari_sr.metrics.naturalness import niqe, shipped_model
from napari_sr.metrics.sfrc import sfrc_map
from napari_sr.metrics.structural import ssim_map


@pytest.fixture
def folders(tmp_path, rng):
    """HR images, their LR images, and two sets of pictures, one of them named after a model."""
    for name in ("HR", "LR", "SR", "other"):
        (tmp_path / name).mkdir()
    for number in range(3):
        hr = np.clip(128 + 300 * gaussian_filter(rng.normal(size=(96, 104)), 2), 0, 255).astype(np.uint8)
        tifffile.imwrite(tmp_path / "HR" / f"cell{number}.tif", hr)
        lr = hr.reshape(24, 4, 26, 4).mean((1, 3)).astype(np.float32)
        tifffile.imwrite(tmp_path / "LR" / f"cell{number}.tif", lr)
        sr = hr + rng.normal(0, 4 + number, hr.shape)
        tifffile.imwrite(tmp_path / "SR" / f"cell{number}_mine-x4.tif", sr.astype(np.float32))
        tifffile.imwrite(tmp_path / "other" / f"CELL{number}.tif", (sr + 3).astype(np.float32))
    return tmp_path


def planes(folder):
    return [tifffile.imread(path) for path in sorted(folder.iterdir())]


def test_folders_are_matched_by_name_and_written_as_tables_and_a_report(run, folders):
    files = [folders / f"out.{kind}" for kind in ("csv", "json", "html", "md")]
    arguments = [part for file in files for part in ("-o", file)]
    code, out, err = run(
        "evaluate",
        folders / "SR",
        folders / "other",
        folders / "HR",
        "--lr",
        folders / "LR",
        "--niqe",
        "EM",
        *arguments,
    )
    assert code == 0, err
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")][1:]
    assert rows == ["bicubic-x4", "SR", "other", "truth (HR)"]
    expected = np.mean([
        peak_signal_noise_ratio(hr, sr, data_range=255)
        for hr, sr in zip(planes(folders / "HR"), planes(folders / "SR"), strict=True)
    ])  # fmt: skip
    said = json.loads(files[1].read_text())
    sr = next(row for row in said["rows"] if row["name"] == "SR")
    assert sr["mean"]["psnr"] == pytest.approx(expected, abs=1e-9)
    assert np.mean([one["psnr"] for one in sr["images"]]) == pytest.approx(expected, abs=1e-9)
    model = load_model("bicubic-x4")
    bicubic = [upscale(lr, model, dtype=np.float32, precision="fp32") for lr in planes(folders / "LR")]
    expected = np.mean([
        peak_signal_noise_ratio(hr, b, data_range=255)
        for hr, b in zip(planes(folders / "HR"), bicubic, strict=True)
    ])  # fmt: skip
    assert said["rows"][0]["mean"]["psnr"] == pytest.approx(expected, abs=1e-4)
    with files[0].open() as file:
        assert [row[0] for row in csv.reader(file)][1:5] == rows
    assert files[3].read_text().strip() == out.strip()
    text = files[2].read_text()
    assert "color-scheme: light dark" in text
    assert "@media print" in text
    for wanted in ("Mean over all images", "cell1.tif", "Power spectra", "Fourier ring correlation", "truth (HR)"):
        assert wanted in text
    # nothing is fetched from elsewhere
    assert not re.search(r"(src|href)='(?!data:)", text)
    assert text.count("<img") == 3 * 4 + 2


def test_names_without_a_partner_are_told(run, folders):
    (folders / "SR" / "cell1_mine-x4.tif").unlink()
    code, _, err = run("evaluate", folders / "SR", folders / "HR")
    assert code == 1
    assert "SR and HR images are matched by name; without a partner: cell1.tif (HR)" in err


def test_files_of_the_same_name_are_told_apart_by_their_folders(run, folders):
    for run_name in ("A", "B"):
        (folders / run_name / "results").mkdir(parents=True)
        sr = tifffile.imread(folders / "HR" / "cell0.tif") + (5.0 if run_name == "A" else 9.0)
        tifffile.imwrite(folders / run_name / "results" / "img.tif", sr.astype(np.float32))
    results = [folders / name / "results" / "img.tif" for name in ("A", "B")]
    code, out, _ = run("evaluate", *results, folders / "HR" / "cell0.tif")
    assert code == 0
    assert "| A/results/img |" in out
    assert "| B/results/img |" in out
    code, _, err = run("evaluate", results[0], results[0], folders / "HR" / "cell0.tif")
    assert code == 1
    assert "give every image once" in err


def test_the_border_is_left_out_of_every_figure(run, folders):
    hr, sr = (next(iter(sorted((folders / name).iterdir()))) for name in ("HR", "SR"))
    rng = np.random.default_rng(3)
    image = np.clip(128 + 300 * gaussian_filter(rng.normal(size=(220, 230)), 2), 0, 255).astype(np.uint8)
    noisy = image + rng.normal(0, 4, image.shape)
    tifffile.imwrite(hr, image)
    tifffile.imwrite(sr, noisy.astype(np.float32))
    code, out, err = run("evaluate", sr, hr, "--niqe", "EM", "--crop", "9", "--json")
    assert code == 0, err
    inner = noisy.astype(np.float32)[9:-9, 9:-9]
    found = json.loads(out)["rows"][0]["mean"]["niqe"]
    assert found == pytest.approx(niqe(inner, shipped_model("EM"), data_range=255))


def test_models_on_measured_lr_images(run, folders):
    code, out, err = run(
        "evaluate", folders / "HR", "-m", "nearest-x4", "--lr", folders / "LR", "--json", "--crop", "0"
    )
    assert code == 0, err
    said = json.loads(out)
    assert said["conditions"]["degradation"] == "measured LR images ×4"
    expected = np.mean([
        peak_signal_noise_ratio(hr, np.kron(lr, np.ones((4, 4))), data_range=255)
        for hr, lr in zip(planes(folders / "HR"), planes(folders / "LR"), strict=True)
    ])  # fmt: skip
    assert said["rows"][1]["mean"]["psnr"] == pytest.approx(expected, abs=1e-4)


def test_maps_are_those_of_their_definitions_and_keep_the_place(run, folders, automatic):
    hr, lr, sr = (planes(folders / name)[0] for name in ("HR", "LR", "SR"))
    names = [next(iter(sorted((folders / name).iterdir()))) for name in ("HR", "LR", "SR")]
    tifffile.imwrite(
        names[2], sr, imagej=True, resolution=(1 / 4, 1 / 4), metadata={"unit": "nm", "axes": "YX"}
    )  # fmt: skip
    out = folders / "maps"
    code, text, err = run(
        "maps", names[2], "--hr", names[0], "--lr", names[1], "-m", "em-wiener-x4", "-m", "bicubic-x4",
        "--degradation", "area", "--error", "signed", "-o", out,
    )  # fmt: skip
    assert code == 0, err
    found = {path.stem: tifffile.imread(path) for path in out.iterdir()}
    assert set(found) == {
        "ssim-map", "error-map", "hallucination-map", "flagged", "consistency-map", "uncertainty-map",
    }  # fmt: skip
    np.testing.assert_allclose(found["ssim-map"], ssim_map(sr, hr, data_range=255)[1], atol=1e-6)
    np.testing.assert_allclose(found["error-map"], error_map(sr, hr, kind="signed"), atol=1e-4)
    expected = sfrc_map(sr, hr, beyond=1 / 8)
    np.testing.assert_allclose(found["hallucination-map"], expected.unexplained, rtol=1e-4)
    np.testing.assert_array_equal(found["flagged"], expected.flagged)
    *_, consistent = iter_consistency(sr, lr, axes="YX", scale=4, degradation="area")
    np.testing.assert_allclose(found["consistency-map"], consistent.residual, atol=1e-5)
    models = [load_model("em-wiener-x4"), load_model("bicubic-x4")]
    *_, uncertain = iter_uncertainty(lr, models, axes="YX", precision=automatic)
    np.testing.assert_allclose(found["uncertainty-map"], uncertain.deviation, atol=1e-5)
    assert read_image(out / "error-map.tif").pixel_size == pytest.approx((4, 4))
    assert read_image(out / "consistency-map.tif").pixel_size == pytest.approx((16, 16))
    assert "A network can also be wrong without hesitating." in text
    code, _, err = run("maps", names[2], "--hr", names[0], "-o", out)
    assert code == 1
    assert "exists already" in err
    (out / "flagged.tif").rename(out / "kept.tif")
    for path in out.iterdir():
        path.unlink() if path.name != "kept.tif" else None
    # the truth as a stack of one: maps have its dimensions; an LR image of its size says nothing of frequencies
    tifffile.imwrite(folders / "deep.tif", hr[None], imagej=True, metadata={"axes": "ZYX"})
    code, _, err = run("maps", names[2], "--hr", folders / "deep.tif", "--lr", names[2], "-o", folders / "c")
    assert code == 0, err
    deep = tifffile.imread(folders / "c" / "hallucination-map.tif").squeeze()
    np.testing.assert_allclose(deep, sfrc_map(sr, hr).unexplained, rtol=1e-4)
    tifffile.imwrite(folders / "small.tif", hr[:90, :70])
    code, _, err = run("maps", names[2], "--hr", folders / "small.tif", "-o", folders / "b")
    assert code == 1
    assert "cannot be laid over each other" in err


def test_a_ranking_is_made_opened_and_read(run, folders, monkeypatch):
    hr, lr, sr = (next(iter(sorted((folders / name).iterdir()))) for name in ("HR", "LR", "SR"))
    folder = folders / "ranking"
    opened = []

    def started(command, check):
        opened.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("napari_sr.cli.rank.subprocess.run", started)
    code, _, err = run("rank", folder, lr, sr, "--truth", hr, "--count", "2", "--side", "32", "--seed", "5")
    assert code == 0, err
    assert opened[0][1:] == ["-m", "napari_sr.widgets.ranking.window", str(folder)]
    session = Session(folder)
    assert session.methods == ("cell0", "cell0_mine-x4")
    assert len(session.questions) == 2
    session.answer(Answer("Ada", 0, ("cell0_mine-x4", "cell0")))
    code, out, _ = run("rank", folder, "--results", "--csv", folders / "out.csv")
    assert "| cell0_mine-x4 | 1.00 |" in out
    assert (folders / "out.csv").read_text().splitlines()[1].startswith("Ada,")
    assert len(opened) == 1
    code, _, err = run("rank", folder, lr, sr, "--truth", hr, "--side", "32")
    assert code == 1
    assert "holds a ranking already" in err
    code, _, err = run("rank", folders / "one", sr, "--truth", hr, "--side", "32")
    assert "at least two images" in err
    assert not (folders / "one").exists()
