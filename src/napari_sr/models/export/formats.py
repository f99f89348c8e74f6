"""Kinds of files that other programs read. Nothing here imports torch, so that lists can be shown at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A kind of file that other programs read.

    Attributes
    ----------
    name, title, suffix
        For code, for people, and how its files end.
    explanation
        Who reads it, in a sentence.
    packages
        What must be installed to write it, beside what napari-sr always needs, and the extra that brings it.
    """

    name: str
    title: str
    suffix: str
    explanation: str
    packages: tuple[str, ...] = ()
    extra: str = ""


FORMATS = {
    f.name: f
    for f in (
        Format(
            "bioimageio", "bioimage.io package", ".zip",
            "For Fiji (deepImageJ), ilastik, QuPath, and the collection on bioimage.io.",
            ("onnx", "onnxruntime"), "onnx",
        ),
        Format(
            "onnx", "ONNX", ".onnx", "For programs in nearly any language, and for fast runtimes.",
            ("onnx", "onnxruntime"), "onnx",
        ),
        Format("torchscript", "TorchScript", ".pt", "For programs that use PyTorch, from Python or C++."),
    )
}  # fmt: skip
