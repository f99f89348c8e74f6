"""Processors with and without fast bfloat16, on any machine."""

from __future__ import annotations

import pytest
import torch


def pretend_bf16(monkeypatch: pytest.MonkeyPatch, *, fast: bool) -> None:
    """Let torch say that this processor has, or has not, products of bfloat16 in hardware."""
    found = torch.cpu.get_capabilities()
    said = {**found, "amx_bf16": fast, "avx512_bf16": fast}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: said)
