"""What there is to do for a large result: decided once, the same for whoever computes its blocks."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.axes import Layout
from napari_sr.images.dtypes import output_dtype
from napari_sr.images.selection import Selection
from napari_sr.images.writers import OutputInfo
from napari_sr.images.writers.ome_zarr import stored_axes
from napari_sr.images.writers.zarr_folder import create_levels
from napari_sr.inference.backend import Amount, Backend, iter_backend
from napari_sr.inference.block_tiling import block_tiling
from napari_sr.inference.blocks import VERSION, BlockPlan
from napari_sr.inference.conditions import Conditions, PlaneConditions, checked_conditions
from napari_sr.inference.device import KEPT
from napari_sr.inference.identity import identity_of_array, is_mapped
from napari_sr.inference.parts import PlaneFits
from napari_sr.inference.plane_runs import checked_image
from napari_sr.inference.tiling import Tiling
from napari_sr.inference.upscaler import Upscaler
from napari_sr.models.model import weights_hash


@dataclass(frozen=True)
class Source:
    """Where an image comes from.

    Attributes
    ----------
    name
        For the result's provenance.
    identity
        Asked now and then: what it returns changes when the image does. Empty if that cannot be told.
    open
        Opens the image again, elsewhere; None if the image itself is sent there.
    """

    name: str = ""
    identity: Callable[[], str] = lambda: ""
    open: Callable[[], Any] | None = None

    @classmethod
    def of_array(cls, image: Any) -> Source:
        """Return what can be told of an array; values in memory are looked at once, and must not be changed."""
        if isinstance(image, np.ndarray) and not is_mapped(image):
            found = identity_of_array(image)
            return cls(identity=lambda: found)
        again = None
        if is_mapped(image) and isinstance(image.base, mmap.mmap):  # no part of another one
            order: Any = "F" if image.flags.f_contiguous and not image.flags.c_contiguous else "C"
            again = partial(np.memmap, image.filename, image.dtype, "r", image.offset, image.shape, order)
        return cls(identity=lambda: identity_of_array(image), open=again)


@dataclass(frozen=True)
class Job:
    """Everything that a block's values depend on beside the image and the model; small, and the same for all workers.

    Attributes
    ----------
    axes
        Of the whole image.
    selection
        What of it is worked on; checked.
    stored
        Layout of the result's full resolution, as stored.
    dtype
        Of the result.
    plan, tiling
        The blocks, and their tiles.
    told
        What the network is told of each channel, by its number in the image.
    store
        Folder of the result, once it is known.
    backend
        The library that computes.
    """

    axes: str
    selection: Selection
    stored: Layout
    dtype: np.dtype[Any]
    plan: BlockPlan
    tiling: Tiling
    told: Mapping[int, Mapping[str, float]]
    store: Path = Path()
    backend: Backend = "torch"

    def index(self, number: int) -> tuple[int, ...]:
        """Return where a plane stands in the result as stored."""
        lengths = [n for n, a in zip(self.stored.shape, self.stored.axes, strict=True) if a not in "YX"]
        return tuple(int(n) for n in np.unravel_index(number, lengths)) if lengths else ()

    def whole_index(self, number: int) -> tuple[int, ...]:
        """Return where a plane of the result is in the whole image."""
        place = dict(zip((a for a in self.stored.axes if a not in "YX"), self.index(number), strict=True))
        return self.selection.whole_index(self.axes, tuple(place[a] for a in self.axes if a not in "YX"))

    def channel(self, whole: tuple[int, ...]) -> int:
        """Return the number of a plane's channel."""
        others = [a for a in self.axes if a not in "YX"]
        return whole[others.index("C")] if "C" in others else 0


def planned(
    image: Any, layout: Layout, upscaler: Upscaler, *, selection: Selection | None, conditions: Conditions | None,
    dtype: npt.DTypeLike | None,
) -> tuple[Job, list[str]]:  # fmt: skip
    """Return what there is to do, and sentences on what was estimated for that.

    Parameters
    ----------
    image, layout
        The whole image.
    upscaler, conditions, dtype
        As in :func:`~napari_sr.inference.one_call.iter_upscale`.
    selection
        What of the image is worked on; None for all.
    """
    checked = checked_image(image)
    selection = (selection or Selection()).checked(layout)
    large = selection.layout(layout)
    lengths = dict(zip(large.axes, large.upscaled_shape(upscaler.scale), strict=True))
    axes = stored_axes(layout.axes)
    stored = Layout(axes, tuple(lengths[a] for a in axes))
    plan = BlockPlan.of(stored.plane_count(), stored.plane_shape)
    tiling = block_tiling(
        upscaler.model, upscaler.prepared.target, plane=layout.plane_shape, side=plan.side, tile=upscaler.tile,
        overlap=upscaler.overlap,
    )  # fmt: skip
    fits = PlaneFits(checked, layout, upscaler.model)
    told = PlaneConditions(checked, layout, upscaler.model, checked_conditions(upscaler.model, conditions), fits)
    channels = selection.take.get("C", range(layout.shape[layout.axes.index("C")]) if "C" in layout.axes else (0,))
    others = [a for a in layout.axes if a not in "YX"]
    known = {c: told(tuple(c if a == "C" else 0 for a in others)) for c in channels}
    out = output_dtype(np.dtype(image.dtype), dtype)
    return Job(layout.axes, selection, stored, out, plan, tiling, known), told.notes()


def iter_library(
    job: Job, layout: Layout, upscaler: Upscaler, *, begun_with: str, alone: bool
) -> Generator[str, None, Job]:
    """Choose the library that computes; yields a sentence before what takes long, returns the job with its choice.

    A run that is gone on with keeps the library that it was begun with. Workers elsewhere take torch if nothing else
    was asked for: how fast they are with another one is not known here.

    Parameters
    ----------
    job, layout
        What there is to do, and the layout of the whole image.
    begun_with
        Library of an unfinished result; empty if there is none.
    alone
        True if this process computes.
    """
    wanted = upscaler.backend
    if wanted == "auto":
        wanted = begun_with or ("auto" if alone else "torch")
    part = job.selection.layout(layout)
    different = len({tuple(sorted(told.items())) for told in job.told.values()})
    planes = different if different <= KEPT else part.plane_count()  # networks that are told different things
    amount = Amount(math.prod(part.plane_shape) * part.plane_count(), planes, max(part.plane_shape))
    backend, _ = yield from iter_backend(upscaler.prepared, wanted, job.tiling, amount, tile_given=True)
    if backend == "torch":
        return job
    tiling = block_tiling(
        upscaler.model, upscaler.prepared.target, plane=layout.plane_shape, side=job.plan.side, tile=upscaler.tile,
        overlap=upscaler.overlap, backend=backend,
    )  # fmt: skip
    return replace(job, backend=backend, tiling=tiling)


def program() -> str:
    """Return the version of napari-sr."""
    return installed("napari-sr")


def described(job: Job, upscaler: Upscaler, identity: str, version: str) -> dict[str, Any]:
    """Return everything that the result's values depend on, by names that a user understands."""
    card, target = upscaler.model.card, upscaler.prepared.target
    part, tiling = job.selection, job.tiling
    return {
        "image": identity,
        "axes": job.axes,
        "model": {
            "name": card.name, "network": card.network, "weights": weights_hash(upscaler.model.network.state_dict()),
            "intensity": dict(card.intensity), "patch": card.trained_patch,
        },
        "precision": target.precision,
        "library": job.backend,
        "channels": "of each tile" if upscaler.channels is None else "of the whole image",
        "device": target.device.split(":")[0],
        "region": [part.rows.start, part.rows.stop, part.columns.start, part.columns.stop],
        "planes": {a: list(p) for a, p in sorted(part.take.items())},
        "blur and noise": {str(c): dict(told) for c, told in job.told.items()},
        "type of numbers": str(job.dtype),
        "tiles": [tiling.tile, tiling.halo, tiling.blend, tiling.batch],
        "blocks": [job.plan.side, *job.stored.shape],
        "OME-Zarr": version,
        "version": [program(), VERSION],
    }  # fmt: skip


def create_result(
    job: Job, layout: Layout, scale: int, info: OutputInfo, *, version: str, provenance: Mapping[str, Any]
) -> None:
    """Create the empty result.

    Parameters
    ----------
    job, layout
        What there is to do, and the layout of the whole image.
    scale
        Of the model.
    info
        What is known of the whole image.
    version, provenance
        As in :func:`~napari_sr.images.writers.zarr_folder.create_levels`.
    """
    stored, plan = job.stored, job.plan
    shapes = [
        tuple({"Y": h, "X": w}.get(a, n) for a, n in zip(stored.axes, stored.shape, strict=True)) for h, w in plan.sizes
    ]
    geometry = info.geometry
    if not {"Y", "X"} <= set(geometry.steps):  # the image's own pixels are the unit, so that one lies over the other
        geometry = replace(geometry, steps={**geometry.steps, "Y": 1.0, "X": 1.0})
    part = job.selection.info(replace(info, geometry=geometry), layout)
    said = replace(part, axes=stored.axes, geometry=part.geometry.resampled(scale))
    create_levels(
        job.store, shapes, job.dtype, stored.axes, said, shard=plan.side, version=version, provenance=provenance
    )
