"""Packages of the bioimage.io model zoo; what bioimageio.core makes of them is the reference (CPU, fp32)."""

from __future__ import annotations

import hashlib
import warnings
import zipfile

import numpy as np
import pytest
import torch
import yaml
from test_graphs import Small, graph

from napari_sr.errors import CodeRefused, ModelError
from napari_sr.inference import upscale
from napari_sr.models.formats import load_foreign

TEXT = {
    "name": "Small one", "description": "A model for tests.", "license": "CC-BY-4.0", "type": "model",
    "authors": [{"name": "Ada"}, {"name": "Bob"}], "cite": [{"text": "Ada 2020", "doi": "10.1000/xyz"}],
}  # fmt: skip


def space(name, **more):
    return {"type": "space", "id": name, **more}


def new(preprocessing=(), postprocessing=(), size=None, halo=0, scale=2, dtype="float32", weights=None, **more):
    """A description in format 0.5."""
    size = size or {"min": 8, "step": 1}
    sized = {"size": size}
    out = [
        space(a, size=size * scale, halo=halo) if isinstance(size, int)
        else space(a, size={"tensor_id": "raw", "axis_id": a}, scale=1 / scale, halo=halo) for a in "yx"
    ]  # fmt: skip
    channel = {"type": "channel", "channel_names": ["grey"]}
    return {
        **TEXT, "format_version": "0.5.3", "weights": weights or {"onnx": {"source": "m.onnx", "opset_version": 17}},
        "inputs": [{
            "id": "raw", "axes": [{"type": "batch"}, channel, space("y", **sized), space("x", **sized)],
            "data": {"type": dtype}, "preprocessing": list(preprocessing), "test_tensor": {"source": "in.npy"},
        }],
        "outputs": [{
            "id": "sr", "axes": [{"type": "batch"}, channel, *out], "data": {"type": "float32"},
            "postprocessing": list(postprocessing), "test_tensor": {"source": "out.npy"},
        }], **more,
    }  # fmt: skip


def old(preprocessing=(), postprocessing=(), axes="bcyx", **more):
    """A description in format 0.4."""
    sides = {"b": (1, 0), "c": (1, 0), "y": (8, 1), "x": (8, 1)}
    scales = {"b": 1, "c": 1, "y": 2, "x": 2}
    return {
        **TEXT, "format_version": "0.4.10", "weights": {"onnx": {"source": "m.onnx", "opset_version": 17}},
        "inputs": [{
            "name": "raw", "axes": axes, "data_type": "float32", "preprocessing": list(preprocessing),
            "shape": {"min": [sides[a][0] for a in axes], "step": [sides[a][1] for a in axes]},
        }],
        "outputs": [{
            "name": "sr", "axes": axes, "data_type": "float32", "postprocessing": list(postprocessing),
            "shape": {"reference_tensor": "raw", "scale": [scales[a] for a in axes], "offset": [0] * 4},
            "halo": [0 if a in "bc" else 6 for a in axes],
        }], **more,
    }  # fmt: skip


def write(folder, description, **settings):
    """A folder with a description and an ONNX graph; returns the network in it."""
    folder.mkdir(exist_ok=True)
    (folder / "rdf.yaml").write_text(yaml.safe_dump(description))
    return graph(folder / "m.onnx", **settings)


def made_of(module, values):
    with torch.inference_mode():
        return module(torch.from_numpy(values.astype(np.float32))[None, None])[0, 0].numpy()


IMAGE = np.random.default_rng(0).integers(100, 4000, (24, 30)).astype(np.float32)
MEAN_STD = {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"]}}
PERCENTILES = {"id": "scale_range", "kwargs": {"axes": ["y", "x"], "min_percentile": 1, "max_percentile": 99}}


def renamed(step, axes="cyx"):
    return {"name": step["id"], "kwargs": {**step["kwargs"], "axes": axes, "mode": "per_sample"}}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("description", [new([MEAN_STD]), old([renamed(MEAN_STD)])], ids=["0.5", "0.4"])
def test_mean_and_deviation_are_those_of_the_whole_image(description, zipped, tmp_path):
    module = write(tmp_path / "package", description)
    path = tmp_path / "package"
    if zipped:
        path = tmp_path / "package.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in (tmp_path / "package").iterdir():
                archive.write(file, file.name)
    model = load_foreign(path)
    mean, std = IMAGE.mean(dtype=float), IMAGE.std(dtype=float)
    expected = made_of(module, (IMAGE - mean) / std) * std + mean
    sr = upscale(IMAGE, model, device="cpu", precision="fp32")
    np.testing.assert_allclose(sr, expected, rtol=1e-4, atol=1e-5 * std)
    assert (model.scale, model.card.title, model.card.licence) == (2, "Small one", "CC-BY-4.0")
    assert model.card.attribution == "Model by Ada, Bob"
    assert model.card.citation == "Ada 2020 10.1000/xyz"
    assert model.card.description.startswith("A model for tests. From package")


def test_percentiles_are_those_of_the_whole_image(tmp_path):
    module = write(tmp_path / "p", new([PERCENTILES]))
    low, high = np.percentile(IMAGE.astype(float), (1, 99))
    expected = made_of(module, (IMAGE - low) / (high - low)) * (high - low) + low
    sr = upscale(IMAGE, load_foreign(tmp_path / "p"), device="cpu", precision="fp32")
    np.testing.assert_allclose(sr, expected, rtol=1e-4, atol=1e-5 * (high - low))


FIXED = [
    [{"id": "scale_linear", "kwargs": {"gain": 1 / 4096, "offset": -0.1}}],
    [{"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 900.0, "std": 300.0}}],
    [{"id": "clip", "kwargs": {"min": 200.0, "max": 3000.0}}, {"id": "scale_linear", "kwargs": {"gain": 1e-3}}],
]
AFTER = [
    [],
    [{"id": "scale_linear", "kwargs": {"gain": 4e3, "offset": 20.0}}, {"id": "clip", "kwargs": {"min": 0, "max": 4e3}}],
    [{"id": "sigmoid"}],
    [{"id": "sigmoid"}, {"id": "binarize", "kwargs": {"threshold": 0.5}}],
]  # fmt: skip


@pytest.mark.parametrize("after", AFTER, ids=lambda s: "+".join(x["id"] for x in s) or "nothing")
@pytest.mark.parametrize("before", FIXED, ids=lambda s: "+".join(x["id"] for x in s))
def test_other_steps_are_run_as_bioimageio_core_runs_them(before, after, tmp_path):
    core = pytest.importorskip("bioimageio.core")
    spec = pytest.importorskip("bioimageio.spec.model.v0_5")
    write(tmp_path / "p", new(before, after))
    model = load_foreign(tmp_path / "p")
    sr = upscale(IMAGE, model, device="cpu", precision="fp32")
    values = core.Tensor(IMAGE[None, None], dims=("batch", "channel", "y", "x"))
    values = _processed(core, spec, values, before)
    made = made_of(Small(1, 2).eval(), np.asarray(values.data)[0, 0])
    expected = _processed(core, spec, core.Tensor(made[None, None], dims=("batch", "channel", "y", "x")), after)
    expected = np.asarray(expected.data)[0, 0].astype(np.float32)
    np.testing.assert_allclose(sr, expected, rtol=1e-4, atol=1e-4 * max(float(np.abs(expected).max()), 1e-3))


def _processed(core, spec, values, steps):
    from bioimageio.core import proc_ops

    names = {
        "scale_linear": "ScaleLinear", "fixed_zero_mean_unit_variance": "FixedZeroMeanUnitVariance", "clip": "Clip",
        "sigmoid": "Sigmoid", "binarize": "Binarize",
    }  # fmt: skip
    for step in steps:
        name = names[step["id"]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            described = getattr(spec, f"{name}Descr").model_validate(step)
        operator = getattr(proc_ops, name).from_proc_descr(described, "raw")
        values = operator._apply(values, {})
    return values


def test_sizes_and_halo_become_tiles(tmp_path):
    write(tmp_path / "p", new(size={"min": 16, "step": 8}, halo=6))
    around = load_foreign(tmp_path / "p").network.around
    assert (around.minimum, around.step, around.reach) == (16, 8, None)
    write(tmp_path / "q", new(halo=6))
    assert load_foreign(tmp_path / "q").network.around.reach == 3  # of 6 pixels of the result
    write(tmp_path / "r", new(size=32), shape=(32, 32))
    assert load_foreign(tmp_path / "r").card.trained_patch == 32


def test_channels_last(tmp_path):
    module = write(tmp_path / "p", old([renamed(MEAN_STD, "yx")], axes="byxc"), axes="byxc")
    mean, std = IMAGE.mean(dtype=float), IMAGE.std(dtype=float)
    sr = upscale(IMAGE, load_foreign(tmp_path / "p"), device="cpu", precision="fp32")
    np.testing.assert_allclose(sr, made_of(module, (IMAGE - mean) / std) * std + mean, rtol=1e-4, atol=1e-5 * std)


def test_weights_of_a_network_that_is_known_need_no_code(tmp_path):
    from test_wrong_files import compact

    description = new(weights={"pytorch_state_dict": {"source": "w.pt", "architecture": {"callable": "Net"}}})
    write(tmp_path / "p", description)
    torch.save(compact(), tmp_path / "p" / "w.pt")
    assert load_foreign(tmp_path / "p").card.network == "srvgg"


def with_hash(description, contents):
    description["weights"]["onnx"]["sha256"] = hashlib.sha256(contents).hexdigest()
    return description


BAD = {
    "two inputs": ({**new(), "inputs": new()["inputs"] * 2}, "takes 2 images and makes 1"),
    "volume": (
        {**old(), "inputs": [{**old()["inputs"][0], "axes": "bczyx", "shape": [1, 1, 8, 8, 8]}]}, "axes bczyx",
    ),
    "no inputs": ({k: v for k, v in new().items() if k != "inputs"}, "incomplete .*inputs"),
    "a data set": ({**new(), "type": "dataset"}, "not that of a model"),
    "outside": (new(weights={"onnx": {"source": "../m.onnx"}}), "outside of the package"),
    "elsewhere": (new(weights={"onnx": {"source": "https://x.org/m.onnx"}}), "Download the whole package"),
    "other bytes": (with_hash(new(), b"other"), "another SHA-256"),
    "keras": (new(weights={"keras_hdf5": {"source": "m.h5"}}), "keras_hdf5: not read here"),
    "code": (new(weights={"torchscript": {"source": "m.pt"}}), "torchscript: holds program code"),
    "other scale": (new(scale=4), "says that it upscales by 4, but it does by 2"),
    "unknown step": (new([{"id": "sharpen", "kwargs": {}}]), "step 'sharpen' is not known"),
    "per channel": (new([{**MEAN_STD, "kwargs": {"axes": ["channel"]}}]), "not that of whole images"),
    "order": (new([{"id": "clip", "kwargs": {"min": 0, "max": 1}}, MEAN_STD]), "cannot be done tile by tile"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_run_here_is_refused_in_words(case, tmp_path):
    description, message = BAD[case]
    write(tmp_path / "p", description)
    with pytest.raises(ModelError, match=rf"^p cannot be used\. .*{message}"):
        load_foreign(tmp_path / "p")


def test_a_package_whose_code_may_be_allowed_says_so(tmp_path):
    """Who is asked in the window is asked for this error alone."""
    write(tmp_path / "p", BAD["code"][0])
    with pytest.raises(CodeRefused):
        load_foreign(tmp_path / "p")


def test_a_description_that_is_no_yaml(tmp_path):
    write(tmp_path / "p", new())
    (tmp_path / "p" / "rdf.yaml").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_foreign(tmp_path / "p")


def test_what_scales_the_result_back_is_left_out_and_said(tmp_path):
    back = {"id": "scale_mean_variance", "kwargs": {"reference_tensor": "raw"}}
    write(tmp_path / "p", new([MEAN_STD], [back]))
    assert "last step (scale_mean_variance) was left out" in load_foreign(tmp_path / "p").card.description


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_values_that_are_expected_are_given(dtype, tmp_path):
    write(tmp_path / "p", new(dtype=dtype))
    intensity = load_foreign(tmp_path / "p").intensity
    assert (intensity.kind, intensity.lower, intensity.upper) == ("percentile", 0, {"uint8": 255, "float32": 1}[dtype])
