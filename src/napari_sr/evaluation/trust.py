"""Whether a super-resolved picture can be trusted, without its truth: consistency and uncertainty."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import make_degradation
from napari_sr.errors import ConfigError, ImageError
from napari_sr.evaluation.evidence import Consistent, Uncertain
from napari_sr.evaluation.tally import seen_beside
from napari_sr.images.axes import Layout
from napari_sr.inference import Finished, Progress, Upscaler
from napari_sr.inference.conditions import Conditions
from napari_sr.inference.plane_runs import amount_of, as_progress
from napari_sr.metrics.consistency import Consistency, consistency, fitted_consistency
from napari_sr.models.model import Model

#: ways to turn and mirror an image
SYMMETRIES = 8
WHOLE = slice(None)


def plane_consistency(
    sr: npt.NDArray[Any], lr: npt.NDArray[Any], *, scale: int, degradation: str = "", density: bool = False
) -> Consistency:
    """Degrade a super-resolved plane again and compare with the plane it was made of.

    Parameters
    ----------
    sr, lr
        2-D images; ``sr`` is ``scale`` times as large.
    scale
        SR pixels to an LR pixel.
    degradation
        How the LR image came about, as the model's card says: then nothing is fitted. Noise in it is left out. If it is
        empty or unpredictable, a Gaussian blur, scale and offset are fitted (NanoJ-SQUIRREL).
    density
        Compare log10(density + 0.02).

    Raises
    ------
    ImageError
        If the sizes do not belong together.
    """
    height, width = (n * scale for n in lr.shape)
    if not (height <= sr.shape[0] < height + scale and width <= sr.shape[1] < width + scale):
        raise ImageError(f"A super-resolved image of {sr.shape} does not belong to one of {lr.shape} at ×{scale}.")
    sr = sr[:height, :width]
    if not (np.isfinite(sr).all() and np.isfinite(lr).all()):
        which = "low-resolution" if np.isfinite(sr).all() else "super-resolved"
        raise ImageError(
            f"The {which} image has pixels that are not finite (NaN or infinite), and blurring it would spread them. "
            "Compare a part without them."
        )
    chain = make_degradation(degradation, scale).without_noise() if degradation else None
    view = seen_beside(lr, density=density)
    if chain is None:
        return fitted_consistency(view(sr), view(lr), scale)
    again = chain(np.asarray(sr, dtype=np.float32), np.random.default_rng(0))
    return consistency(view(again), view(lr), fit_intensity=False)


@dataclass(frozen=True)
class Both:
    """One plane of the picture and of the image that it was made of, and how many of all planes are done."""

    index: tuple[int, ...]
    sr: npt.NDArray[Any]
    lr: npt.NDArray[Any]
    fraction: float = 0.0

    def viewed(self, density: bool) -> Both:
        """Return both as they are compared: densities as their logarithm."""
        view = seen_beside(self.lr, density=density)
        return replace(self, sr=view(self.sr), lr=view(self.lr))

    def consistency(self, scale: int, degradation: str, *, density: bool = False) -> Consistency:
        """Return :func:`plane_consistency` of the two."""
        return plane_consistency(self.sr, self.lr, scale=scale, degradation=degradation, density=density)


def planes_of_both(sr: Any, lr: Any, layout: Layout, upscaled: Layout) -> Iterator[Both]:
    """Iterate over the planes (and colours) of a picture and its LR image; alpha is left out."""
    count = layout.plane_count()
    for number, index in enumerate(layout.planes()):
        if layout.is_alpha(index):
            continue
        above, below = upscaled.take(sr, index), layout.take(lr, index)
        yield Both(index, above, below, number / count)


class Gathered:
    """Consistency of the planes of an image, one after the other."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.residual = np.zeros(layout.shape, np.float32)
        self.found: list[Consistency] = []

    def add(self, index: tuple[int, ...], one: Consistency) -> None:
        """Take what was found in one plane."""
        self.layout.put(self.residual, index, one.residual)
        self.found.append(one)

    def result(self) -> Consistent:
        """Return the residual, and the figures over all planes."""
        sigmas = [one.sigma for one in self.found if one.sigma is not None]
        rsps = [one.rsp for one in self.found if np.isfinite(one.rsp)]  # of a blank plane there is none
        return Consistent(
            self.residual, float(np.sqrt(np.mean([one.rse**2 for one in self.found]))),
            float(np.mean(rsps)) if rsps else float("nan"), float(np.mean(sigmas)) if sigmas else None,
        )  # fmt: skip


def iter_consistency(
    sr: Any, lr: Any, *, axes: str, scale: int, degradation: str = "", density: bool = False
) -> Generator[Progress | Consistent, None, None]:
    """Compare every plane (and colour) of ``sr``, degraded, with ``lr``; ends with :class:`Consistent`."""
    layout, upscaled = Layout(axes, tuple(lr.shape)), Layout(axes, tuple(sr.shape))
    gathered = Gathered(layout)
    for both in planes_of_both(sr, lr, layout, upscaled):
        yield Progress(both.fraction, 0.0, 0.0, "Making it low-resolution again …")
        gathered.add(both.index, both.consistency(scale, degradation, density=density))
    yield gathered.result()


def turned(image: Any, axes: str, which: int) -> Any:
    """Return one of the eight symmetries of rows and columns: ``which % 4`` quarter turns, then mirrored from 4 on."""
    y, x = axes.index("Y"), axes.index("X")
    found = np.rot90(image, which % 4, axes=(y, x))
    return np.flip(found, axis=x) if which >= 4 else found


def turned_back(image: Any, axes: str, which: int) -> Any:
    """Undo :func:`turned`."""
    y, x = axes.index("Y"), axes.index("X")
    return np.rot90(np.flip(image, axis=x) if which >= 4 else image, -(which % 4), axes=(y, x))


def iter_uncertainty(
    lr: Any, models: Sequence[Model], *, axes: str, rows: slice = WHOLE, columns: slice = WHOLE,
    conditions: Conditions | None = None, should_stop: Callable[[], bool] | None = None, **settings: Any,
) -> Generator[Progress | Uncertain, None, None]:  # fmt: skip
    """Super-resolve eight views of an image, or of a part of it, with every model; ends with :class:`Uncertain`.

    Parameters
    ----------
    lr
        The image; ``axes`` name its dimensions.
    models
        Of one scale.
    rows, columns
        The part. Intensities, blur and noise are those of the whole image all the same.
    conditions
        What models are told that can be told it; estimated if None.
    should_stop
        Asked again and again; :class:`Cancelled` is raised once it returns True.
    **settings
        Of the :class:`Upscaler`.

    Raises
    ------
    ConfigError
        If the models' scales differ.
    """
    if len({m.scale for m in models}) != 1:
        raise ConfigError("The models of an uncertainty map must have one scale.")
    upscalers = [Upscaler(model, **settings) for model in models]
    layout = Layout(axes, tuple(lr.shape))
    rows, columns = (slice(*s.indices(n)) for s, n in zip((rows, columns), layout.plane_shape, strict=True))
    cut = {"Y": rows.stop - rows.start, "X": columns.stop - columns.start}
    part = Layout(axes, tuple(cut.get(a, n) for a, n in zip(axes, layout.shape, strict=True)))
    pixels = SYMMETRIES * amount_of(part).pixels
    for number, upscaler in enumerate(upscalers):
        for_image = upscaler.iter_for(lr, layout, pixels=pixels, should_stop=should_stop)
        upscalers[number] = yield from as_progress(for_image, time.perf_counter())
    mean, deviation = (np.zeros(part.upscaled_shape(models[0].scale), np.float32) for _ in range(2))
    for number, index in enumerate(layout.planes()):
        plane = layout.take(lr, index, rows, columns)
        # what is run on a part of an image, or on a view of it, must see it as a run on the whole image does
        asked = [(u.pinned(lr, layout, index), u.told(lr, layout, index, conditions)) for u in upscalers]
        for event in _plane_uncertainty(plane, asked, should_stop):
            if isinstance(event, Progress):
                yield replace(event, fraction=(number + event.fraction) / layout.plane_count())
                continue
            part.put(mean, index, event.mean)
            part.put(deviation, index, event.deviation)
    yield Uncertain(mean, deviation, SYMMETRIES * len(models))


def _plane_uncertainty(
    plane: npt.NDArray[Any],
    asked: Sequence[tuple[Upscaler, dict[str, float]]],
    should_stop: Callable[[], bool] | None,
) -> Generator[Progress | Uncertain, None, None]:
    """Super-resolve eight views of a 2-D image with every model.

    With x_i the pictures, turned back, the standard deviation is √(Σ (x_i - mean)² / n), by Welford's recurrence: only
    two images are held, whatever n.
    """
    shape = tuple(n * asked[0][0].scale for n in plane.shape)
    mean, squares = np.zeros(shape), np.zeros(shape)
    seen, members = 0, SYMMETRIES * len(asked)
    for upscaler, told in asked:
        for which in range(SYMMETRIES):
            view = turned(plane, "YX", which)
            for event in upscaler.iter(view, axes="YX", dtype=np.float32, conditions=told, should_stop=should_stop):
                if not isinstance(event, Finished):
                    share = (seen + event.fraction) / members
                    yield Progress(share, event.seconds, event.megapixels, f"View {seen + 1} of {members} …")
                    continue
                seen += 1
                pred = np.asarray(turned_back(event.image, "YX", which), dtype=np.float64)
                difference = pred - mean
                mean += difference / seen
                squares += difference * (pred - mean)
    yield Uncertain(mean.astype(np.float32), np.sqrt(squares / seen).astype(np.float32), seen)
