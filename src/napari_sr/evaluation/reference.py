"""A super-resolved image beside its reference, in one go: what *Run* does where there is a reference."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from napari_sr.errors import ImageError, SRError
from napari_sr.evaluation.compare import iter_comparison
from napari_sr.evaluation.comparison import Comparison, ComparisonRequest
from napari_sr.evaluation.table import Row
from napari_sr.images.axes import Layout
from napari_sr.images.grid import GridImage, multiple
from napari_sr.inference import Finished, Progress, Upscaler

SR, BICUBIC = "SR", "bicubic"
MAPS = ("ssim", "absolute")


@dataclass(frozen=True)
class Compared:
    """The super-resolved image with its report, and the comparison with the reference if there is one.

    ``comparison`` has maps of ``SR``, and figures of it and of bicubic interpolation; ``note`` says why there is none
    although there is a reference.
    """

    finished: Finished
    comparison: Comparison | None
    note: str = ""

    def sentence(self) -> str:
        """One line for a person; empty without a comparison."""
        if self.comparison is None:
            return ""
        table = self.comparison.table
        rows = {row.name: row for row in table.rows}
        figures = ", ".join(
            f"{metric.upper()} {_figure(rows[SR], metric)} (bicubic {_figure(rows[BICUBIC], metric)})"
            for metric in table.metrics
        )
        text = f"{figures}; data range {table.conditions['data range']}"
        missing = self.comparison.not_finite.get(SR, 0)
        return text + (f"; {missing} pixels that are not finite are left out" if missing else "")


def _figure(row: Row, metric: str) -> str:
    value = row.means[metric]
    if value is None:
        return "has no value"
    return f"{value:.2f} dB" if metric == "psnr" else f"{value:.3f}"


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


def _part(image: Any, axes: str, rows: slice, columns: slice, scale: int) -> Any:
    """Return rows and columns, counted in LR pixels, of an image."""
    spans = {"Y": rows, "X": columns}
    index = []
    for axis, length in zip(axes, image.shape, strict=True):
        start, stop, _ = spans.get(axis, slice(None)).indices(int(length) // (scale if axis in "YX" else 1))
        index.append(slice(start * scale, stop * scale) if axis in "YX" else slice(None))
    return image[tuple(index)]


def iter_compared(
    lr: Any, upscaler: Upscaler, reference: Any | None, *, axes: str, rows: slice = slice(None),
    columns: slice = slice(None), **settings: Any,
) -> Generator[Progress | Compared, None, None]:  # fmt: skip
    """Super-resolve ``lr`` and, if there is a ``reference``, compare with it; ends with :class:`Compared`.

    The settings are those of :meth:`Upscaler.iter`; ``reference`` is that of the whole image, also where only ``rows``
    and ``columns`` of it are super-resolved. Of colours, the mean is compared.

    Raises
    ------
    ImageError
        If the reference has another shape than the result.
    """
    shape = tuple(int(n) for n in lr.shape)
    if reference is not None:
        check_reference(shape, axes, upscaler.scale, tuple(int(n) for n in reference.shape))
        full = Layout(axes, shape).upscaled_shape(upscaler.scale)
        reference = reference[tuple(slice(n) for n in full)]
    finished = None
    for event in upscaler.iter(lr, axes=axes, rows=rows, columns=columns, **settings):
        if isinstance(event, Finished):
            finished = event
        else:
            yield event
    assert finished is not None
    if reference is None:
        yield Compared(finished, None)
        return
    lr, reference = _part(lr, axes, rows, columns, 1), _part(reference, axes, rows, columns, upscaler.scale)
    asked = ComparisonRequest(
        GridImage("the reference", reference, axes),
        (GridImage(BICUBIC, lr, axes, multiple(upscaler.scale)), GridImage(SR, finished.image, axes)),
        metrics=("psnr", "ssim"), maps=MAPS, mapped=(SR,), density=upscaler.model.intensity.kind == "log",
        shifts=False,
    )  # fmt: skip
    # cancelling stays possible, and the user sees what the wait is for
    last = Progress(1.0, finished.report.seconds, finished.report.megapixels, "Comparing with the reference …")
    comparison = None
    try:
        for found in iter_comparison(asked):
            if isinstance(found, Comparison):
                comparison = found
            else:
                yield last
    except (SRError, MemoryError) as error:  # the super-resolved image is there, and must not be lost
        reason = str(error) or "there is too little memory"
        yield Compared(finished, None, f"It could not be compared with the reference: {reason}")
        return
    yield Compared(finished, comparison)
