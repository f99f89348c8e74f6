"""The engine: planes, tiles, precision and memory, as one generator of events."""

from __future__ import annotations

import math
import mmap
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sr.data.dtypes import output_dtype
from napari_sr.errors import ConfigError, ImageError, MemoryLimitError, SRError
from napari_sr.inference.axes import Layout, guess_axes, looks_rgb
from napari_sr.inference.device import Target, choose, prepare
from napari_sr.inference.output import RowWriter
from napari_sr.inference.tiles import Span, TilePlan, plan_tiles
from napari_sr.inference.tiling import Tiling, choose_tiling
from napari_sr.intensity import FittedIntensity, regular_sample
from napari_sr.model import Model
from napari_sr.networks import SRNetwork
from napari_sr.networks.interpolation import Bicubic

#: planes of up to this many bytes are read at once, larger ones tile by tile
PLANE_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Progress:
    """How far a run is, after a tile.

    Attributes
    ----------
    fraction
        Share of the output that is done, 0 to 1.
    seconds
        Since the start.
    megapixels
        Output done so far.
    stage
        What is being done, if it is not the super-resolution itself.
    """

    fraction: float
    seconds: float
    megapixels: float
    stage: str = ""

    @property
    def rate(self) -> float:
        """Output megapixels a second."""
        return self.megapixels / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float:
        """Seconds left at the present rate."""
        return self.seconds * (1 / self.fraction - 1) if self.fraction else math.nan


@dataclass(frozen=True)
class Report:
    """What was done: for the result line and the layer's metadata."""

    model: str
    scale: int
    device: str
    precision: str
    tile: int
    halo: int
    blend: int
    planes: int
    seconds: float
    megapixels: float
    non_finite: int = 0
    tiles_redone: int = 0
    saturated: int = 0
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line for a person."""
        rate = self.megapixels / self.seconds if self.seconds else 0.0
        line = (
            f"{self.model}: {self.megapixels:.3g} Mpx in {self.seconds:.2g} s ({rate:.2g} Mpx/s) on "
            f"{self.device} in {self.precision}, tiles of {self.tile} px"
        )
        return ". ".join([line, *self.notes])


@dataclass(frozen=True)
class Finished:
    """The whole result; the last event of a run."""

    image: Any
    report: Report


Event = Progress | Finished


@dataclass
class _Run:
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

    def infer(self, lr: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Super-resolve one tile of network values; low precision that fails is redone in fp32."""
        tensor = torch.from_numpy(lr)[None, None].to(self.target.device)
        with torch.inference_mode():
            sr = self.network(tensor).float()
            if not bool(torch.isfinite(sr).all()) and self.target.precision != "fp32":
                if self.full_precision is None:
                    full = Target(self.target.device, "fp32")
                    self.full_precision = prepare(self.model.network, full)
                sr = self.full_precision(tensor).float()
                self.tiles_redone += 1
            if not bool(torch.isfinite(sr).all()):
                raise SRError(
                    f"{self.model.card.name} computed values that are not finite, also in fp32. "
                    "The image may lie far outside what the model was trained on."
                )
        return np.asarray(sr[0, 0].cpu().numpy())


def iter_upscale(
    image: Any,
    model: Model,
    *,
    axes: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int | str = "auto",
    overlap: int | None = None,
    dtype: npt.DTypeLike | None = None,
    out: Any = None,
) -> Generator[Event, None, None]:
    """Super-resolve an image, one event a tile; closing the generator cancels and leaves nothing behind.

    Parameters
    ----------
    image
        Array-like of 2 to 5 dimensions with ``shape``, ``dtype`` and slicing: numpy (also memory-mapped),
        dask, zarr, xarray. Any integer, bool or float type in any byte order.
    model
        From :func:`napari_sr.load_model`.
    axes
        One letter a dimension, e.g. ``"TYX"``; ``Y`` and ``X`` are upscaled, ``S`` holds RGB(A) samples,
        all others are looped over. Guessed if None: the last two, or the two before a colour axis.
    device, precision
        ``auto``, or e.g. ``"cpu"``, ``"cuda:0"``; ``"fp32"``, ``"bf16"``, ``"fp16"``.
    tile
        Tile side in LR pixels, or ``auto``. What is given is never changed.
    overlap
        Context in LR pixels on each side of a tile; from the model card if None.
    dtype
        Of the result; the input's if None. Integers are rounded and saturate at the type's limits.
    out
        Array-like that receives the result; a new array if None.

    Yields
    ------
    Progress or Finished
        ``Finished`` comes once, last, with the whole result and a report.

    Raises
    ------
    ImageError, ConfigError
        If the image or a setting cannot be used.
    MemoryLimitError
        If the device has too little memory.
    """
    image = getattr(image, "data", image) if hasattr(image, "dims") else image  # xarray
    shape = tuple(int(n) for n in image.shape)
    in_dtype = np.dtype(image.dtype)
    if in_dtype.kind not in "buif":
        raise ImageError(f"Images of type {in_dtype} cannot be super-resolved; convert to a real number type.")
    layout = Layout(axes or guess_axes(shape, rgb=looks_rgb(shape, in_dtype)), shape)
    if model.card.in_channels != 1:
        raise ConfigError(
            f"{model.card.name} takes {model.card.in_channels} channels at once; only single-channel models run here"
        )
    out_dtype = output_dtype(in_dtype, dtype)
    out_shape = layout.upscaled_shape(model.scale)
    if out is not None and tuple(out.shape) != out_shape:
        raise ImageError(f"out has shape {tuple(out.shape)}, but the result has {out_shape}.")
    target = choose(device, precision)
    network = prepare(model.network, target)
    given = None if tile == "auto" else int(tile)
    tiling = choose_tiling(
        model, network, target, shape=layout.plane_shape, planes=layout.plane_count(),
        tile=given, overlap=overlap,
    )  # fmt: skip
    run = _Run(model, network, target, tiling, given is not None)
    start = time.perf_counter()
    if out is None:
        out = _allocate(out_shape, out_dtype)
    fits = _Fits(image, layout, model)
    done_megapixels = 0.0
    per_plane = math.prod(layout.plane_shape) * model.scale**2 / 1e6
    total_megapixels = per_plane * layout.plane_count()
    for index in layout.planes():
        plane = _plane(image, layout, index)
        for share in _upscale_plane(run, plane, layout, index, out, out_dtype, fits, alpha=layout.is_alpha(index)):
            done = done_megapixels + share * per_plane
            yield Progress(done / total_megapixels, time.perf_counter() - start, done)
        done_megapixels += per_plane
    report = _report(run, layout, time.perf_counter() - start, total_megapixels)
    yield Finished(image=out, report=report)


def upscale(image: Any, model: Model, **settings: Any) -> Any:
    """Super-resolve an image and return the result; the settings are those of :func:`iter_upscale`.

    Examples
    --------
    >>> sr = upscale(lr, load_model("em-dfcan-x4"))  # doctest: +SKIP
    """
    for event in iter_upscale(image, model, **settings):
        if isinstance(event, Finished):
            return event.image
    raise AssertionError("iter_upscale always ends with Finished")


def upscale_window(
    image: Any,
    model: Model,
    *,
    axes: str,
    index: tuple[int, ...],
    rows: slice,
    columns: slice,
    device: str = "auto",
    precision: str = "auto",
) -> Finished:
    """Super-resolve a window of one plane, with the intensity transform of the whole image.

    Parameters
    ----------
    image, model, axes, device, precision
        As in :func:`iter_upscale`.
    index
        Position along the axes other than Y, X and S, in their order.
    rows, columns
        The window, in LR pixels.

    Returns
    -------
    Finished
        The image has shape (rows, columns) or (rows, columns, samples), times the scale.
    """
    shape = tuple(int(n) for n in image.shape)
    layout = Layout(axes, shape)
    target = choose(device, precision)
    network = prepare(model.network, target)
    start = time.perf_counter()
    fits = _Fits(image, layout, model)
    others = [a for a in axes if a not in "YX"]
    samples = shape[axes.index("S")] if "S" in axes else 0
    dtype = output_dtype(np.dtype(image.dtype), None)
    channels = []
    for sample in range(samples or 1):
        rest = iter(index)
        full = tuple(sample if a == "S" else next(rest) for a in others)
        plane = layout.oriented(np.asarray(image[layout.select(full, rows, columns)]))
        part = Layout("YX", plane.shape)
        out = np.empty(part.upscaled_shape(model.scale), dtype)
        tiling = choose_tiling(model, network, target, shape=part.plane_shape, planes=1, tile=None, overlap=None)
        run = _Run(model, network, target, tiling, tile_given=False)
        fitted = partial(_constant, fits(full))
        for _ in _upscale_plane(run, plane, part, (), out, dtype, fitted, alpha=layout.is_alpha(full)):
            pass
        channels.append(out)
    result = np.stack(channels, axis=-1) if samples else channels[0]
    megapixels = result.shape[0] * result.shape[1] / 1e6
    return Finished(result, _report(run, part, time.perf_counter() - start, megapixels))


def _constant(value: tuple[FittedIntensity, float], index: tuple[int, ...]) -> tuple[FittedIntensity, float]:
    return value


def _allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        return np.empty(shape, dtype)
    except MemoryError:
        gib = math.prod(shape) * dtype.itemsize / 1024**3
        raise MemoryLimitError(
            f"The result needs {gib:.1f} GiB of memory. Write it to a file instead "
            "(napari-sr upscale INPUT -o OUT), or super-resolve a part of the image."
        ) from None


def _plane(image: Any, layout: Layout, index: tuple[int, ...]) -> Any:
    """Return a function-like view of one plane: read at once if small, window by window if not."""
    whole = slice(None)
    rows, columns = layout.plane_shape
    if rows * columns * np.dtype(image.dtype).itemsize <= PLANE_BYTES:
        return layout.oriented(np.asarray(image[layout.select(index, whole, whole)]))
    return _Windows(image, layout, index)


@dataclass(frozen=True)
class _Windows:
    """A plane too large to be read at once."""

    image: Any
    layout: Layout
    index: tuple[int, ...]

    def __getitem__(self, window: tuple[slice, slice]) -> npt.NDArray[Any]:
        copied = np.array(self.image[self.layout.select(self.index, *window)])
        _release_pages(self.image)
        return self.layout.oriented(copied)


def _release_pages(image: Any) -> None:
    """Give back the pages of a mapped file that were read, which would otherwise count as our memory.

    Not for copy-on-write maps, whose changes live in those pages alone.
    """
    if isinstance(image, np.memmap) and image.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        image._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


class _Fits:
    """Intensity transforms, fitted to each whole plane; the colours of one pixel share theirs."""

    def __init__(self, image: Any, layout: Layout, model: Model) -> None:
        self.image, self.layout, self.intensity = image, layout, model.intensity
        self.cache: dict[tuple[int, ...], tuple[FittedIntensity, float]] = {}

    def __call__(self, index: tuple[int, ...]) -> tuple[FittedIntensity, float]:
        """Return the transform and the value that stands in for pixels that are not finite."""
        others = [a for a in self.layout.axes if a not in "YX"]
        colour = others.index("S") if "S" in others else None
        key = tuple(n for i, n in enumerate(index) if i != colour)
        if key not in self.cache:
            channels = [index] if colour is None else [(*index[:colour], c, *index[colour + 1 :]) for c in range(3)]
            sample = np.concatenate([self._sample(c).ravel() for c in channels]).astype(np.float64)
            finite = sample[np.isfinite(sample)]
            stand_in = float(np.median(finite)) if finite.size else 0.0
            self.cache = {key: (self.intensity.fit(sample), stand_in)}  # planes come in order
        return self.cache[key]

    def _sample(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        plane = _plane(self.image, self.layout, index)
        if isinstance(plane, np.ndarray):
            return regular_sample(plane)
        rows, columns = self.layout.plane_shape
        step = max(1, math.isqrt(rows * columns // 1_000_000))
        # a strided read would touch every page of a memory-mapped file: read whole rows, far apart
        lines = range(0, rows, max(1, step * step))
        return np.concatenate([plane[slice(r, r + 1), slice(None)] for r in lines])


def _upscale_plane(
    run: _Run,
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
                writer.add(tile, row, column)
                yield number / len(plan)
            run.saturated += writer.finish()
            return
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise SRError(f"{run.model.card.name} failed on this image: {error}") from error
        run.non_finite, run.tiles_redone = saved
        _shrink(run, plan)


def _shrink(run: _Run, plan: TilePlan) -> None:
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


def _tile(run: _Run, window: npt.NDArray[Any], fitted: FittedIntensity, stand_in: float) -> npt.NDArray[np.float64]:
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


def _report(run: _Run, layout: Layout, seconds: float, megapixels: float) -> Report:
    notes = list(run.notes)
    if run.non_finite:
        notes.append(f"{run.non_finite} pixels were not finite; they were kept out and left as they were")
    if run.tiles_redone:
        notes.append(f"{run.tiles_redone} tiles were redone in fp32")
    if run.saturated:
        notes.append(f"{run.saturated} values were cut at the limits of the image's type")
    return Report(
        model=run.model.card.name, scale=run.model.scale, device=run.target.title.rsplit(",", 1)[0],
        precision=run.target.precision, tile=min(run.tiling.tile, max(layout.plane_shape)),
        halo=run.tiling.halo, blend=run.tiling.blend, planes=layout.plane_count(), seconds=seconds,
        megapixels=megapixels, non_finite=run.non_finite, tiles_redone=run.tiles_redone,
        saturated=run.saturated, notes=tuple(notes),
    )  # fmt: skip


__all__ = ["Event", "Finished", "Progress", "Report", "iter_upscale", "upscale", "upscale_window"]
