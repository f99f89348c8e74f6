"""Which device and which precision to use, and how to prepare a network for them."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from napari_sr.errors import ConfigError
from napari_sr.inference.openvino import OpenVINONetwork
from napari_sr.models.model import Model
from napari_sr.networks import SRNetwork
from napari_sr.networks.fused import fuse
from napari_sr.networks.shallow_copy import shallow_copy

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
#: networks that are told different things, which are kept for one model
KEPT = 4


@dataclass(frozen=True)
class Target:
    """Device and precision that a run uses."""

    device: str
    precision: Precision

    @property
    def title(self) -> str:
        """For the result line: ``NVIDIA H200, bf16``."""
        return f"{device_title(self.device)}, {self.precision}"


def device_title(device: str) -> str:
    """Return the name of a device as its maker calls it."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    return "Apple GPU" if device == "mps" else "CPU"


def available_devices() -> tuple[str, ...]:
    """Return the usable devices, the fastest first."""
    found = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def cpu_has_fast_bf16() -> bool:
    """Return True if bfloat16 products run in hardware; without it they are emulated, four times slower."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def choose(device: str = "auto", precision: str = "auto", *, rounds_badly: bool = False) -> Target:
    """Return the device and precision for ``auto``, or what was asked for if it exists.

    A network that rounds badly gets fp16 on a GPU, whose steps are eight times finer than those of bfloat16.

    Raises
    ------
    ConfigError
        If the device is not there or the precision is unknown or impossible on it.
    """
    devices = available_devices()
    if device == "auto":
        device = devices[0]
    elif device == "cuda" and torch.cuda.is_available():
        device = "cuda:0"
    if device not in devices:
        raise ConfigError(f"device: {device!r} is not available here; use one of: auto, {', '.join(devices)}")
    if precision == "auto":
        if device.startswith("cuda"):
            major, _ = torch.cuda.get_device_capability(torch.device(device))
            return Target(device, "bf16" if major >= 8 and not rounds_badly else "fp16")
        return Target(device, "bf16" if device == "cpu" and cpu_has_fast_bf16() else "fp32")
    if precision not in DTYPES:
        raise ConfigError(f"precision: {precision!r} is not known; use auto, {', '.join(DTYPES)}")
    if device == "cpu" and precision == "fp16":
        raise ConfigError("precision: fp16 needs a GPU; on the CPU use auto, fp32 or bf16")
    return Target(device, precision)  # type: ignore[arg-type]


def prepare(network: SRNetwork, target: Target, conditions: Mapping[str, float] | None = None) -> SRNetwork:
    """Return a copy of ``network`` for inference on ``target``: told ``conditions``, folded, cast.

    Weights are stored channels last. What says of itself that it is computed in full precision stays in float32, and so
    do interpolations.
    """
    # others keep their weights in ways of their own
    prepared = (copy.deepcopy(network) if network.foreign else shallow_copy(network)).eval()
    prepared.tell(conditions or {})
    prepared = prepared.fold_for_inference()
    for parameter in prepared.parameters():
        parameter.requires_grad_(False)
    dtype = DTYPES[target.precision]
    if prepared.trainable and dtype != torch.float32:
        heads = [m for m in prepared.modules() if getattr(m, "full_precision", False)]
        kept = [copy.deepcopy(head.state_dict()) for head in heads]
        prepared = prepared.to(dtype)
        for head, state in zip(heads, kept, strict=True):
            head.float().load_state_dict(state)
    # interpolations are three times slower channels last; torch has no type for this form of `to`
    order = torch.channels_last if prepared.trainable else None
    prepared.to(target.device, memory_format=order)  # type: ignore[call-overload]  # in place
    if prepared.trainable and not prepared.foreign and target.device == "cpu":
        fuse(prepared)
    return prepared


def trained_patch(model: Model) -> int:
    """Return the side in LR pixels of the patches that a model was trained on; 64 if its card does not say."""
    return model.card.trained_patch or 64


def localised(model: Model) -> SRNetwork:
    """Return a model's network; what it pools, if it can, over windows of its training patch and not over the tile."""
    if not model.network.localises:
        return model.network
    network = shallow_copy(model.network)
    network.localise(trained_patch(model))
    return network


class Prepared:
    """A model on a device: its network copied, folded and cast once for everything that it is told.

    Parameters
    ----------
    model
        The model; its own network is left as it is.
    target
        Device and precision.
    """

    def __init__(self, model: Model, target: Target) -> None:
        self.model, self.target = model, target
        self._network = localised(model)
        self._compiled: OrderedDict[tuple[tuple[str, float], ...], OpenVINONetwork] = OrderedDict()
        self._networks: OrderedDict[tuple[Precision, tuple[tuple[str, float], ...]], SRNetwork] = OrderedDict()

    def of(self, model: Model) -> Prepared:
        """Return the same networks for a model that differs only in its card."""
        other = copy.copy(self)
        other.model = model
        return other

    def openvino(self, conditions: Mapping[str, float]) -> OpenVINONetwork:
        """Return the network that was told ``conditions``, compiled by OpenVINO in the target's precision."""
        key = tuple(sorted(conditions.items()))
        if key not in self._compiled:
            self._compiled[key] = OpenVINONetwork(self.network(conditions, precision="fp32"), self.target.precision)
            if len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    def network(self, conditions: Mapping[str, float], precision: Precision | None = None) -> SRNetwork:
        """Return the network that was told ``conditions``, in the target's precision or another one."""
        target = Target(self.target.device, precision or self.target.precision)
        key = target.precision, tuple(sorted(conditions.items()))
        if key not in self._networks:
            self._networks[key] = prepare(self._network, target, conditions)
            if len(self._networks) > KEPT:  # every slider's move tells it something new
                self._networks.popitem(last=False)
        self._networks.move_to_end(key)
        return self._networks[key]


@contextmanager
def kernels(target: Target) -> Iterator[None]:
    """Have fp32 computed in fp32.

    NVIDIA's convolutions round single precision to 10 bits (TF32) unless told otherwise: no more than fp16 has.
    """
    if not target.device.startswith("cuda"):
        yield
        return
    cudnn = torch.backends.cudnn
    keep = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
    with cudnn.flags(**keep, allow_tf32=target.precision != "fp32"):
        yield


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if a device or the computer has too little memory; torch says so in several ways."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "allocate memory" in text
