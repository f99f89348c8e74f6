"""Whether a super-resolved picture can be trusted, without its truth: consistency and uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.degradations import make_degradation
from napari_sr.errors import ConfigError, ImageError
from napari_sr.evaluation.figures import log_density
from napari_sr.evaluation.judged import Consistent, Uncertain
from napari_sr.inference import Finished, Progress, iter_upscale
from napari_sr.inference.axes import Layout
from napari_sr.metrics.consistency import Consistency, consistency, fitted_consistency
from napari_sr.model import Model

#: ways to turn and mirror an image
SYMMETRIES = 8


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
        raise ImageError("there are pixels that are not finite.")
    chain = make_degradation(degradation, scale).without_noise() if degradation else None
    view: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] = log_density if density else np.asarray
    if chain is None:
        return fitted_consistency(view(sr), view(lr), scale)
    again = chain(np.asarray(sr, dtype=np.float32), np.random.default_rng(0))
    return consistency(view(again), view(lr), fit_intensity=False)


def iter_consistency(
    sr: Any, lr: Any, *, axes: str, scale: int, degradation: str = "", density: bool = False
) -> Generator[Progress | Consistent, None, None]:
    """Compare every plane (and colour) of ``sr``, degraded, with ``lr``; ends with :class:`Consistent`."""
    layout, upscaled = Layout(axes, tuple(lr.shape)), Layout(axes, tuple(sr.shape))
    residual = np.zeros(tuple(lr.shape), np.float32)
    found: list[Consistency] = []
    whole, count = slice(None), layout.plane_count()
    for number, index in enumerate(layout.planes()):
        if layout.is_alpha(index):
            continue
        yield Progress(number / count, 0.0, 0.0, "Making it low-resolution again …")
        window = layout.select(index, whole, whole)
        above = upscaled.oriented(np.asarray(sr[upscaled.select(index, whole, whole)]))
        below = layout.oriented(np.asarray(lr[window]))
        one = plane_consistency(above, below, scale=scale, degradation=degradation, density=density)
        residual[window] = layout.oriented(one.residual)
        found.append(one)
    sigmas = [one.sigma for one in found if one.sigma is not None]
    yield Consistent(
        residual, float(np.sqrt(np.mean([one.rse**2 for one in found]))), float(np.mean([one.rsp for one in found])),
        float(np.mean(sigmas)) if sigmas else None,
    )  # fmt: skip


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
    lr: Any, models: Sequence[Model], *, axes: str, **settings: Any
) -> Generator[Progress | Uncertain, None, None]:
    """Super-resolve eight views of an image with every model; ends with :class:`Uncertain`.

    With x_i the pictures, turned back, the standard deviation is √(Σ (x_i - mean)² / n), by Welford's recurrence: only
    two images are held, whatever n.

    Parameters
    ----------
    lr
        The image; ``axes`` name its dimensions.
    models
        Of one scale.
    **settings
        As of :func:`napari_sr.iter_upscale`.

    Raises
    ------
    ConfigError
        If the models' scales differ.
    """
    if len({m.scale for m in models}) != 1:
        raise ConfigError("The models of an uncertainty map must have one scale.")
    mean: npt.NDArray[np.float64] | None = None
    squares: npt.NDArray[np.float64] | None = None
    seen, members = 0, SYMMETRIES * len(models)
    for model in models:
        for which in range(SYMMETRIES):
            for event in iter_upscale(turned(lr, axes, which), model, axes=axes, dtype=np.float32, **settings):
                if not isinstance(event, Finished):
                    share = (seen + event.fraction) / members
                    yield Progress(share, event.seconds, event.megapixels, f"View {seen + 1} of {members} …")
                    continue
                picture = np.asarray(turned_back(event.image, axes, which), dtype=np.float64)
                seen += 1
                if mean is None or squares is None:
                    mean, squares = picture.copy(), np.zeros_like(picture)
                    continue
                difference = picture - mean
                mean += difference / seen
                squares += difference * (picture - mean)
    assert mean is not None
    assert squares is not None
    yield Uncertain(mean.astype(np.float32), np.sqrt(squares / seen).astype(np.float32), seen)
