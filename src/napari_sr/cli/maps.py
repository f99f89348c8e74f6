"""``napari-sr maps``: the evidence behind a super-resolved image, as TIFF files."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console

if TYPE_CHECKING:
    from napari_sr.data.geometry import Geometry
    from napari_sr.data.io import ImageFile


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
        str | None, typer.Option(help="Preset for the consistency map. Default: the model's; else a blur is fitted.")
    ] = None,
    density: Annotated[bool, typer.Option("--density", help="Densities: compare log10(x + 0.02).")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write maps that show whether a super-resolved image can be trusted, each with a line on what it can show."""
    from napari_sr.data.io import read_image
    from napari_sr.errors import ConfigError
    from napari_sr.metrics.maps import KINDS

    if hr is None and lr is None:
        raise ConfigError("Give the truth (--hr), or the image that it was made of (--lr), or both.")
    if model and lr is None:
        raise ConfigError("The uncertainty map needs the image that it was made of (--lr).")
    if error not in KINDS:
        raise ConfigError(f"There is no error map {error!r}; there are {', '.join(KINDS)}.")
    console = Console(soft_wrap=True)
    opened = read_image(image, lazy=True)
    found = _with_reference(image, hr, lr, error=error, density=density) if hr is not None else iter(())
    made: list[tuple[str, npt.NDArray[Any], str]] = []
    with console.status("Comparing …") as status:
        for event in _chain(found, _without(opened, lr, model or [], degradation, density=density)):
            if isinstance(event, str):
                status.update(event)
            else:
                made.append(event)
    for name, values, text in made:
        path = output / f"{name}.tif"
        _write(path, values, opened, overwrite=overwrite)
        console.print(f"{path}\n  {text}", highlight=False, markup=False)


Events = Generator[str | tuple[str, npt.NDArray[Any], str], None, None]


def _chain(*parts: Iterable[Any]) -> Iterable[Any]:
    for part in parts:
        yield from part


def _with_reference(image: Path, hr: Path, lr: Path | None, *, error: str, density: bool) -> Events:
    """Yield what is done, and maps with their names and meanings."""
    from napari_sr.evaluation.comparing import iter_comparing
    from napari_sr.evaluation.files import placed_file
    from napari_sr.evaluation.judged import FLAGGED, HALLUCINATED, Comparing, Working
    from napari_sr.evaluation.meanings import HALLUCINATION

    reference = placed_file(hr)
    candidate = placed_file(image, name="image", like=reference)
    unit = "log10(density + 0.02)" if density else "grey levels"
    meanings = {
        "ssim": "1: the same structure as in the truth; 0: none in common.",
        error: {
            "absolute": f"|image - truth| in {unit}.", "signed": f"image - truth in {unit}.",
            "root-squared": "√(image - truth)² after normalisation, share of the truth's span.",
        }[error],
        HALLUCINATED: f"{HALLUCINATION} In {unit}.",
        FLAGGED: "1 where most of the detail is not that of the truth.",
    }  # fmt: skip
    files = {"ssim": "ssim-map", error: "error-map", HALLUCINATED: "hallucination-map", FLAGGED: "flagged"}
    asked = Comparing(
        reference, (candidate,), maps=("ssim", error, HALLUCINATED), density=density, metrics=("psnr",),
        lr_scale=0.0 if lr is None else placed_file(lr, like=reference).grid.step,
    )  # fmt: skip
    for event in iter_comparing(asked):
        if isinstance(event, Working):
            yield event.text
            continue
        for kind, values in event.maps["image"].items():
            yield files[kind], values, meanings[kind]


def _without(
    opened: ImageFile, lr: Path | None, models: list[str], degradation: str | None, *, density: bool
) -> Events:
    if lr is None:
        return
    from napari_sr.data.io import read_image
    from napari_sr.evaluation.judged import Consistent, Uncertain
    from napari_sr.evaluation.meanings import CONSISTENCY, UNCERTAINTY
    from napari_sr.evaluation.trust import iter_consistency, iter_uncertainty
    from napari_sr.store import load_model

    below = read_image(lr, lazy=True)
    loaded = [load_model(name) for name in models]
    preset = degradation if degradation is not None else next((m.card.degradation for m in loaded), "")
    scale = max(1, round(opened.data.shape[opened.axes.index("Y")] / below.data.shape[below.axes.index("Y")]))
    density = density or any(m.intensity.kind == "log" for m in loaded)
    unit = "of log10(density + 0.02)" if density else "grey levels"
    for event in iter_consistency(
        opened.data, below.data, axes=below.axes, scale=scale, degradation=preset, density=density
    ):
        if isinstance(event, Consistent):
            yield "consistency-map", event.residual, f"{event.sentence(unit)} {CONSISTENCY}"
        else:
            yield event.stage
    if not loaded:
        return
    for seen in iter_uncertainty(below.data, loaded, axes=below.axes):
        if isinstance(seen, Uncertain):
            yield "uncertainty-map", seen.deviation, f"{seen.sentence()} {UNCERTAINTY}"
        else:
            yield seen.stage or f"{seen.fraction:.0%}"


def _write(path: Path, values: npt.NDArray[Any], like: ImageFile, *, overwrite: bool) -> None:
    from napari_sr.data.output_files import OutputInfo, create_output

    values = np.asarray(values, dtype=np.float32)
    axes = like.axes if values.ndim == len(like.axes) else like.axes.replace("S", "")
    ratio = values.shape[axes.index("Y")] / like.data.shape[like.axes.index("Y")]
    geometry: Geometry = like.geometry if ratio == 1 else like.geometry.resampled(ratio)
    info = OutputInfo(axes=axes, geometry=geometry)
    with create_output(path, shape=values.shape, dtype=values.dtype, info=info, overwrite=overwrite) as out:
        out[...] = values
