"""Packages pass the test of bioimage.io, and say whose the model is."""

import zipfile
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import yaml
from small_models import make_model

import napari_sr
from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity
from napari_sr.models.export import bioimageio as package_module
from napari_sr.models.export import export_model
from napari_sr.models.export.licence import SPDX, citations, spdx
from napari_sr.models.model import load
from napari_sr.models.store import load_model

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # bioimageio.spec leaves packages open
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in.*zip:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def quick(monkeypatch):
    """Without the test of bioimage.io, which takes seconds."""
    monkeypatch.setattr(package_module, "check_package", lambda path: "")


def content(path, name):
    with zipfile.ZipFile(path) as package:
        return package.read(name)


def description(path):
    return yaml.safe_load(content(path, "bioimageio.yaml"))


@pytest.mark.parametrize("name", ["em-x4", "fluo-x2", "wgan"])
def test_a_package_passes_the_test_of_bioimageio_without_network(name, bioimageio, tmp_path, monkeypatch):
    """Of models that are told and one that is not, which counts from -0.8 to 0.8."""
    monkeypatch.setattr(package_module, "check_package", lambda path: "")  # done here, as anybody would
    model = make_model(name, 4) if name == "wgan" else load_model(name)
    assert (model.intensity.lower < 0) == (name == "wgan")
    path = export_model(model, tmp_path, to="bioimageio").path
    summary = bioimageio.test_model(path)
    assert summary.status == "passed", summary.format()
    tested = {d.name for d in summary.details if d.status == "passed"}
    for weights in ("onnx", "torchscript"):
        assert f"Reproduce test outputs from test inputs ({weights})" in tested
        assert f"Run {weights} inference for inputs with batch_size: 2 and size parameter n: 2" in tested


def test_the_package_run_by_bioimageio_gives_what_napari_sr_gives(bioimageio, quick, tmp_path, image):
    """An image of another size and other values than the test's, through the whole of both programs."""
    model = make_model("wgan", 2)
    path = export_model(model, tmp_path, to="bioimageio").path
    described = bioimageio.load_model(path)
    lr = (image.astype(np.float32) * 17 + 300)[None, None]
    sample = bioimageio.digest_spec.create_sample_for_model(described, inputs={"lr": lr})
    sr = bioimageio.predict(model=described, inputs=sample).members["sr"].data.data
    low, high = np.percentile(lr, (0.5, 99.5))
    theirs = np.asarray(sr)[0, 0] * (high - low) + low
    ours = napari_sr.upscale(lr[0, 0], model, precision="fp32", device="cpu", tile=512)
    assert theirs.shape == ours.shape
    inside = (slice(2 * model.network.halo, -2 * model.network.halo),) * 2  # it continues images beyond their borders
    np.testing.assert_allclose(theirs[inside], ours[inside], atol=1e-4 * (high - low), rtol=0)


def test_densities_go_in_and_come_out_as_they_are(bioimageio, tmp_path):
    model = make_model("wiener", 2)
    log = Intensity(kind="log", low=-1.699, high=2.602)
    model = replace(model, card=replace(model.card, intensity=log.to_dict(), kind="N-body"))
    exported = export_model(model, tmp_path, to="bioimageio")  # tested within
    assert "Values are those of the image, in and out." in exported.how_to
    assert not any("not tested" in n for n in exported.notes)
    assert description(exported.path)["inputs"][0]["preprocessing"] == [
        {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}
    ]


def test_a_package_says_whose_the_model_is_and_how_it_is_used(quick, tmp_path):
    model = load_model("em-x4")
    path = export_model(model, tmp_path, to="bioimageio").path
    said = description(path)
    assert said["license"] == "BSD-3-Clause"
    assert said["authors"] == [{"name": "The napari-sr developers"}]
    assert {c["doi"] for c in said["cite"]} >= {"10.48550/arXiv.1712.06116", "10.1371/journal.pone.0125825"}
    assert said["name"] == "Electron microscopy x4 any blur and noise"
    assert [a.get("halo") for a in said["outputs"][0]["axes"]][2:] == 2 * [model.card.halo["fp32"] * 4]
    assert [i["id"] for i in said["inputs"]] == ["lr", "conditions"]
    page = content(path, "README.md").decode()
    for words in ("FlyEM project team", "CC BY", "## Validation", "shares of the input's range", "PSNR"):
        assert words in page
    assert content(path, "cover.png").startswith(b"\x89PNG")
    assert len(content(path, "cover.png")) < 500_000


def test_the_model_itself_is_in_the_package(quick, tmp_path):
    model = make_model("wgan", 2)
    path = export_model(model, tmp_path, to="bioimageio").path
    (tmp_path / "again.safetensors").write_bytes(content(path, "small-wgan-x2.safetensors"))
    assert load(tmp_path / "again.safetensors").card.network == "wgan"


def test_fixed_conditions_leave_one_input(quick, tmp_path):
    exported = export_model(
        load_model("fluo-x2"), tmp_path, to="bioimageio", conditions={"blur": 0.5, "noise": 3.0}, authors=("A. Person",)
    )
    said = description(exported.path)
    assert [i["id"] for i in said["inputs"]] == ["lr"]
    assert said["authors"] == [{"name": "A. Person"}]
    assert "blur 0.5 LR pixels, noise 3 % of the range" in content(exported.path, "README.md").decode()


def test_a_network_that_pools_takes_tiles_of_its_patch(quick, tmp_path):
    said = description(export_model(make_model("dfcan", 2), tmp_path, to="bioimageio").path)
    assert [a["size"] for a in said["inputs"][0]["axes"][2:]] == [32, 32]
    assert [a["halo"] for a in said["outputs"][0]["axes"][2:]] == [8, 8]


def test_what_is_not_known_is_said(quick, tmp_path):
    exported = export_model(make_model("wgan", 2), tmp_path, to="bioimageio")
    assert "license" not in description(exported.path)
    notes = " ".join(exported.notes)
    for words in ("names no licence", "does not say who made it", "are drawn, not taken"):
        assert words in notes


def test_a_licence_without_a_short_name_goes_along_as_text(quick, tmp_path):
    model = make_model("wgan", 2)
    model = replace(model, card=replace(model.card, licence="Ask our institute first"))
    path = export_model(model, tmp_path, to="bioimageio").path
    assert description(path)["license"] == {"source": "LICENSE.txt"}
    assert content(path, "LICENSE.txt").decode().startswith("Ask our institute first")


def test_an_image_of_ones_own_makes_test_and_picture(quick, tmp_path, image):
    exported = export_model(make_model("wgan", 2), tmp_path, to="bioimageio", example=image[:96, :80].repeat(2, 1))
    with zipfile.ZipFile(exported.path) as package, package.open("test_input.npy") as file:
        np.testing.assert_array_equal(np.load(file)[0, 0], image[:96, :80].repeat(2, 1))
    assert not any("drawn" in n for n in exported.notes)
    with pytest.raises(ModelError, match="at least 96 × 96 pixels"):
        export_model(make_model("wgan", 2), tmp_path, to="bioimageio", example=image[:20], overwrite=True)


def test_a_package_that_fails_is_not_kept(bioimageio, tmp_path, monkeypatch):
    written = package_module._tests

    def wrong(request, graph, folder, tile):
        written(request, graph, folder, tile)
        np.save(folder / "test_output.npy", np.load(folder / "test_output.npy") + 0.5)

    monkeypatch.setattr(package_module, "_tests", wrong)
    with pytest.raises(ModelError, match=r"does not pass the test of bioimage\.io"):
        export_model(make_model("wiener", 2), tmp_path / "p", to="bioimageio")
    assert not (tmp_path / "p.zip").exists()


def test_without_bioimageio_it_is_said_that_nothing_was_tested(tmp_path, monkeypatch):
    monkeypatch.setattr(package_module, "find_spec", lambda name: None)
    notes = export_model(make_model("wiener", 2), tmp_path, to="bioimageio").notes
    assert any("not tested as bioimage.io does" in n and 'pip install "napari-sr[bioimageio]"' in n for n in notes)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("BSD-3-Clause (weights); keep the attribution of the training data", "BSD-3-Clause"),
        ("CC BY 4.0", "CC-BY-4.0"), ("cc0", "CC0-1.0"), ("mit", "MIT"), ("Apache 2.0", "Apache-2.0"),
        ("Ask our institute", ""), ("", ""), ("BSD", ""),
    ],
)  # fmt: skip
def test_licences_are_found_by_how_people_write_them(written, name):
    assert spdx(written) == name


def test_the_names_of_licences_are_those_of_spdx(bioimageio):
    from bioimageio.spec._internal.license_id import LicenseIdLiteral

    assert set(SPDX) <= set(get_args(LicenseIdLiteral))


def test_citations_find_dois_and_papers_on_arxiv():
    found = citations("Qiao 2021, doi:10.1038/s41592-020-01048-5; Zhang 2018, arXiv:1807.02758;Wiener 1949;")
    assert [d for _, d in found] == ["10.1038/s41592-020-01048-5", "10.48550/arXiv.1807.02758", ""]
