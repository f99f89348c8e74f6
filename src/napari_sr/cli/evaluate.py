"""``napari-sr evaluate``: figures for results, or for models on a test set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from napari_sr.paths import reason

if TYPE_CHECKING:
    from napari_sr.evaluation import Table
    from napari_sr.evaluation.report import Gallery

WRITTEN = (".csv", ".json", ".html", ".md")


def command(
    images: Annotated[
        list[Path],
        typer.Argument(
            help="SR … HR: compare images, or folders of files of the same names. Or one HR with -m: test models.",
            show_default=False,
        ),
    ],
    lr: Annotated[
        Path | None,
        typer.Option(help="Measured LR images: their bicubic interpolation comes first.", show_default=False),
    ] = None,
    model: Annotated[list[str] | None, typer.Option("-m", "--model", help="Model to test; repeatable.")] = None,
    degradation: Annotated[
        str | None,
        typer.Option(
            help="Preset, or steps such as 'gaussian(2) + area', for the LR images. Default: the first model's own."
        ),
    ] = None,
    rounded: Annotated[
        bool,
        typer.Option("--rounded/--fractions", help="LR images of 8-bit images rounded to 8 bit, or kept exact."),
    ] = True,
    density: Annotated[
        bool, typer.Option("--density", help="Densities: log10(x + 0.02), and the spectrum score.")
    ] = False,
    niqe: Annotated[
        str | None,
        typer.Option(
            help="Also NIQE, by EM, N-body, or sharp images of your own.",
            show_default=False,
        ),
    ] = None,
    data_range: Annotated[
        float | None, typer.Option(help="For PSNR and SSIM. Default: 255 for 8 bit, else the target's.")
    ] = None,
    crop: Annotated[int | None, typer.Option(min=0, help="Border to leave out, HR pixels.")] = None,
    iqa: Annotated[
        list[str] | None,
        typer.Option(help="With SR … HR, by pyiqa where it is installed: lpips, dists, pi, fid. Repeatable."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A further figure: rmse, mae, pearson, frc_resolution, … or one of a plug-in. Repeatable."),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", help="Also write: .csv, .json, .md, or .html (a report with pictures)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help='Print JSON: undefined figures are null, infinite ones "Infinity".')
    ] = False,
) -> None:
    """Print PSNR, SSIM and MS-SSIM, with bicubic interpolation in the first row."""
    from napari_sr.errors import ConfigError, ImageError
    from napari_sr.evaluation.natural import natural_model
    from napari_sr.evaluation.report import evaluation_report
    from napari_sr.evaluation.test_set import DEFAULT_METRICS
    from napari_sr.metrics import METRICS
    from napari_sr.metrics.learned import FID, LEARNED, MISSING, installed

    for path in output or []:  # before the work
        if path.suffix.lower() not in WRITTEN:
            raise ConfigError(f"{path.name}: tables are written as {', '.join(WRITTEN)}.")
        if not path.resolve().parent.is_dir():
            raise ConfigError(f"{path} could not be written: there is no folder {path.resolve().parent}.")
    unknown = [name for name in iqa or [] if name not in (*LEARNED, FID)]
    if unknown:
        raise ConfigError(f"There is no figure {unknown[0]!r}; there are {', '.join((*LEARNED, FID))}.")
    if iqa and not installed():
        raise ConfigError(MISSING)
    extra = [name for name in metric or [] if METRICS.entry(name) and name not in DEFAULT_METRICS]
    common: dict[str, Any] = {
        "metrics": (*DEFAULT_METRICS, *dict.fromkeys(extra)), "crop": crop, "density": density,
        "naturalness": None if niqe is None else natural_model(niqe, density=density),
    }  # fmt: skip
    with Console(stderr=True).status("Evaluating …") as status:
        if model:
            if iqa:
                raise ConfigError("--iqa goes with SR … HR.")
            if len(images) != 1:
                raise ImageError("With models, give one file or folder of ground-truth images.")
            if data_range is not None:
                raise ConfigError("--data-range goes with SR … HR; with models it is taken from the images.")
            table, gallery = _models(
                images[0], lr, model, degradation=degradation, rounded=rounded, on_text=status.update, **common
            )
        else:
            if len(images) < 2:
                raise ImageError("Give SR and HR images, or HR images with -m MODEL.")
            table, gallery = _images(images, lr, data_range=data_range, learned=tuple(iqa or ()), **common)
    typer.echo(json.dumps(table.to_dict(), indent=2) if as_json else table.to_markdown())
    for path in output or []:
        _write(path, table, lambda: evaluation_report(table, gallery, title="Evaluation"))


def _models(
    target: Path,
    lr: Path | None,
    names: list[str],
    *,
    degradation: str | None,
    on_text: Callable[[str], None],
    **settings: Any,
) -> tuple[Table, Gallery]:
    from napari_sr.errors import ConfigError
    from napari_sr.evaluation import evaluate_models
    from napari_sr.evaluation.files import matched_planes, names_of
    from napari_sr.evaluation.report import Gallery
    from napari_sr.evaluation.test_set import distinct
    from napari_sr.images.listing import read_planes
    from napari_sr.models.store import load_model

    if lr is not None and degradation is not None:
        raise ConfigError("Give the LR images (--lr) or a degradation that makes them, not both.")
    loaded = [load_model(name) for name in names]
    titles_of = [m.card.name for m in loaded]
    if len(set(titles_of)) < len(titles_of):  # models of one name are told apart by where they lie
        paths = [Path(name) for name in names]
        titles_of = names_of(paths) if all(path.is_file() for path in paths) else distinct(titles_of)
    preset = degradation or next((m.card.degradation for m in loaded if m.card.degradation), "em")
    measured: list[Any] | None = None
    titles: list[str] = []
    if lr is None:
        targets = read_planes(target, lambda note: typer.echo(note, err=True))
    else:
        measured, targets, titles = matched_planes(lr, target, ("LR", "HR"))
        preset = ""
    gallery = Gallery(len(targets), titles)
    table = evaluate_models(
        loaded, targets, degradation=preset, lr_images=measured, on_preds=gallery,
        on_image=lambda done, total: on_text(f"Evaluating … image {done} of {total}"), names=titles_of, **settings,
    )  # fmt: skip
    return table, gallery


def _images(
    images: list[Path], lr: Path | None, *, data_range: float | None, crop: int | None, **settings: Any
) -> tuple[Table, Gallery]:
    from napari_sr.evaluation import evaluate_images
    from napari_sr.evaluation.files import matched_planes, names_of
    from napari_sr.evaluation.report import Gallery

    *found, target = images
    names = [path.name for path in found] if len({p.name for p in found}) == len(found) else names_of(found)
    candidates: dict[str, list[Any]] = {}
    targets: list[Any] = []
    titles: list[str] = []
    for name, path in zip(names, found, strict=True):
        candidates[name], targets, titles = matched_planes(path, target, (name, "HR"))
    measured = None if lr is None else matched_planes(lr, target, ("LR", "HR"))[0]
    gallery = Gallery(len(targets), titles)
    table = evaluate_images(
        candidates, targets, lr_images=measured, data_range=data_range, crop=crop or 0, on_preds=gallery, **settings
    )
    return table, gallery


def _write(path: Path, table: Table, report: Callable[[], str]) -> None:
    from napari_sr.errors import SRError

    as_text: dict[str, Callable[[], str]] = {
        ".csv": table.to_csv, ".md": lambda: table.to_markdown() + "\n", ".html": report,
        ".json": lambda: json.dumps(table.to_dict(), indent=2) + "\n",
    }  # fmt: skip
    try:
        path.write_text(as_text[path.suffix.lower()](), encoding="utf-8")
    except OSError as error:
        raise SRError(f"{path} could not be written ({reason(error)}).") from None
