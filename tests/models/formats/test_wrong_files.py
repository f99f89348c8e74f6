"""Files that are no models, or none that can be used, are refused in words; nothing in them runs."""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np
import pytest
import torch
from published import forget
from safetensors.torch import save_file

from napari_sr.errors import ModelError
from napari_sr.models.formats import load_foreign
from napari_sr.models.store import load_model
from napari_sr.networks import create_network


@pytest.fixture(autouse=True)
def without_spandrel(monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)


def compact(**more):
    """Weights with the names of SRVGGNetCompact, for grey images at x2."""
    torch.manual_seed(0)
    return {
        "body.0.weight": torch.randn(4, 1, 3, 3), "body.0.bias": torch.zeros(4), "body.1.weight": torch.ones(4),
        "body.2.weight": torch.randn(4, 4, 3, 3), "body.2.bias": torch.zeros(4), "body.3.weight": torch.ones(4),
        "body.4.weight": torch.randn(4, 4, 3, 3), "body.4.bias": torch.zeros(4), **more,
    }  # fmt: skip


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def truncated(path):
    torch.save(compact(), path)
    path.write_bytes(path.read_bytes()[:-500])


def changed(path):
    """One bit of one weight is another."""
    torch.save(compact(), path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(4).numpy().tobytes()) + 2] ^= 1
    path.write_bytes(bytes(content))


def without_list(path):
    """The list of its parts is overwritten."""
    torch.save(compact(), path)
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    path.write_bytes(content[:at] + b"XX" + content[at + 2 :])


def resnet(path):
    torch.save({"layer1.0.conv1.weight": torch.ones(4, 4, 3, 3), "fc.weight": torch.ones(10, 4)}, path)


def not_finite(path):
    torch.save(compact(**{"body.0.bias": torch.tensor([0, float("nan"), 0, 0])}), path)


def lightning(path):
    torch.save({"state_dict": compact(), "hyper_parameters": argparse.Namespace(lr=1)}, path)


def basicsr_state(path):
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    torch.save({"epoch": 3, "iter": 900, "optimizers": [optimizer.state_dict()], "schedulers": [{}]}, path)


FILES = {
    "empty.pth": (lambda p: p.write_bytes(b""), "is empty"),
    "picture.ckpt": (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "refused|not a model file"),
    "parts.pth": (without_list, "is damaged"),
    "changed.pth": (changed, "is damaged: a part of it has changed"),
    "truncated.pth": (truncated, "not a model file, or damaged"),
    "truncated.safetensors": (lambda p: p.write_bytes(bytes([200, 0, 0, 0, 0, 0, 0, 0]) + b"{"), "damaged"),
    "code.pth": (lambda p: torch.save({"a": Evil()}, p), r"refused: it contains program code .*mkdir"),
    "old_code.pth": (
        lambda p: torch.save({"a": Evil()}, p, _use_new_zipfile_serialization=False), "refused: it contains program",
    ),
    "whole.pth": (lambda p: torch.save(torch.nn.Conv2d(1, 1, 3), p), r"refused: .*Conv2d.*state_dict"),
    "training.state": (basicsr_state, "state of an optimizer.*net_g"),
    "adam.pth": (
        lambda p: torch.save(torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict(), p),
        "state of an optimizer",
    ),
    "resnet.pth": (resnet, "classifies images"),
    "unknown.pth": (
        lambda p: torch.save({"a": torch.ones(2), "b": torch.ones(3)}, p), r"\('a', 'b'\).*ONNX.*napari-sr\[zoo\]",
    ),
    "list.pth": (lambda p: torch.save([1, 2], p), r"holds no weights \(list\)"),
    "lightning.ckpt": (lightning, r"argparse.Namespace.*Lightning.*torch.save\(c\['state_dict'\]"),
    "page.pth": (lambda p: p.write_text("\n<!DOCTYPE html><html>404</html>"), "web page .* Download the file itself"),
    "text.pth": (lambda p: p.write_text("Größe: 3\n" * 200, encoding="utf-8"), "is a text file, and no model"),
    "settings.ckpt": (lambda p: p.write_text('{"lr": 1e-4}'), "is a text file, and no model"),
    "page.safetensors": (lambda p: p.write_text("<html>404</html>"), "web page"),
    "pointer.pth": (
        lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9"), "git lfs pull",
    ),
    "eight_bit.pth": (
        lambda p: torch.save({k: (v * 9).to(torch.int8) for k, v in compact().items()}, p),
        r"whole numbers \('body.0.weight' is int8\): it was quantised",
    ),
    "complex.pth": (lambda p: torch.save(compact(**{"body.0.bias": torch.ones(4) * 1j}), p), "complex numbers"),
    "meta.pth": (
        lambda p: torch.save({k: v.to("meta") for k, v in compact().items()}, p), "shapes of its weights and not their",
    ),
    "flat.pth": (
        lambda p: torch.save({"conv_first.weight": torch.ones(9), "conv_last.weight": torch.ones(9)}, p),
        "does not say which network",
    ),
    "long.pth": (lambda p: torch.save(compact(**{"x" * 9999: torch.ones(1)}), p), "'x{80}…' does not belong"),
    "not_finite.pth": (not_finite, "not finite.*'body.0.bias'"),
    "extra.pth": (lambda p: torch.save(compact(extra=torch.ones(1)), p), "does not fit it: 'extra' does not belong"),
    "missing.pth": (
        lambda p: torch.save({k: v for k, v in compact().items() if k != "body.2.bias"}, p), "fit it: .*is missing",
    ),
    "folder": (lambda p: p.mkdir(), "folder without a model description"),
    "nothing.onnx": (lambda p: p.write_bytes(b"nothing"), "nothing.onnx cannot be used. onnxruntime cannot open"),
    "empty.onnx": (lambda p: p.write_bytes(b""), "empty.onnx cannot be used"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_refused_in_words(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write, message = FILES[name]
    write(tmp_path / name)
    with pytest.raises(ModelError, match=message) as caught:
        load_foreign(tmp_path / name)
    assert name in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_every_truncation_of_a_checkpoint_is_an_error_of_ours(tmp_path):
    torch.save(compact(), tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    for length in np.linspace(1, len(whole) - 1, 40).astype(int):
        (tmp_path / "cut.pth").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load_foreign(tmp_path / "cut.pth")


def test_a_safetensors_file_without_a_card_is_one_of_another_program(tmp_path):
    save_file(compact(), tmp_path / "x.safetensors")
    model = load_model(tmp_path / "x.safetensors")
    assert (model.card.network, model.scale) == ("srvgg", 2)


def test_another_shape_is_named(tmp_path):
    state = compact(**{"body.3.weight": torch.ones(5)})
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=r"'body.3.weight' does not belong there or has another shape"):
        load_foreign(tmp_path / "x.pth")


def test_what_needs_spandrel_says_what_to_install(tmp_path, monkeypatch):
    torch.save({"some.conv.weight": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(ModelError, match=r'pip install "napari-sr\[zoo\]"'):
        load_foreign(tmp_path / "x.pth")
    with pytest.raises(ModelError, match=r'need the package spandrel, .*pip install "napari-sr\[zoo\]"'):
        create_network("spandrel", scale=2, architecture="HAT").make_room({})


def test_a_missing_torchvision_is_named(monkeypatch):
    """spandrel needs it, and there are machines for which it does not exist."""
    monkeypatch.delitem(sys.modules, "spandrel")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    try:
        with pytest.raises(ModelError, match="need the package torchvision"):
            create_network("spandrel", scale=2, architecture="HAT").make_room({})
    finally:
        forget("spandrel")
