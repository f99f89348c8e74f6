"""OpenVINO in place of torch on the processor: the same network, 1.2 to 3 times as fast where it wins."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_sr.errors import Cancelled, SRError
from napari_sr.networks import SRNetwork
from napari_sr.networks.dense_sums import dense_as_sums
from napari_sr.networks.image_conv import ImageConv

#: what OpenVINO calls the precisions
HINTS = {"fp32": "f32", "bf16": "bf16"}
#: size in LR pixels of the image that a network is recorded with, enough for every pooling window and border; and of
#: another one, which no window divides
EXAMPLE, OTHER = (64, 64), (45, 83)
#: milliseconds between two questions whether to go on
ASK_EVERY = 20


def installed() -> bool:
    """Return True if OpenVINO is there."""
    return importlib.util.find_spec("openvino") is not None


def can_run(network: SRNetwork, precision: str) -> bool:
    """Return True if a network is one that OpenVINO could be faster with: trained here, and no fixed interpolation.

    In bfloat16 it rounds every number: not one that this is bad for, or whose first convolution would see less of the
    image by it.

    Not one that pools over windows, such as RCAN where its channels are not fixed: on a busy Zen 3, compiling
    em-rcan-x4 took more than four minutes.
    """
    exact = precision != "bf16" or not (network.rounds_badly or network.computes_first)
    return network.trainable and not network.foreign and not network.localises and exact


class _Learnt(nn.Module):
    def __init__(self, network: SRNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, lr: Tensor) -> Tensor:
        return self.network.learnt(lr)


class OpenVINONetwork:
    """A prepared network, compiled by OpenVINO for this processor and for images of any size.

    What is linear beside it (:meth:`SRNetwork.linear_part`) stays with torch, in float32: its taps nearly cancel. With
    ``fp32`` results are those of torch to 1e-5 of the range; with ``bf16`` they are rounded as torch's are, and what is
    learnt once more at the end (some 2000 different values of a generator that learns the whole image). The image that
    it sees is not (:class:`napari_sr.networks.image_conv.ImageConv`).

    A network whose steps depend on the size of its input (windows, pyramids) is recorded again for each size; whether
    it is one, a second size tells.

    Parameters
    ----------
    network
        In fp32, on the processor, in evaluation mode, told and folded.
    precision
        ``fp32`` or ``bf16``.

    Raises
    ------
    SRError
        If OpenVINO cannot have this network.
    """

    def __init__(self, network: SRNetwork, precision: str) -> None:
        network = copy.deepcopy(network)
        dense_as_sums(network)
        if precision == "fp32":  # products of bfloat16 would bury what is weak in a spectrum under what is strong
            network.transform_by_products()
        else:
            for module in network.modules():
                if isinstance(module, ImageConv):
                    module.rounded_to = torch.bfloat16
        self.network, self.precision = network, precision
        self._requests: dict[tuple[int, ...], Any] = {}
        graph = _recorded(network, (1, network.in_channels, *EXAMPLE), sizes=(-1, -1, -1))
        self._any_size = _that_gives_what_torch_gives(graph, network, (2, network.in_channels, *OTHER))
        self.fits_any_size = self._any_size is not None
        if self.fits_any_size and precision != "fp32":
            self._any_size = _compiled(graph, precision)

    def __call__(self, lr: Tensor, should_stop: Callable[[], bool] | None = None) -> Tensor:
        """Return ``sr`` of ``lr`` (N, C, H, W); raises :class:`Cancelled` if ``should_stop`` says so meanwhile."""
        image = np.ascontiguousarray(lr.float().numpy())
        request = self._request(tuple(image.shape))
        if should_stop is None:
            request.infer({0: image}, share_inputs=True)
        else:
            request.start_async({0: image}, share_inputs=True)
            while not request.wait_for(ASK_EVERY):
                if should_stop():
                    request.cancel()
                    with suppress(RuntimeError):  # it is told that it was cancelled
                        request.wait()
                    raise Cancelled("cancelled")
        sr = torch.from_numpy(np.array(request.get_output_tensor(0).data))
        linear = self.network.linear_part(lr)
        return sr if linear is None else sr + linear

    def _request(self, shape: tuple[int, ...]) -> Any:
        if self.fits_any_size:
            return self._any_size
        if shape not in self._requests:
            graph = _recorded(self.network, shape, sizes=(shape[0], shape[2], shape[3]))
            self._requests[shape] = _compiled(graph, self.precision)
        return self._requests[shape]


def _recorded(network: SRNetwork, shape: tuple[int, ...], *, sizes: tuple[int, int, int]) -> Any:
    """Return OpenVINO's graph of what is learnt, for inputs of ``sizes`` (N, H, W), -1 for any.

    By what ``openvino.convert_model`` calls, too: that itself tells its maker of every use.
    """
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    count, height, width = sizes
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of tracing: sizes that Python has computed
            recorded = TorchScriptPythonDecoder(
                _Learnt(copy.deepcopy(network)), example_input=torch.rand(*shape),
                trace_kwargs={"check_trace": False},  # another size is checked below, against torch itself
            )  # fmt: skip
        frontend = FrontEndManager().load_by_framework("pytorch")
        graph = frontend.convert(frontend.load(recorded))
        given = graph.inputs[0].get_node()
        given.set_element_type(openvino.Type.f32)
        given.set_partial_shape(openvino.PartialShape([count, shape[1], height, width]))
        graph.validate_nodes_and_infer_types()
        return graph
    except Exception as error:  # it and the tracer raise whatever comes
        raise SRError(f"OpenVINO cannot have this network: {_first_reason(error)}") from error


def _compiled(graph: Any, precision: str) -> Any:
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # the window has to find a core, too
    }  # fmt: skip
    try:
        return openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()
    except Exception as error:  # as above; of the processor's own compiler, too
        raise SRError(f"OpenVINO cannot have this network: {_first_reason(error)}") from error


def _that_gives_what_torch_gives(graph: Any, network: SRNetwork, shape: tuple[int, ...]) -> Any:
    """Return a graph compiled in fp32 that was recorded with one size; None if its numbers for another are wrong."""
    lr = torch.rand(*shape)
    try:
        request = _compiled(graph, "fp32")
        found = torch.from_numpy(np.array(request.infer({0: lr.numpy()})[0]))
    except (RuntimeError, SRError):  # sizes that do not go together
        return None
    with torch.inference_mode():
        expected = network.learnt(lr).float()
    close = 1e-3 * max(1.0, float(expected.abs().max()))
    right = found.shape == expected.shape and float((found - expected).abs().max()) < close
    return request if right else None


def _first_reason(error: BaseException) -> str:
    """Return the last line of what went wrong first."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
