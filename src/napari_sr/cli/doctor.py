"""``napari-sr doctor``: what is installed, what the machine can do, and a self-test."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

PACKAGES = (
    "napari-sr", "torch", "numpy", "scikit-image", "tifffile", "torchmetrics", "lightning", "dask", "zarr",
    "napari", "PyQt6", "PyQt5", "PySide6", "magicgui", "superqt", "pooch", "onnx", "onnxruntime", "bioimageio.core",
    "spandrel",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """Return the installed version of each package that matters, None if absent."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def opengl() -> str:
    """Return the OpenGL version a fresh process gets, or why it gets none."""
    if importlib.util.find_spec("napari") is None:
        return "napari is not installed (fine on a cluster node)"
    if platform.system() == "Linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display (DISPLAY is not set); the command line works without one"
    code = (
        "from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext\n"
        "app = QGuiApplication([]); c = QOpenGLContext(); assert c.create(), 'no OpenGL context'\n"
        "s = QOffscreenSurface(); s.create(); c.makeCurrent(s); f = c.format()\n"
        "print(f'{f.majorVersion()}.{f.minorVersion()}')"
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "the test did not answer within 60 s"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"not usable: {last}"
    return done.stdout.strip()


def self_test() -> str:
    """Super-resolve a small ramp and compare with what it must be."""
    import numpy as np

    from napari_sr.inference import upscale
    from napari_sr.models.store import load_model

    ramp = np.tile(np.arange(32, dtype=np.float32), (32, 1))
    sr = upscale(ramp, load_model("bilinear-x2"), device="cpu")
    expected = (np.arange(64) + 0.5) / 2 - 0.5
    error = float(np.abs(sr[32, 2:-2] - expected[2:-2]).max())
    return "passed" if error < 1e-4 else f"FAILED: off by {error:g}"


def collect() -> dict[str, Any]:
    """Return everything that the command prints."""
    from napari_sr.inference.device import available_devices, choose, cpu_has_fast_bf16, device_title
    from napari_sr.models.store import list_models, shipped_folder, user_folder

    return {
        "python": f"{platform.python_version()} on {platform.platform()}",
        "packages": versions(),
        "devices": {d: device_title(d) for d in available_devices()},
        "used for inference": choose().title,
        "fast bfloat16 on the CPU": cpu_has_fast_bf16(),
        "opengl": opengl(),
        "models": [c.name for c in list_models(interpolations=False)],
        "shipped models in": str(shipped_folder()),
        "your models in": str(user_folder()),
        "free disk space [GiB]": round(shutil.disk_usage(os.getcwd()).free / 1024**3, 1),
        "self-test": self_test(),
    }


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, to attach to a report.")] = False,
) -> None:
    """Check the installation and show what this machine can do."""
    facts = collect()
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        console = Console(soft_wrap=True)
        for key, value in facts.items():
            if key == "packages":
                value = ", ".join(f"{k} {v}" for k, v in value.items() if v)
            elif isinstance(value, dict):
                value = ", ".join(f"{k} ({v})" for k, v in value.items())
            elif isinstance(value, list):
                value = ", ".join(value) or "none"
            console.print(f"[bold]{key}[/bold]: {value}", highlight=False)
    if facts["self-test"] != "passed":
        raise typer.Exit(1)
