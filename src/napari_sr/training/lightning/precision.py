"""What a run computes in on a device, in Lightning's words."""

from __future__ import annotations

import torch

from napari_sr.inference.device import cpu_has_fast_bf16

_MIXED = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def possible_precision(precision: str, accelerator: str) -> str:
    """Return ``precision`` of a configuration, or what a processor is fast at in place of it.

    Processors have no fp16. Those that have no bf16 emulate it: a convolution and its gradients take 25 times as long
    as in fp32 (AVX2), which is exact.

    Parameters
    ----------
    precision
        ``fp32``, ``bf16`` or ``fp16``.
    accelerator
        A Lightning accelerator name; ``auto`` is the processor if there is nothing else.
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    if not on_cpu or precision == "fp32":
        return precision
    return "bf16" if cpu_has_fast_bf16() else "fp32"


def lightning_precision(precision: str, accelerator: str) -> str:
    """Return the name of what is possible for ``L.Trainer``: weights and steps stay in fp32 in any case."""
    return _MIXED[possible_precision(precision, accelerator)]
