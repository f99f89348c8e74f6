"""What was exported is opened again as the model that it was: same values, same card."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
import yaml
from small_models import make_model

from napari_sr.errors import ModelError
from napari_sr.inference import upscale
from napari_sr.intensity import Intensity
from napari_sr.models.blend import blend, can_blend, partners
from napari_sr.models.export import bioimageio as package_module
from napari_sr.models.export import export_model
from napari_sr.models.formats import load_foreign
from napari_sr.models.store import install_foreign, load_model

TRANSFORMS = {
    "percentile": Intensity(kind="percentile", low=0.5, high=99.5, lower=-0.8, upper=0.8),
    "range": Intensity(kind="range", lower=0.1, upper=0.9),
    "fixed": Intensity(kind="fixed", low=100, high=4000, lower=-0.8, upper=0.8),
    "log": Intensity(kind="log", low=-1.699, high=2.602, lower=-0.8, upper=0.8),
    "identity": Intensity(kind="identity", low=0, high=1),
}
ABOUT = {
    "title": "Given ×2", "kind": "EM", "pixel_size": (4.0, 10.0), "pixel_unit": "nm", "licence": "CC-BY-4.0",
    "attribution": "Somebody", "lr_images": {"blur": (0.2, 0.9), "noise": (0.1, 4.0)}, "degradation": "em",
    "metrics": ({"data": "x", "model": {"psnr": 30.0}, "bicubic": {"psnr": 28.0}},),
}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Without the test of bioimage.io, which takes seconds."""
    monkeypatch.setattr(package_module, "check_package", lambda path: "")


def a_model(transform="percentile", network="wgan"):
    model = make_model(network, 2)
    return replace(model, card=replace(model.card, intensity=TRANSFORMS[transform].to_dict(), **ABOUT))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """An ONNX file of ours."""
    return export_model(a_model(), tmp_path_factory.mktemp("given") / "given", to="onnx").path


def an_image(rng, side=70):
    return rng.uniform(150, 3800, (side, side - 9)).astype(np.float32)


def upscaled(model, image, **settings):
    return upscale(image, model, device="cpu", precision="fp32", dtype=np.float32, **settings)


@pytest.mark.parametrize("to", ["onnx", "torchscript", "bioimageio"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_it_makes_of_an_image_what_the_model_does(transform, to, tmp_path, rng):
    model, image = a_model(transform), an_image(rng)
    if transform == "identity":
        image = image / 4000
    elif transform == "log":  # what is part of a file cannot look for the unit of densities
        image = image / image.mean()
    path = export_model(model, tmp_path / "given", to=to).path
    again = load_foreign(path, allow_code=to == "torchscript")
    expected = upscaled(model, image)
    # a package keeps its weights in half precision
    tolerance = (1e-2 if to == "bioimageio" else 1e-3) * np.ptp(expected)
    np.testing.assert_allclose(upscaled(again, image), expected, atol=tolerance, rtol=0)
    for name, value in ABOUT.items():
        assert getattr(again.card, name) == value, name
    assert again.card.network == (to if to != "bioimageio" else "wgan")
    assert "napari-sr" in again.card.source["detected"]


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
@pytest.mark.parametrize("network", ["dfcan", "swinir"])
def test_tiles_are_those_that_the_network_needs(network, to, tmp_path, rng):
    model = a_model(network=network)
    path = export_model(model, tmp_path / "given", to=to).path
    again = load_foreign(path, allow_code=True)
    side = again.card.trained_patch
    assert side == 32
    image = an_image(rng, 3 * side)
    patch = image[:side, :side]  # one tile: how tiles are joined is the engine's
    np.testing.assert_allclose(upscaled(again, patch), upscaled(model, patch), atol=1e-3 * np.ptp(image), rtol=0)
    assert upscaled(again, image).shape == tuple(2 * n for n in image.shape)


def test_what_was_told_it_once_for_all_is_on_the_card(tmp_path, rng):
    model = load_model("em-x4")
    path = export_model(model, tmp_path / "given", to="onnx", conditions={"blur": 0.6, "noise": 3.0}).path
    again = load_foreign(path)
    image = an_image(rng)
    # what is not given is not estimated: the file is for any image
    told = upscaled(model, image, conditions={"blur": 0.6, "noise": 3.0, "shot": 0.0})
    np.testing.assert_allclose(upscaled(again, image), told, atol=1e-3 * np.ptp(told), rtol=0)
    assert again.card.lr_images == {"blur": (0.6, 0.6), "noise": (3.0, 3.0)}
    assert again.card.metrics == ()
    assert "blur 0.6, noise 3 only" in again.card.source["detected"]


@pytest.mark.parametrize("to", ["onnx", "torchscript"])
def test_blur_and_noise_as_an_input_are_for_other_programs(to, tmp_path):
    path = export_model(load_model("em-x4"), tmp_path / "given", to=to).path
    with pytest.raises(ModelError, match=r"Use em-x4 itself here .* fixed values"):
        load_foreign(path, allow_code=True)


def test_a_package_gives_the_model_itself_which_learns_further(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_SR_MODELS", str(tmp_path / "models"))
    path = export_model(load_model("em-x4"), tmp_path / "given", to="bioimageio").path
    installed = load_model(install_foreign(path).stem)
    assert installed.card.name == "given"
    assert installed.network.trainable
    assert not installed.network.foreign
    assert [c.name for c in installed.network.conditions] == ["blur", "noise", "shot"]
    expected = load_model("em-x4").network.state_dict()
    assert all(torch.equal(t, expected[n]) for n, t in installed.network.state_dict().items())
    assert installed.card.source["file"] == "given.zip"


def packed_anew(path, target, *, leave_out=(), **changed):
    """Write a package again: without some files, with others' contents, or with other attachments."""
    with zipfile.ZipFile(path) as package:
        files = {name: package.read(name) for name in package.namelist() if name not in leave_out}
    attachments = changed.pop("attachments", None)
    if attachments is not None:
        said = yaml.safe_load(files["bioimageio.yaml"])
        files["bioimageio.yaml"] = yaml.safe_dump({**said, "attachments": attachments}).encode()
    with zipfile.ZipFile(target, "w") as package:
        for name, contents in {**files, **changed}.items():
            package.writestr(name, contents)
    return target


def test_other_weights_are_taken_where_the_model_is_not_there_damaged_or_of_others(tmp_path):
    path = export_model(a_model(), tmp_path / "given", to="bioimageio").path
    with zipfile.ZipFile(path) as package:
        (name,) = [n for n in package.namelist() if n.endswith(".safetensors")]
        contents = package.read(name)
    flipped = contents[:-5] + bytes([contents[-5] ^ 255]) + contents[-4:]
    for damaged in (contents[:900], b"", flipped):
        assert load_foreign(packed_anew(path, tmp_path / "p.zip", **{name: damaged})).card.network == "onnx"
    assert load_foreign(packed_anew(path, tmp_path / "p.zip", leave_out=(name,))).card.network == "onnx"
    sources = (
        "https://example.org/w.safetensors", "/etc/w.safetensors", "../w.safetensors", "D:w.safetensors",
        "..\\w.safetensors", f"{'w' * 300}.safetensors", ".safetensors", 5, None, ["x"],
    )  # fmt: skip
    for source in sources:
        changed = packed_anew(path, tmp_path / "p.zip", attachments=[{"source": source}])
        assert load_foreign(changed).card.network == "onnx", source
    for odd in ({"files": ["w.safetensors"]}, "w.safetensors", 5, ["w.safetensors"]):
        assert load_foreign(packed_anew(path, tmp_path / "p.zip", attachments=odd)).card.network == "onnx"
    (tmp_path / "p").mkdir()
    with zipfile.ZipFile(path) as package:
        package.extractall(tmp_path / "p")
    assert load_foreign(tmp_path / "p").card.network == "wgan"  # an unpacked one is one, too


def test_a_size_that_was_fixed_later_is_the_size(tmp_path, rng):
    path = export_model(a_model(), tmp_path / "given", to="onnx").path
    content = onnx.load(path)
    for number, side in enumerate((1, 1, 64, 64)):
        dimension = content.graph.input[0].type.tensor_type.shape.dim[number]
        dimension.ClearField("dim_param")
        dimension.dim_value = side
    onnx.save(content, path)
    again, image = load_foreign(path), an_image(rng, 64)
    expected = upscaled(a_model(), image)
    np.testing.assert_allclose(upscaled(again, image)[:80, :80], expected[:80, :80], atol=1e-3 * np.ptp(expected))


@pytest.mark.parametrize("to", ["onnx", "torchscript", "bioimageio"])
def test_what_is_kept_as_a_file_is_not_mixed(to, tmp_path):
    """Two of one lineage, whose weights differ: bytes of files have no mean."""
    models = []
    for name in ("first", "second"):
        model = a_model()
        for parameter in model.network.parameters():
            parameter.data += 0.01 * len(models)
        card = replace(model.card, name=name, training={"start_from": "base"})
        path = export_model(replace(model, card=card), tmp_path / name, to=to).path
        models.append(load_foreign(path, allow_code=True))
    first, second = models
    can = to == "bioimageio"  # the model itself
    assert bool(partners(first.card, [first.card, second.card])) == can
    assert (can_blend(first, second) == "") == can
    if not can:
        with pytest.raises(ModelError, match="cannot be mixed"):
            blend(first, second, 0.5)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("napari_sr_card", lambda card: {**card, "format_version": 99}, "newer napari-sr"),
        ("napari_sr_card", lambda card: {**card, "intensity": {"kind": "no such"}}, "no such"),
        ("napari_sr_export", lambda facts: {}, "cannot be read"),
        ("napari_sr_export", lambda facts: [], "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "told": None}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "told": {"blur": "x"}}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "told": {"blur": float("nan")}}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "halo_lr_pixels": "far"}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "halo_lr_pixels": float("inf")}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "halo_lr_pixels": -7}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "tile_lr_pixels": "big"}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "any_size": False}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "values": "other"}, "cannot be read"),
        ("napari_sr_export", lambda facts: {**facts, "conditions": [1]}, "cannot be read"),
        ("napari_sr_card", lambda card: {**card, "title": ["x"]}, "card cannot be read"),
        ("napari_sr_card", lambda card: {**card, "kind": 5}, "card cannot be read"),
        ("napari_sr_card", lambda card: {**card, "metrics": [1]}, "card cannot be read"),
    ],
)
def test_damaged_facts_are_said(key, change, message, given, tmp_path):
    path, content = tmp_path / "given.onnx", onnx.load(given)
    kept = {p.key: p.value for p in content.metadata_props}
    onnx.helper.set_model_props(content, {**kept, key: json.dumps(change(json.loads(kept[key])))})
    onnx.save(content, path)
    with pytest.raises(ModelError, match=message):
        load_foreign(path)


def test_a_torchscript_file_with_a_damaged_card_is_refused(tmp_path):
    path = export_model(a_model(), tmp_path / "given", to="torchscript").path
    contents = path.read_bytes()
    place = contents.index(b"Given ")  # of the title, in the stored card
    path.write_bytes(contents[:place] + b"?" + contents[place + 1 :])
    with pytest.raises(ModelError, match="damaged"):
        load_foreign(path, allow_code=True)
