"""Models in ONNX format, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.errors import SRError
from napari_sr.networks import NETWORKS
from napari_sr.networks.foreign_bytes import BytesNetwork

INSTALL = 'pip install "napari-sr[onnx]"'
#: what a network of ours is given and gives back
OWN_AXES = "bcyx"
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def onnxruntime() -> Any:
    """Return the package; raises :class:`SRError` that says what to install."""
    try:
        import onnxruntime as runtime
    except ModuleNotFoundError:
        raise SRError(f"ONNX models need the package onnxruntime, which is not installed: {INSTALL}.") from None
    return runtime


def open_session(contents: bytes, device: torch.device) -> Any:
    """Return an inference session for the bytes of a model; raises :class:`SRError` if they are none."""
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    if device.type == "cpu":
        options.intra_op_num_threads = torch.get_num_threads()
    providers = ["CPUExecutionProvider"]
    if device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))  # type: ignore[arg-type]
    try:
        return runtime.InferenceSession(contents, options, providers=providers)
    except Exception as error:  # noqa: BLE001  # onnxruntime has a dozen exception types and no common one
        raise SRError(f"onnxruntime cannot open the model: {_short(error)}") from None


@NETWORKS.register("onnx", title="ONNX model")
class OnnxNetwork(BytesNetwork):
    """An ONNX graph with one image in and one out; images go through it one at a time.

    Parameters
    ----------
    axes, axes_out
        Of its input and output: b, c, y and x in any order, without b or c where it has none.
    scale, in_channels, out_channels, around
        As in :class:`napari_sr.networks.foreign_base.ForeignNetwork`.
    """

    def __init__(
        self,
        *,
        scale: int,
        axes: str = OWN_AXES,
        axes_out: str = OWN_AXES,
        in_channels: int = 1,
        out_channels: int = 1,
        around: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scale=scale, in_channels=in_channels, out_channels=out_channels, around=around)
        self.axes, self.axes_out = axes, axes_out

    def open(self, contents: bytes, device: torch.device) -> Any:
        return open_session(contents, device)

    def run(self, image: Tensor) -> Tensor:
        session = self.opened(image.device)
        taken = session.get_inputs()[0]
        batch = []
        for number in range(len(image)):
            one = image[number : number + 1]
            values = from_own(one.cpu().numpy(), self.axes).astype(TYPES[taken.type], copy=False)
            try:
                made = session.run(None, {taken.name: np.ascontiguousarray(values)})[0]
            except Exception as error:  # noqa: BLE001  # as above
                size = " x ".join(str(n) for n in one.shape[-2:])
                raise SRError(f"The ONNX model failed on {size} pixels: {_short(error)}") from None
            batch.append(to_own(np.asarray(made, np.float32), self.axes_out))
        return torch.from_numpy(np.concatenate(batch)).to(image.device)


def from_own(image: Any, axes: str) -> Any:
    """Return an array (1, C, H, W) with other axes."""
    kept = [OWN_AXES.index(a) for a in axes]
    missing = tuple(i for i in range(4) if i not in kept)
    if any(image.shape[i] != 1 for i in missing):
        raise SRError(f"An image of shape {image.shape} has no place in the axes {axes}.")
    return image.transpose(*missing, *kept).reshape([image.shape[i] for i in kept])


def to_own(image: Any, axes: str) -> Any:
    """Return an array with ``axes`` as (1, C, H, W)."""
    if image.ndim != len(axes):
        raise SRError(f"The model made an array of {image.ndim} axes, not of {axes}.")
    kept = [a for a in OWN_AXES if a in axes]
    sides = dict(zip(axes, image.shape, strict=True))
    return image.transpose([axes.index(a) for a in kept]).reshape([sides.get(a, 1) for a in OWN_AXES])


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
