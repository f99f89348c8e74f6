"""``napari-sr demo``: the main job from beginning to end, on the samples."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from napari_sr.evaluation import Table
    from napari_sr.images.samples import Sample
    from napari_sr.inference import Report

#: sample, what to use when it cannot be fetched, models
JOBS = (
    ("em-fly", "em-phantom", ("em-dfcan-x4", "em-wgan-pixel-x4")),
    ("nbody", "nbody", ("nbody-x4",)),
)


def command(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")] = Path("demo-output"),
    viewer: Annotated[bool, typer.Option(help="Open the viewer, or take a screenshot of it.")] = True,
) -> None:
    """Super-resolve the EM and the N-body sample, measure, and show the result."""
    from napari_sr.errors import DownloadError
    from napari_sr.images.samples import load_sample

    console = Console(soft_wrap=True)
    output.mkdir(parents=True, exist_ok=True)
    tables = []
    for name, fallback, models in JOBS:
        try:
            sample = load_sample(name)
        except DownloadError as error:
            console.print(f"{error}", highlight=False)
            console.print("Going on with the [bold]EM phantom: a simulated image[/bold], not a measurement.")
            sample = load_sample(fallback)
        table, reports = run_job(sample, models, output / name.split("-")[0])
        for report in reports:
            console.print(report.sentence(), highlight=False)
        heading = f"## {sample.title}\n\n{table.to_markdown()}\n\nImage: {sample.note}.\n"
        console.print(heading, highlight=False, markup=False)
        tables.append(heading)
    (output / "results.md").write_text("\n".join(tables), encoding="utf-8")
    console.print(f"Images, figures and table: {output.resolve()}", highlight=False)
    if viewer:
        show(output, console)


def run_job(sample: Sample, models: tuple[str, ...], folder: Path) -> tuple[Table, list[Report]]:
    """Super-resolve one sample with each model; writes TIFFs and a figure, returns table and reports."""
    import numpy as np

    from napari_sr.densities import log_density
    from napari_sr.evaluation import evaluate_models
    from napari_sr.images.geometry import Geometry
    from napari_sr.images.writers import OutputInfo, create_output
    from napari_sr.inference import Finished, iter_upscale
    from napari_sr.metrics.data_range import data_range_of
    from napari_sr.metrics.maps import error_map
    from napari_sr.metrics.structural import ssim_map
    from napari_sr.models.store import load_model

    folder.mkdir(parents=True, exist_ok=True)
    density = sample.log_display
    loaded = [load_model(m) for m in models]
    images = {"LR": sample.lr, "HR": sample.hr}
    reports = []
    for model in loaded:
        for event in iter_upscale(sample.lr, model):
            if isinstance(event, Finished):
                images[model.card.name] = event.image
                reports.append(event.report)
    view = log_density if density else np.asarray
    data_range = data_range_of([sample.hr], log_density if density else None)
    for model in loaded:
        name = model.card.name
        pred, target = view(images[name]), view(sample.hr)
        images[f"{name}_ssim-map"] = ssim_map(pred, target, data_range=data_range)[1].astype(np.float32)
        images[f"{name}_error-map"] = error_map(pred, target)
    for name, image in images.items():
        size = sample.pixel_size * (sample.scale if name == "LR" else 1)
        info = OutputInfo(axes="YX", geometry=Geometry.square(size, sample.unit))
        path = folder / f"{name}.tif"
        with create_output(path, shape=image.shape, dtype=image.dtype, info=info, overwrite=True) as out:
            out[...] = image
    figure(sample, images, models, folder / "figure.png")
    table = evaluate_models(loaded, [sample.hr], degradation="nbody" if density else "em", density=density)
    return table, reports


def figure(sample: Sample, images: Mapping[str, object], models: tuple[str, ...], path: Path) -> None:
    """Draw the middle of LR, each SR, HR, and the maps of the first model."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.figure import Figure

    from napari_sr.densities import log_density

    names = ["LR", *models, "HR", f"{models[0]}_ssim-map", f"{models[0]}_error-map"]
    drawing = Figure(figsize=(3.1 * len(names), 3.5), layout="constrained")
    axes = drawing.subplots(1, len(names))
    hr = log_density(sample.hr) if sample.log_display else sample.hr
    low, high = (float(v) for v in np.percentile(hr, (0.5, 99.5)))
    for axis, name in zip(axes, names, strict=True):
        image = np.asarray(images[name])
        if sample.log_display and not name.endswith("-map"):
            image = log_density(image)
        half = [n // 4 for n in image.shape]
        centre = image[half[0] : 3 * half[0], half[1] : 3 * half[1]]
        limits: dict[str, object] = {"vmin": low, "vmax": high, "cmap": "magma" if sample.log_display else "gray"}
        if name.endswith("ssim-map"):
            limits = {"vmin": 0, "vmax": 1, "cmap": "viridis"}
        elif name.endswith("error-map"):
            limits = {"vmin": 0, "cmap": "inferno"}
        shown = axis.imshow(centre, interpolation="nearest", **limits)
        if name.endswith("-map"):
            drawing.colorbar(shown, ax=axis, shrink=0.75)
        axis.set_title(name.replace("_", "\n"), fontsize=9)
        axis.set_axis_off()
    drawing.suptitle(f"{sample.title}: centre", fontsize=10)
    with mpl.rc_context({"figure.dpi": 130}):
        drawing.savefig(path, dpi=130)


def show(output: Path, console: Console) -> None:
    """Open the viewer with the layers, or save a screenshot of it from a virtual display."""
    if importlib.util.find_spec("napari") is None:
        console.print("napari is not installed here: pip install 'napari-sr[all]' to look at the layers.")
        return
    display = platform.system() != "Linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    command = [sys.executable, "-m", "napari_sr.widgets.demo_viewer", str(output)]
    if display:
        subprocess.run(command, check=True)
        return
    screenshot = output / "viewer.png"
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        console.print("There is no display and no xvfb-run, so the viewer was not shown.")
        return
    server = [xvfb, "-a", "-s", "-screen 0 1600x1000x24"]
    subprocess.run([*server, *command, "--screenshot", str(screenshot)], check=True)
    console.print(f"There is no display here; a screenshot of the viewer is in {screenshot.resolve()}", highlight=False)
