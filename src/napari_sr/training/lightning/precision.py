"""What a run computes in on a device, in Lightning's words."""

from __future__ import annotations

import torch

_MIXED = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def possible_precision(precision: str, accelerator: str) -> str:
    """Return ``precision`` of a configuration, or ``bf16`` where ``fp16`` was asked of a processor, which has none.

    Parameters
    ----------
    precision
        ``fp32``, ``bf16`` or ``fp16``.
    accelerator
        A Lightning accelerator name; ``auto`` is the processor if there is nothing else.
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    return "bf16" if precision == "fp16" and on_cpu else precision


def lightning_precision(precision: str, accelerator: str) -> str:
    """Return the name of what is possible for ``L.Trainer``: weights and steps stay in fp32 in any case."""
    return _MIXED[possible_precision(precision, accelerator)]
