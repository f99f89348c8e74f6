"""``napari-sr maps``: the evidence behind a super-resolved image, as TIFF files."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_sr.images.geometry import Geometry
    from napari_sr.models.model import Model

#: files that are written with the truth, and with the image that it was made of
WITH_TRUTH = ("ssim-map", "error-map", "hallucination-map", "flagged")
WITH_LR = ("consistency-map", "uncertainty-map")
#: side in pixels below which nothing is known of an image
SMALLEST = 16


@dataclass(frozen=True)
class Map:
    """One map: name of its file, values, where they lie, and what they mean."""

    name: str
    values: npt.NDArray[Any]
    axes: str
    geometry: Geometry
    meaning: str


Events = Generator[str | Map, None, None]


def command(
    image: Annotated[Path, typer.Argument(help="The super-resolved image.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the maps.")],
    hr: Annotated[
        Path | None, typer.Option(help="The truth: SSIM map, error map, hallucination map.", show_default=False)
    ] = None,
    lr: Annotated[
        Path | None, typer.Option(help="The image it was made of: consistency map.", show_default=False)
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("-m", "--model", help="What it was made with: with --lr, uncertainty map. Repeatable."),
    ] = None,
    error: Annotated[str, typer.Option(help="absolute, signed or root-squared.")] = "absolute",
    degradation: Annotated[
        str | None,
        typer.Option(
            help="How the image was blurred and reduced: preset or steps. Default: a blur that "
            "is estimated from the image, and the mean over larger pixels.",
            show_default=False,
        ),
    ] = None,
    blur: Annotated[
        float | None,
        typer.Option(help="Blur of the image in its own pixels, if known.", min=0, max=5, show_default=False),
    ] = None,
    density: Annotated[bool, typer.Option("--density", help="Densities: compare log10(x + 0.02).")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write maps that show whether a super-resolved image can be trusted, each with a line on what it can show."""
    from napari_sr.errors import ConfigError, ImageError
    from napari_sr.metrics.maps import KINDS
    from napari_sr.models.store import load_model

    if hr is None and lr is None:
        raise ConfigError("Give the truth (--hr), or the image that it was made of (--lr), or both.")
    if model and lr is None:
        raise ConfigError("The uncertainty map needs the image that it was made of (--lr).")
    if degradation is not None and blur is not None:
        raise ConfigError("Give the degradation or the blur (--degradation, --blur), not both.")
    if error not in KINDS:
        raise ConfigError(f"There is no error map {error!r}; there are {', '.join(KINDS)}.")
    wanted = [*(WITH_TRUTH if hr is not None else ()), *(WITH_LR[: 2 if model else 1] if lr is not None else ())]
    existing = [path for name in wanted if (path := output / f"{name}.tif").exists()]
    if existing and not overwrite:  # before the work
        raise ImageError(f"{existing[0]} exists already; allow overwriting (--overwrite) or choose another folder.")
    loaded = [load_model(name) for name in model or []]
    density = density or any(m.intensity.kind == "log" for m in loaded)
    console = Console(soft_wrap=True)
    with console.status("Comparing …") as status:
        own = {"degradation": degradation or "", "blur": blur}
        for event in _maps(image, hr, lr, loaded, error=error, own=own, density=density):
            if isinstance(event, str):
                status.update(event)
                continue
            path = output / f"{event.name}.tif"
            _write(path, event, overwrite=overwrite)
            console.print(f"{path}\n  {event.meaning}", highlight=False, markup=False)


def _maps(
    image: Path, hr: Path | None, lr: Path | None, models: list[Model], *,
    error: str, own: dict[str, Any], density: bool,
) -> Events:  # fmt: skip
    """Yield what is being done, and the maps."""
    if hr is not None:
        yield from _with_reference(image, hr, lr, error=error, density=density)
    if lr is not None:
        yield from _without(image, lr, models, own, density=density)


def _with_reference(image: Path, hr: Path, lr: Path | None, *, error: str, density: bool) -> Events:
    from napari_sr.evaluation.compare import iter_comparison
    from napari_sr.evaluation.comparison import ComparisonProgress, ComparisonRequest
    from napari_sr.evaluation.files import placed_file
    from napari_sr.evaluation.map_kinds import FLAGGED, HALLUCINATED, MAP_KINDS
    from napari_sr.images.readers import read_image

    reference, truth = placed_file(hr), read_image(hr, lazy=True)
    candidate = placed_file(image, name="image", like=reference)
    unit = "log10(density + 0.02)" if density else "grey levels"
    meanings = {k: MAP_KINDS[k].legend.format(unit=unit) for k in ("ssim", error)}
    meanings[HALLUCINATED] = f"{MAP_KINDS[HALLUCINATED].meaning} In {unit}."
    meanings[FLAGGED] = "1 where most of the detail is not that of the reference."
    files = dict(zip(("ssim", error, HALLUCINATED, FLAGGED), WITH_TRUTH, strict=True))
    asked = ComparisonRequest(
        reference, (candidate,), maps=("ssim", error, HALLUCINATED), density=density, metrics=("psnr",),
        lr_scale=0.0 if lr is None else placed_file(lr, like=reference).grid.step,
    )  # fmt: skip
    for event in iter_comparison(asked):
        if isinstance(event, ComparisonProgress):
            yield event.text
            continue
        geometry = truth.geometry if truth.geometry.steps else _finer(image, candidate.grid.step)
        for kind, values in event.maps["image"].items():  # colours have become one number
            yield Map(files[kind], values, truth.axes.replace("S", ""), geometry, meanings[kind])


def _finer(image: Path, factor: float) -> Geometry:
    """Return where pixels lie that are ``factor`` times smaller than an image file's."""
    from napari_sr.images.readers import read_image

    return read_image(image, lazy=True).geometry.resampled(factor)


def _without(image: Path, lr: Path, models: list[Model], own: dict[str, Any], *, density: bool) -> Events:
    """Yield the maps that need no truth; ``own`` is what is known of the image's degradation."""
    from napari_sr.evaluation.evidence import Evidence, Uncertain
    from napari_sr.evaluation.examine import iter_evidence, sharp_spectrum_of
    from napari_sr.evaluation.map_kinds import CONSISTENCY, MAP_KINDS, UNCERTAINTY
    from napari_sr.evaluation.trust import iter_uncertainty
    from napari_sr.images.readers import read_image

    above, below = read_image(image, lazy=True), read_image(lr, lazy=True)
    card = models[0].card if models else None
    sides = (one.data.shape[one.axes.index("Y")] for one in (above, below))
    scale = max(1, round(next(sides) / next(sides)))
    unit = "of log10(density + 0.02)" if density else "grey levels"
    geometry = below.geometry if below.geometry.steps else _finer(image, 1 / scale)
    for event in iter_evidence(
        above.data, below.data, axes=below.axes, scale=scale, card="" if card is None else card.degradation,
        density=density, sharp=None if card is None else sharp_spectrum_of(card.training), **own,
    ):  # fmt: skip
        if isinstance(event, Evidence):
            said = [f"{x.light.upper()}: {x.text}" if x.light else x.text for x in event.lines(unit)]
            misfit = _misfit(models, below)
            meaning = "\n  ".join([*misfit, *said, MAP_KINDS[CONSISTENCY].meaning])
            yield Map(WITH_LR[0], event.own.residual, below.axes, geometry, meaning)
        else:
            yield event.stage
    if not models:
        return
    for seen in iter_uncertainty(below.data, models, axes=below.axes):
        if isinstance(seen, Uncertain):
            meaning = f"{seen.sentence('density' if density else 'grey levels')} {MAP_KINDS[UNCERTAINTY].meaning}"
            yield Map(WITH_LR[1], seen.deviation, below.axes, geometry.resampled(models[0].scale), meaning)
        else:
            yield seen.stage or f"{seen.fraction:.0%}"


def _misfit(models: list[Model], image: Any) -> list[str]:
    """Return a line if the model that a picture was made with does not fit its image."""
    from napari_sr.inference.recommend import pixel_nanometres, seen
    from napari_sr.models.fit import fit

    if not models or min(image.data.shape[image.axes.index(a)] for a in "YX") < SMALLEST:
        return []
    card = models[0].card
    found = fit(card, seen(image.data, image.axes, pixel_nm=pixel_nanometres(image.geometry)))
    if found.verdict != "red":
        return []
    return [f"RED: {card.name} does not fit this image: {'; '.join(found.reasons)}."]


def _write(path: Path, made: Map, *, overwrite: bool) -> None:
    import numpy as np

    from napari_sr.images.writers import OutputInfo, create_output

    values = np.asarray(made.values, dtype=np.float32)
    info = OutputInfo(axes=made.axes, geometry=made.geometry)
    with create_output(path, shape=values.shape, dtype=values.dtype, info=info, overwrite=overwrite) as out:
        out[...] = values
