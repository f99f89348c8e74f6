"""One run: a network over the tiles of a plane, with what goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.errors import Cancelled, MemoryLimitError, SRError
from napari_sr.inference.axes import Layout
from napari_sr.inference.checks import Checks
from napari_sr.inference.device import Target, prepare
from napari_sr.inference.events import Report
from napari_sr.inference.output import RowWriter
from napari_sr.inference.tiles import Span, TilePlan, plan_tiles
from napari_sr.inference.tiling import Tiling
from napari_sr.intensity import FittedIntensity
from napari_sr.model import Model
from napari_sr.networks import SRNetwork
from napari_sr.networks.interpolation import Bicubic


@dataclass
class Run:
    """Everything that stays the same during a run, and its counters."""

    model: Model
    network: SRNetwork
    target: Target
    tiling: Tiling
    tile_given: bool
    notes: list[str] = field(default_factory=list)
    non_finite: int = 0
    tiles_redone: int = 0
    saturated: int = 0
    full_precision: SRNetwork | None = None
    conditions: Mapping[str, float] = field(default_factory=dict)
    checks: Checks = field(default_factory=Checks)

    def tell(self, conditions: Mapping[str, float]) -> None:
        """Prepare the network for other conditions, if they are others."""
        if conditions != self.conditions:
            self.network = prepare(self.model.network, self.target, conditions)
            self.conditions, self.full_precision = conditions, None

    def infer(self, lr: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Super-resolve one tile of network values; low precision that fails is redone in fp32."""
        tensor = torch.from_numpy(lr)[None, None].to(self.target.device)
        with torch.inference_mode():
            sr = self.network(tensor).float()
            if not bool(torch.isfinite(sr).all()) and self.target.precision != "fp32":
                if self.full_precision is None:
                    full = Target(self.target.device, "fp32")
                    self.full_precision = prepare(self.model.network, full, self.conditions)
                sr = self.full_precision(tensor).float()
                self.tiles_redone += 1
            if not bool(torch.isfinite(sr).all()):
                raise SRError(
                    f"{self.model.card.name} computed values that are not finite, also in fp32. "
                    "The image may lie far outside what the model was trained on."
                )
        return np.asarray(sr[0, 0].cpu().numpy())

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
            saturated=self.saturated, conditions=self.conditions, notes=tuple(notes),
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


def upscale_plane(
    run: Run,
    plane: Any,
    layout: Layout,
    index: tuple[int, ...],
    out: Any,
    dtype: np.dtype[Any],
    fits: Callable[[tuple[int, ...]], tuple[FittedIntensity, float]],
    *,
    alpha: bool,
) -> Iterator[float]:
    """Super-resolve one plane into ``out``; yields the share that is done. Halves tiles when memory runs out."""
    scale = run.model.scale
    fitted, stand_in = fits(index)
    while True:
        plan = plan_tiles(
            layout.plane_shape, scale=scale, tile=run.tiling.tile, halo=run.tiling.halo, blend=run.tiling.blend
        )
        writer = RowWriter(out, layout, index, dtype, plan)
        saved = (run.non_finite, run.tiles_redone)
        try:
            for number, (row, column) in enumerate(plan, start=1):
                window = np.asarray(plane[row.outer, column.outer])
                tile = _alpha_tile(window, scale) if alpha else _tile(run, window, fitted, stand_in)
                run.non_finite += _count_non_finite(window, row, column)
                if not alpha:
                    kept = tile[row.kept(scale), column.kept(scale)], window[row.kept(1), column.kept(1)]
                    run.checks.add(*kept, scale=scale, span=fitted.span, noise=run.conditions.get("noise", 0.0))
                writer.add(tile, row, column)
                yield number / len(plan)
            run.saturated += writer.finish()
            return
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise SRError(f"{run.model.card.name} failed on this image: {error}") from error
        run.non_finite, run.tiles_redone = saved
        _shrink(run, plan)


def _shrink(run: Run, plan: TilePlan) -> None:
    """Halve the tile, or raise if it was given by the user or is as small as it gets."""
    if run.target.device.startswith("cuda"):
        torch.cuda.empty_cache()
    smaller = replace(run.tiling, tile=plan.rows[0].outer_stop).halved()
    if run.tile_given or smaller is None:
        reason = "the tile size that was set" if run.tile_given else "the smallest tile"
        raise MemoryLimitError(
            f"{run.target.title.split(',')[0]} has too little memory for {reason} ({run.tiling.tile} LR pixels). "
            "Close other programs that use it, set a smaller tile, or run on the CPU."
        )
    run.notes.append(f"Tiles were halved to {smaller.tile} px because memory ran out")
    run.tiling = smaller


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "allocate memory" in text


def _tile(run: Run, window: npt.NDArray[Any], fitted: FittedIntensity, stand_in: float) -> npt.NDArray[np.float64]:
    """Super-resolve one window in image values; what is not finite is kept out and put back."""
    scale = run.model.scale
    window = window.astype(window.dtype.newbyteorder("="), copy=False)
    bad = None
    if window.dtype.kind == "f":
        bad = ~np.isfinite(window)
        if bad.any():
            original = window
            window = np.where(bad, np.asarray(stand_in, window.dtype), window)
        else:
            bad = None
    sr = fitted.inverse(run.infer(fitted.forward(window)))
    if bad is not None:
        repeated = np.repeat(np.repeat(bad, scale, axis=0), scale, axis=1)
        values = np.repeat(np.repeat(original, scale, axis=0), scale, axis=1)
        sr[repeated] = values[repeated]
    return sr


def _count_non_finite(window: npt.NDArray[Any], row: Span, column: Span) -> int:
    if window.dtype.kind != "f":
        return 0
    return int(np.count_nonzero(~np.isfinite(window[row.kept(1), column.kept(1)])))


def _alpha_tile(window: npt.NDArray[Any], scale: int) -> npt.NDArray[np.float64]:
    """Interpolate transparency; a model has nothing to say about it."""
    lr = torch.from_numpy(np.ascontiguousarray(window, dtype=np.float32))[None, None]
    with torch.inference_mode():
        return np.asarray(Bicubic(scale=scale)(lr)[0, 0].numpy(), dtype=np.float64)
