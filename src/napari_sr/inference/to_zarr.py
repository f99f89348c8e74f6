"""An image of any size into an OME-Zarr image, block by block: in little memory, and gone on with after any end."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_sr.errors import Cancelled, ConfigError, ImageError
from napari_sr.images.axes import Layout, guess_axes, guess_note
from napari_sr.images.foreign import as_image
from napari_sr.images.selection import Selection
from napari_sr.images.view import View
from napari_sr.images.writers import OutputInfo
from napari_sr.images.writers.ome_zarr import VERSIONS
from napari_sr.inference.block_engine import BlockEngine, Counts
from napari_sr.inference.block_job import Job, Source, create_result, described, iter_library, planned
from napari_sr.inference.checks import Checks
from napari_sr.inference.conditions import Conditions
from napari_sr.inference.events import Event, Finished, Progress, Report
from napari_sr.inference.plane_runs import amount_of, as_progress, checked_image
from napari_sr.inference.runner import Runner
from napari_sr.inference.unfinished import Unfinished, library_of, unfinished
from napari_sr.inference.upscaler import Upscaler

#: share of a run's time that its smaller resolutions take, about: with a network, and with an interpolation
PYRAMID = {True: 0.02, False: 0.3}
#: seconds after which it is looked again whether the image is still the same
LOOK_AGAIN = 10.0
#: and no more than one part in so many of the time goes into that
RARELY = 50
#: the number of a block, the share of it that is done, and at its end what was counted
Step = tuple[int, float, Counts | None]


class Workers(Protocol):
    """Who computes blocks: this process, or many others."""

    #: for the report
    notes: list[str]

    def run(self, numbers: Iterable[int]) -> Iterator[Step | None]:
        """Compute blocks in any order; None comes when nothing has happened for a while."""

    def close(self) -> None:
        """Give up what is being computed."""


class Alone:
    """Computes all blocks in this process, one after the other."""

    def __init__(self, engine: BlockEngine, should_stop: Callable[[], bool] | None) -> None:
        self.engine, self.should_stop = engine, should_stop
        self.notes = engine.notes

    def run(self, numbers: Iterable[int]) -> Iterator[Step]:
        """Compute blocks in their order, one step a tile."""
        for number in numbers:
            blocks = self.engine.run(number, self.should_stop)
            while True:
                try:
                    yield number, next(blocks), None
                except StopIteration as end:
                    yield number, 1.0, end.value
                    break

    def close(self) -> None:
        """Nothing goes on beside this."""


#: makes workers for a job: from the job, the image, where it comes from, and the upscaler
Hire = Callable[[Job, Any, Source, Upscaler], Workers]


@dataclass
class _Run:
    """One run: its job, and how far it is."""

    job: Job
    trainable: bool
    start: float
    before: float = 0.0
    megapixels: float = 0.0
    fraction: float = 0.0

    def weight(self, number: int) -> float:
        """Return the share of the whole that a block is."""
        plan = self.job.plan
        block = plan.block(number)
        if plan.levels == 1:
            return block.pixels / (plan.planes * plan.size[0] * plan.size[1])
        share = PYRAMID[self.trainable] if block.level else 1 - PYRAMID[self.trainable]
        sizes = plan.sizes[1:] if block.level else plan.sizes[:1]
        return share * block.pixels / (plan.planes * sum(h * w for h, w in sizes))

    def progress(self, stage: str = "", number: int = -1, share: float = 0.0) -> Progress:
        """Return how far the run is, with a block of which a share is done."""
        within, pixels = 0.0, 0.0
        if number >= 0:
            block = self.job.plan.block(number)
            within = share * self.weight(number)
            pixels = 0.0 if block.level else share * block.pixels / 1e6
            stage = stage or (f"Making smaller resolution {block.level}" if block.level else "")
        seconds = time.perf_counter() - self.start
        return Progress(min(1.0, self.fraction + within), seconds, self.megapixels + pixels, stage, self.before)

    def add(self, number: int, *, earlier: bool = False) -> None:
        """Count a block that is done."""
        block = self.job.plan.block(number)
        self.fraction += self.weight(number)
        if earlier:
            self.before = self.fraction
        elif not block.level:
            self.megapixels += block.pixels / 1e6


def iter_upscale_to_zarr(
    image: Any,
    target: Path,
    upscaler: Upscaler,
    *,
    axes: str | None = None,
    selection: Selection | None = None,
    info: OutputInfo | None = None,
    conditions: Conditions | None = None,
    dtype: npt.DTypeLike | None = None,
    version: str = VERSIONS[0],
    overwrite: bool = False,
    source: Source | None = None,
    hire: Hire | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Generator[Event, None, None]:
    """Super-resolve an image into an OME-Zarr image with a pyramid, block by block.

    Memory depends on the model and on the size of blocks, not on that of the image. The result takes its name when it
    is whole. What is done when a run ends early, in whatever way, is kept in a hidden folder beside it, and the same
    run goes on from there; at most the blocks that were being computed are computed again. Closing the generator ends
    it early, too. A run that would give other values begins anew.

    Parameters
    ----------
    image, axes, conditions, dtype, should_stop
        As in :func:`~napari_sr.inference.one_call.iter_upscale`.
    target
        Folder of the result, usually ``NAME.zarr``.
    upscaler
        The model.
    selection
        The part of the image that is super-resolved. Intensities and what is estimated are those of whole planes, and
        what lies around a region is seen.
    info
        What the file is to say of the whole image; its axes are those of ``image``.
    version
        Of OME-Zarr: ``0.5``, with many chunks in a file, or ``0.4``.
    overwrite
        Replace a result that is there.
    source
        Where the image comes from; found out if None.
    hire
        Makes other workers than this process; see :mod:`napari_sr.inference.cluster`.

    Yields
    ------
    Progress or Finished
        ``Finished`` comes last, with the full resolution as a zarr array, when the result has its name.

    Raises
    ------
    ImageError, ConfigError
        If the image or a setting cannot be used, the image changed meanwhile, or the result cannot be written.
    MemoryLimitError, Cancelled
        As :func:`~napari_sr.inference.one_call.iter_upscale`.
    """
    if version not in VERSIONS:
        raise ConfigError(f"OME-Zarr is written in version {' or '.join(VERSIONS)}, not {version!r}.")
    image, axes_of = as_image(image, axes)
    shape = tuple(int(n) for n in image.shape)
    layout = Layout(axes_of or guess_axes(shape, dtype=np.dtype(image.dtype)), shape)
    guessed = guess_note(layout.shape, layout.axes) if axes_of is None else ""
    source = source or Source.of_array(image)
    start = time.perf_counter()
    yield Progress(0.0, 0.0, 0.0, "Looking at the image")
    identity = source.identity()
    # parts of one image fit together: what holds for the whole does not depend on which part this is
    pixels = amount_of(layout).pixels
    for_image = upscaler.iter_for(checked_image(image), layout, pixels=pixels, should_stop=should_stop)
    upscaler = yield from as_progress(for_image, start)
    job, estimated = planned(image, layout, upscaler, selection=selection, conditions=conditions, dtype=dtype)
    before = library_of(target)
    library = iter_library(job, layout, upscaler, begun_with=before, alone=hire is None)
    job = yield from as_progress(library, start)
    about = described(job, upscaler, identity or uuid.uuid4().hex, version)
    with unfinished(target, about, len(job.plan), overwrite=overwrite) as work:
        job = replace(job, store=work.store)
        if not work.resumed:
            provenance = {**work.about, "source": source.name, "scale": upscaler.scale}
            known = info or OutputInfo(layout.axes)
            create_result(job, layout, upscaler.scale, known, version=version, provenance=provenance)
            work.begin()
        run = _Run(job, upscaler.model.network.trainable, time.perf_counter())
        if hire is None:
            workers: Workers = Alone(BlockEngine(job, image, upscaler), should_stop)
        else:
            workers = hire(job, image, source, upscaler)
        try:
            for event in _blocks(run, work, workers, source, identity):
                yield event
                if should_stop is not None and should_stop():
                    raise Cancelled("cancelled")
        finally:
            workers.close()
        work.publish()
    notes = [*([guessed] if guessed else []), *work.notes, *work.warnings, *workers.notes, *estimated]
    report = _report(run, work.counts, upscaler, job.selection.layout(layout), notes)
    yield Finished(_opened(target, job), report)


def _blocks(
    run: _Run, work: Unfinished, workers: Workers, source: Source, identity: str
) -> Generator[Event, None, None]:
    """Have everything computed that is not done yet, resolution by resolution."""
    plan = run.job.plan
    for done in np.flatnonzero(work.done):
        run.add(int(done), earlier=True)
    next_look = time.monotonic() + LOOK_AGAIN
    yield run.progress("; ".join(work.notes))
    for level in range(plan.levels):
        for step in workers.run(n for n in plan.numbers(level) if not work.done[n]):
            if (now := time.monotonic()) > next_look:
                _still_the_same(source, identity)
                took = time.monotonic() - now
                next_look = time.monotonic() + max(LOOK_AGAIN, RARELY * took)
            if step is None:
                yield run.progress()
                continue
            number, share, counts = step
            if counts is None:
                yield run.progress(number=number, share=share)
                continue
            work.add(number, counts)
            run.add(number)
            yield run.progress()
    _still_the_same(source, identity)


def _still_the_same(source: Source, identity: str) -> None:
    if source.identity() != identity:
        raise ImageError(
            "The image was changed while it was worked on. Run the same again: it begins anew with what the image "
            "holds now."
        )


def _report(run: _Run, counts: Counts, upscaler: Upscaler, part: Layout, notes: list[str]) -> Report:
    """Sum up what was done: counts are those of the whole result, time and rate those of this run."""
    job = run.job
    told = next(iter(job.told.values()), {})
    checks = Checks(counts.blocks, counts.drifted, counts.drift, counts.pixels, counts.at_limits)
    runner = Runner(
        upscaler.prepared, job.tiling, upscaler.tile is not None, notes, counts.non_finite, counts.tiles_redone,
        counts.saturated, told, checks, job.backend,
    )  # fmt: skip
    megapixels = math.prod(part.shape) * upscaler.scale**2 / 1e6
    report = runner.report(part, time.perf_counter() - run.start, megapixels)
    return replace(report, megapixels=run.megapixels)


def _opened(target: Path, job: Job) -> Any:
    """Return the full resolution of a result, with the axes of its image."""
    import zarr

    array = zarr.open_group(str(target), mode="r")["0"]
    order = tuple(job.stored.axes.index(a) for a in job.axes)
    return array if job.stored.axes == job.axes else View(array, order)
