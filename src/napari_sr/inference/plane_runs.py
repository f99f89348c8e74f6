"""What a run over the planes of an image is made of."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError, MemoryLimitError
from napari_sr.images.axes import Layout
from napari_sr.images.guarded import Guarded
from napari_sr.inference.backend import Amount
from napari_sr.inference.conditions import PlaneConditions
from napari_sr.inference.events import Event, Finished, Progress
from napari_sr.inference.parts import Part, PlaneFits
from napari_sr.inference.plane import Plane, upscale_plane
from napari_sr.inference.runner import Runner, interruptible
from napari_sr.intensity import FittedIntensity

T = TypeVar("T")


def checked_image(image: Any) -> Any:
    """Return an image as it is worked on; raises :class:`ImageError` if its type is no real number."""
    if np.dtype(image.dtype).kind not in "buif":
        raise ImageError(
            f"Images of type {np.dtype(image.dtype)} cannot be super-resolved; convert to a real number type."
        )
    return image if isinstance(image, np.ndarray) else Guarded(image)


def amount_of(layout: Layout) -> Amount:
    """Return what a run over planes has to do."""
    planes = layout.plane_count()
    return Amount(planes * math.prod(layout.plane_shape), planes, max(layout.plane_shape))


def as_progress(search: Generator[str, None, T], start: float) -> Generator[Progress, None, T]:
    """Turn the sentences of a search into events."""
    while True:
        try:
            stage = next(search)
        except StopIteration as end:
            found: T = end.value
            return found
        yield Progress(0.0, time.perf_counter() - start, 0.0, stage)


def iter_planes(
    runner: Runner, part: Part, fits: PlaneFits, conditions: PlaneConditions, out: Any, out_dtype: np.dtype[Any],
    should_stop: Callable[[], bool] | None,
) -> Generator[Event, None, None]:  # fmt: skip
    """Super-resolve plane by plane."""
    layout, start = part.layout, time.perf_counter()
    done_megapixels = 0.0
    per_plane = math.prod(layout.plane_shape) * runner.model.scale**2 / 1e6
    total_megapixels = per_plane * layout.plane_count()
    for index in layout.planes():
        whole = part.whole_index(index)
        runner.conditions = conditions(whole)
        piece = Plane(part.plane(index), layout, index, out, out_dtype, is_alpha=layout.is_alpha(index))
        with interruptible(runner.network, should_stop):
            for share in upscale_plane(runner, piece, partial(constant, fits(whole))):
                done = done_megapixels + share * per_plane
                yield Progress(done / total_megapixels, time.perf_counter() - start, done)
        done_megapixels += per_plane
    runner.notes += conditions.notes()
    report = runner.report(layout, time.perf_counter() - start, total_megapixels)
    yield Finished(image=out, report=report)


def constant(value: tuple[FittedIntensity, float], index: tuple[int, ...]) -> tuple[FittedIntensity, float]:
    """Return the transform that every part of a plane has."""
    return value


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return an array for a result; raises :class:`MemoryLimitError` that says what to do if there is no room."""
    try:
        return np.empty(shape, dtype)
    except MemoryError:
        gib = math.prod(shape) * dtype.itemsize / 1024**3
        raise MemoryLimitError(
            f"The result needs {gib:.1f} GiB of memory. Write it to a file instead "
            "(napari-sr upscale INPUT -o OUT), or super-resolve a part of the image."
        ) from None
