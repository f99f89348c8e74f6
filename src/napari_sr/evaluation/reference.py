"""A super-resolved image beside its reference: figures and maps, plane by plane."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError, SRError
from napari_sr.evaluation.tally import log_density
from napari_sr.images.axes import Layout
from napari_sr.inference import Finished, Progress, iter_upscale
from napari_sr.metrics.data_range import data_range_of
from napari_sr.metrics.finite import measured
from napari_sr.metrics.maps import error_map
from napari_sr.metrics.structural import ssim_map
from napari_sr.models.model import Model
from napari_sr.models.store import load_model


@dataclass(frozen=True)
class Comparison:
    """SR against HR.

    Attributes
    ----------
    ssim, error
        Maps of the SR image's shape; float32. The error is |SR - HR| in the image's unit.
    psnr_db, ssim_mean, bicubic_psnr_db, bicubic_ssim_mean
        Means over the planes.
    data_range
        Used for PSNR and SSIM.
    log_density
        Compared on log10(density + 0.02).
    left_out
        Pixels that are not finite in the reference or the result, which no figure counts.
    """

    ssim: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    psnr_db: float
    ssim_mean: float
    bicubic_psnr_db: float
    bicubic_ssim_mean: float
    data_range: float
    log_density: bool
    left_out: int = 0

    def sentence(self) -> str:
        """One line for a person."""
        return (
            f"PSNR {self.psnr_db:.2f} dB (bicubic {self.bicubic_psnr_db:.2f}), "
            f"SSIM {self.ssim_mean:.3f} (bicubic {self.bicubic_ssim_mean:.3f}); data range {self.data_range:.4g}"
            + (" of log₁₀ density" if self.log_density else "")
            + (f"; {self.left_out} pixels that are not finite are left out" if self.left_out else "")
        )


@dataclass(frozen=True)
class Compared:
    """The super-resolved image with its report, and the comparison if there is a reference.

    ``note`` says why there is none although there is a reference.
    """

    finished: Finished
    comparison: Comparison | None
    note: str = ""


def check_reference(lr_shape: tuple[int, ...], axes: str, scale: int, hr_shape: tuple[int, ...]) -> None:
    """Raise :class:`ImageError` if a reference does not have the shape that the result will have.

    Fewer than ``scale`` rows or columns more are allowed at the end: they did not fill an LR pixel.
    """
    expected = Layout(axes, lr_shape).upscaled_shape(scale)
    fits = len(hr_shape) == len(expected) and all(
        0 <= h - e < (scale if a in "YX" else 1) for h, e, a in zip(hr_shape, expected, axes, strict=True)
    )
    if not fits:
        raise ImageError(
            f"The reference has shape {tuple(hr_shape)}, but the result will have {expected}. "
            "Choose another reference, or none."
        )


def iter_compared(
    lr: Any, model: Model, reference: Any | None, *, axes: str, **settings: Any
) -> Generator[Progress | Compared, None, None]:
    """Super-resolve ``lr`` and, if there is a ``reference``, compare with it; ends with :class:`Compared`.

    The settings are those of :func:`napari_sr.iter_upscale`. Colour images are compared over all
    channels but transparency.

    Raises
    ------
    ImageError
        If the reference has another shape than the result.
    """
    shape = tuple(int(n) for n in lr.shape)
    if reference is not None:
        check_reference(shape, axes, model.scale, tuple(int(n) for n in reference.shape))
        full = Layout(axes, shape).upscaled_shape(model.scale)
        reference = reference[tuple(slice(n) for n in full)]
    finished = None
    for event in iter_upscale(lr, model, axes=axes, **settings):
        if isinstance(event, Finished):
            finished = event
        else:
            yield event
    assert finished is not None
    if reference is None:
        yield Compared(finished, None)
        return
    try:
        comparison = yield from _iter_comparison(lr, finished, model, reference, axes)
    except (SRError, MemoryError) as error:  # the super-resolved image is there, and must not be lost
        reason = str(error) or "there is too little memory"
        yield Compared(finished, None, f"It could not be compared with the reference: {reason}")
        return
    yield Compared(finished, comparison)


def _iter_comparison(
    lr: Any, finished: Finished, model: Model, reference: Any, axes: str
) -> Generator[Progress, None, Comparison]:
    # cancelling stays possible, and the user sees what the wait is for
    last = Progress(1.0, finished.report.seconds, finished.report.megapixels, "Comparing with the reference …")
    bicubic: Any = None
    for event in iter_upscale(lr, load_model(f"bicubic-x{model.scale}"), axes=axes, dtype=np.float32, device="cpu"):
        if isinstance(event, Finished):
            bicubic = event.image
        yield last
    layout = Layout(axes, finished.image.shape)
    density = model.intensity.kind == "log"
    view = log_density if density else np.asarray
    ssim_image = np.zeros(finished.image.shape, np.float32)
    error_image = np.zeros(finished.image.shape, np.float32)
    seen = [index for index in layout.planes() if not layout.is_alpha(index)]
    planes = (layout.take(reference, index) for index in seen)
    data_range = data_range_of(planes, log_density if density else None)
    figures, left_out = [], 0
    for index in seen:
        target, pred = view(layout.take(reference, index)), view(layout.take(finished.image, index))
        left_out += int(np.count_nonzero(~(np.isfinite(target) & np.isfinite(pred))))
        mean, similarity = ssim_map(pred, target, data_range=data_range)
        layout.put(ssim_image, index, similarity)
        layout.put(error_image, index, error_map(pred, target))
        yield last
        base = view(layout.take(bicubic, index))
        figures.append(
            (
                measured("psnr", pred, target, data_range=data_range), mean,
                measured("psnr", base, target, data_range=data_range), ssim_map(base, target, data_range=data_range)[0],
            )
        )  # fmt: skip
        yield last
    ours, similarity_mean, base_psnr, base_ssim = (float(v) for v in np.nanmean(np.array(figures, float), axis=0))
    return Comparison(
        ssim_image, error_image, ours, similarity_mean, base_psnr, base_ssim, data_range, density, left_out
    )
