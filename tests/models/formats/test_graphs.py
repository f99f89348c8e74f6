"""ONNX and TorchScript models, as bytes in one of our files (CPU, fp32)."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from napari_sr.errors import ModelError, SRError
from napari_sr.inference import upscale
from napari_sr.models import store
from napari_sr.models.formats import load_foreign
from napari_sr.models.model import load, save

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


class Small(nn.Module):
    """conv 5x5 - ReLU - conv - shuffle, of any number of channels."""

    def __init__(self, channels: int = 1, scale: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(channels, 6, 5, padding=2)
        self.last = nn.Conv2d(6, channels * scale**2, 3, padding=1)
        self.scale = scale

    def forward(self, x):
        return F.pixel_shuffle(self.last(F.relu(self.first(x))), self.scale)


def graph(path, channels=1, scale=2, shape=(None, None), axes="bcyx", weights=None, batch=1, dtype="FLOAT"):
    """Write :class:`Small` as an ONNX graph, node by node."""
    helper, kind = onnx.helper, getattr(onnx.TensorProto, dtype)
    module = weights or Small(channels, scale)
    numpy_type = np.float16 if dtype == "FLOAT16" else np.float32
    arrays = {
        name: onnx.numpy_helper.from_array(t.numpy().astype(numpy_type), name)
        for name, t in module.state_dict().items()
    }
    nodes, name = [], "image"
    if axes == "byxc":
        nodes.append(helper.make_node("Transpose", [name], ["own"], perm=[0, 3, 1, 2]))
        name = "own"
    nodes += [
        helper.make_node("Conv", [name, "first.weight", "first.bias"], ["a"], pads=[2] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "last.weight", "last.bias"], ["c"], pads=[1] * 4),
        helper.make_node("DepthToSpace", ["c"], ["d"], blocksize=scale, mode="CRD"),
    ]
    nodes.append(
        helper.make_node("Transpose", ["d"], ["sr"], perm=[0, 2, 3, 1])
        if axes == "byxc"
        else helper.make_node("Identity", ["d"], ["sr"])
    )
    sides = {"b": batch, "c": channels, "y": shape[0] or "h", "x": shape[1] or "w"}
    out = {**sides, "y": (shape[0] and shape[0] * scale) or "H", "x": (shape[1] and shape[1] * scale) or "W"}
    infos = [helper.make_tensor_value_info("image", kind, [sides[a] for a in axes])]
    outputs = [helper.make_tensor_value_info("sr", kind, [out[a] for a in axes])]
    made = helper.make_model(
        helper.make_graph(nodes, "small", infos, outputs, list(arrays.values())),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9,
    )  # fmt: skip
    onnx.save(made, path)
    return module.eval()


def computed(network, lr):
    with torch.inference_mode():
        return network(lr)


def of(module, lr, channels=1):
    return computed(module, lr.expand(-1, channels, -1, -1)).mean(1, keepdim=True)


@pytest.mark.parametrize("axes", ["bcyx", "byxc"])
@pytest.mark.parametrize(("channels", "scale"), [(1, 2), (3, 4), (1, 1)])
def test_an_onnx_model_computes_what_the_original_does(channels, scale, axes, tmp_path):
    module = graph(tmp_path / "m.onnx", channels, scale, axes=axes)
    model = load_foreign(tmp_path / "m.onnx")
    assert (model.card.network, model.scale) == ("onnx", scale)
    assert model.network.halo == 3  # of a 5x5 and a 3x3 convolution, measured
    assert not model.network.pools_tile
    lr = torch.rand(2, 1, 9, 13)
    torch.testing.assert_close(computed(model.network, lr), of(module, lr, channels), rtol=1e-5, atol=1e-5)


def test_a_model_of_half_precision(tmp_path):
    module = graph(tmp_path / "m.onnx", dtype="FLOAT16")
    lr = torch.rand(1, 1, 9, 13)
    out = computed(load_foreign(tmp_path / "m.onnx").network, lr)
    torch.testing.assert_close(out, of(module, lr), rtol=0.01, atol=0.01)


def test_it_is_one_safetensors_file_and_runs_from_it(tmp_path):
    module = graph(tmp_path / "m.onnx")
    model = load_foreign(tmp_path / "m.onnx")
    save(model, tmp_path / "m.safetensors", half=True)  # bytes are no numbers: they stay
    again = load(tmp_path / "m.safetensors")
    lr = torch.rand(1, 1, 8, 8)
    computed(again.network, lr)
    copied = copy.deepcopy(again.network)  # with an open session
    torch.testing.assert_close(computed(copied, lr), of(module, lr), rtol=1e-5, atol=1e-5)
    assert again.card.source["file"] == "m.onnx"
    assert len(again.card.source["sha256"]) == 64


def test_tiles_join_without_a_seam(tmp_path):
    module = graph(tmp_path / "m.onnx")
    model = load_foreign(tmp_path / "m.onnx")
    lr = np.random.default_rng(0).random((50, 60), np.float32)
    fixed = replace(model, card=replace(model.card, intensity={"kind": "fixed", "low": 0, "high": 1}))
    sr = upscale(lr, fixed, tile=20, device="cpu", precision="fp32")
    np.testing.assert_allclose(sr, of(module, torch.from_numpy(lr)[None, None])[0, 0].numpy(), atol=1e-5)


def test_a_fixed_size_is_the_tile_size(tmp_path):
    module = graph(tmp_path / "m.onnx", shape=(32, 32))
    model = load_foreign(tmp_path / "m.onnx")
    assert model.card.trained_patch == 32
    assert "tiles of 32 x 32 pixels only" in model.card.description
    lr = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(computed(model.network, lr), of(module, lr), rtol=1e-5, atol=1e-5)
    # smaller ones are continued by their border, which is not seen from the inside
    small = computed(model.network, lr[..., :20, :24])[..., :30, :40]
    torch.testing.assert_close(small, of(module, lr)[..., :30, :40], rtol=1e-5, atol=1e-5)
    image = np.random.default_rng(0).integers(0, 4000, (75, 50)).astype(np.uint16)
    assert upscale(image, model, device="cpu").shape == (150, 100)
    with pytest.raises(SRError, match=r"tiles of 32 x 32 pixels, no larger.*auto, or to 32"):
        upscale(image, model, device="cpu", tile=64)


def two_inputs(path):
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    infos = [helper.make_tensor_value_info(name, kind, [1, 1, "h", "w"]) for name in "ab"]
    out = helper.make_tensor_value_info("c", kind, [1, 1, "h", "w"])
    made = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "g", infos, [out])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def one_node(path, operator, rank=4, kind="FLOAT", **attributes):
    helper, kind = onnx.helper, getattr(onnx.TensorProto, kind)
    infos = [helper.make_tensor_value_info("a", kind, [1, 1, "h", "w", "d"][:rank])]
    out = helper.make_tensor_value_info("b", kind, None)
    made = helper.make_graph([helper.make_node(operator, ["a"], ["b"], **attributes)], "g", infos, [out])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (two_inputs, "2 inputs and 1 outputs"),
        (lambda p: one_node(p, "Relu", rank=5), "input has 5 axes"),
        (lambda p: one_node(p, "Relu", rank=3), "input has 3 axes"),
        (lambda p: one_node(p, "Abs", kind="INT32"), "type tensor.int32"),
        (lambda p: one_node(p, "AveragePool", kernel_shape=[2, 2], strides=[2, 2]), "no whole factor"),
        (lambda p: graph(p, shape=(32, None)), "fixes one side"),
        (lambda p: graph(p, batch=4), "4 images at a time"),
    ],
)
def test_what_is_no_such_model_is_refused(write, message, tmp_path):
    write(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=rf"m.onnx cannot be used.*{message}"):
        load_foreign(tmp_path / "m.onnx")


def test_a_wrong_scale_is_said(tmp_path):
    graph(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="upscales by 2, not by 4"):
        load_foreign(tmp_path / "m.onnx", scale=4)


@pytest.fixture
def script(tmp_path):
    module = Small(3, 2).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(module, torch.rand(1, 3, 16, 16)).save(tmp_path / "m.pt")
    return module, tmp_path / "m.pt"


def test_torchscript_needs_consent(script):
    _, path = script
    with pytest.raises(ModelError, match=r"TorchScript model: it holds program code.*--allow-code.*ONNX"):
        load_foreign(path)


def test_torchscript_computes_what_the_original_does(script, tmp_path):
    module, path = script
    model = load_foreign(path, allow_code=True)
    assert (model.card.network, model.scale, model.network.halo) == ("torchscript", 2, 3)
    lr = torch.rand(1, 1, 12, 10)
    torch.testing.assert_close(computed(model.network, lr), of(module, lr, 3), rtol=1e-5, atol=1e-5)


def test_consent_is_kept_for_what_was_installed_and_nothing_else(script, tmp_path):
    module, path = script
    installed = store.install_foreign(path, allow_code=True, name="scripted")
    lr = torch.rand(1, 1, 12, 10)
    torch.testing.assert_close(
        computed(store.load_model("scripted").network, lr), of(module, lr, 3), rtol=1e-5, atol=1e-5
    )
    # a file from elsewhere, whatever its card says
    other = load_foreign(path, allow_code=True)
    other.network.contents = torch.cat((other.network.contents, torch.zeros(1, dtype=torch.uint8)))
    save(replace(other, card=replace(other.card, name="scripted")), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="holds program code"):
        store.load_model(tmp_path / "other.safetensors")
    (store.user_folder() / "allowed-code.json").unlink()
    with pytest.raises(ModelError, match="holds program code"):
        store.load_model("scripted")
    assert installed.exists()
