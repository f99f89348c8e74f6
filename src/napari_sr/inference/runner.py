"""One image being worked on: what stays the same from tile to tile, and what is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from napari_sr.errors import Cancelled, SRError
from napari_sr.images.axes import Layout
from napari_sr.inference.backend import Backend
from napari_sr.inference.checks import Checks
from napari_sr.inference.device import Prepared, Target, kernels
from napari_sr.inference.events import Report
from napari_sr.inference.tiling import Tiling
from napari_sr.intensity import FittedIntensity
from napari_sr.models.model import Model
from napari_sr.networks import SRNetwork
from napari_sr.networks.channel_attention import fixed_channels

#: how a note on densities begins
UNIT = "Densities were taken in units of"


@dataclass
class Runner:
    """A prepared model on one image: the tiling, what the network is told now, and counters."""

    prepared: Prepared
    tiling: Tiling
    tile_given: bool
    notes: list[str] = field(default_factory=list)
    non_finite: int = 0
    tiles_redone: int = 0
    saturated: int = 0
    conditions: Mapping[str, float] = field(default_factory=dict)
    checks: Checks = field(default_factory=Checks)
    backend: Backend = "torch"
    should_stop: Callable[[], bool] | None = None

    @property
    def model(self) -> Model:
        """The model."""
        return self.prepared.model

    @property
    def target(self) -> Target:
        """Device and precision."""
        return self.prepared.target

    @property
    def network(self) -> SRNetwork:
        """The network, told :attr:`conditions`."""
        return self.prepared.network(self.conditions)

    def infer(self, lr: Tensor) -> Tensor:
        """Super-resolve tiles of network values (N, H, W), on the device; a GPU is not waited for."""
        with torch.inference_mode(), kernels(self.target):
            if self.backend == "openvino":
                return self.prepared.openvino(self.conditions)(lr[:, None], self.should_stop)[:, 0]
            sr: Tensor = self.network(lr[:, None])[:, 0]
            return sr.float()

    def infer_again(self, lr: Tensor) -> Tensor:
        """Super-resolve one tile (H, W) in fp32, since low precision failed.

        Raises :class:`SRError` if that fails, too.
        """
        if self.target.precision != "fp32":
            network = self.prepared.network(self.conditions, precision="fp32")
            with torch.inference_mode(), kernels(Target(self.target.device, "fp32")):
                sr: Tensor = network(lr[None, None])[0, 0].float()
            if bool(torch.isfinite(sr).all()):
                self.tiles_redone += 1
                return sr
        raise SRError(
            f"{self.model.card.name} computed values that are not finite, also in fp32. "
            "The image may lie far outside what the model was trained on."
        )

    def say_unit(self, fitted: FittedIntensity) -> None:
        """Note once in which unit densities were taken, where that is not their own."""
        unit, said = fitted.unit(self.model.intensity), any(note.startswith(UNIT) for note in self.notes)
        if unit != 1 and not said:
            self.notes.append(f"{UNIT} {unit:.3g}, their mean")

    def report(self, layout: Layout, seconds: float, megapixels: float) -> Report:
        """Sum up what was done."""
        notes = list(self.notes)
        if self.non_finite:
            notes.append(f"{self.non_finite} pixels were not finite; they were kept out and left as they were")
        if self.tiles_redone:
            notes.append(f"{self.tiles_redone} tiles were redone in fp32")
        if self.saturated:
            notes.append(f"{self.saturated} values were cut at the limits of the image's type")
        return Report(
            model=self.model.card.name, scale=self.model.scale, device=self.target.title.rsplit(",", 1)[0],
            precision=self.target.precision, tile=min(self.tiling.tile, max(layout.plane_shape)),
            halo=self.tiling.halo, blend=self.tiling.blend, planes=layout.plane_count(), seconds=seconds,
            megapixels=megapixels, non_finite=self.non_finite, tiles_redone=self.tiles_redone,
            saturated=self.saturated, conditions=self.conditions, backend=self.backend, notes=tuple(notes),
            fixed_channels=fixed_channels(self.model.network) is not None,
            problems=self.checks.problems(self.saturated, megapixels * 1e6),
        )  # fmt: skip


@contextmanager
def interruptible(network: SRNetwork, should_stop: Callable[[], bool] | None) -> Iterator[None]:
    """Ask before every layer whether to go on: a tile can take seconds, and a user should not wait that long."""
    if should_stop is None:
        yield
        return

    def ask(module: torch.nn.Module, inputs: Any) -> None:
        if should_stop():
            raise Cancelled("cancelled")

    leaves = [m for m in network.modules() if not list(m.children())]
    hooks = [m.register_forward_pre_hook(ask) for m in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
