"""The package as users get it: sdist, wheel from the sdist, an empty environment elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
# one worker builds the wheel, and begins with it: nothing takes longer
pytestmark = pytest.mark.xdist_group("wheel")


def run(*command: object, cwd: Path) -> str:
    foreign = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    environment = {k: v for k, v in os.environ.items() if k not in foreign}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT, cwd=folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = folder / sdist.name.removesuffix(".tar.gz")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_top_level_names_are_the_packages_own_files():
    for name in ("napari.yaml", "sample_models"):
        assert (ROOT / name).resolve() == (ROOT / "src/napari_sr" / name).resolve()


def test_the_wheel_holds_manifest_models_samples_once_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    shipped = {p.name for p in (ROOT / "src/napari_sr/sample_models").glob("*.safetensors")}
    assert {Path(n).name for n in names if n.endswith(".safetensors")} == shipped
    assert "napari_sr/napari.yaml" in names
    assert {"napari_sr/sample_data/em_phantom.tif", "napari_sr/sample_data/nbody_test.npz"} <= set(names)
    assert all(n.startswith(("napari_sr/", "napari_sr-")) for n in names)
    assert wheel.stat().st_size < 40e6


#: with every model in one process: that of torch alone takes seconds to begin
UPSCALE = """
import json, sys, napari_sr, tifffile
lr = tifffile.imread("lr.tif")
print(json.dumps({name: napari_sr.upscale(lr, napari_sr.load_model(name)).shape for name in sys.argv[1:]}))
"""


@pytest.mark.timeout(900)
def test_an_empty_environment_super_resolves_a_sample(wheel, tmp_path):
    """Base dependencies only, as on a cluster node: no napari, no Qt."""
    environment = tmp_path / "env"
    venv.create(environment)
    bin_folder = environment / ("Scripts" if os.name == "nt" else "bin")
    python, tool = bin_folder / "python", bin_folder / "napari-sr"
    pip = (sys.executable, "-m", "pip", "--python", python)
    # what is imported is compiled when it is: of torch, that is a small part
    run(*pip, "install", "--quiet", "--no-compile", "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    installed = {p["name"].lower() for p in json.loads(run(*pip, "list", "--format=json", cwd=tmp_path))}
    assert not installed & {"napari", "qtpy", "pyqt5", "pyqt6", "pyside6", "torchvision", "spandrel"}
    run(tool, "samples", "em-phantom", "-o", "lr.tif", cwd=tmp_path)
    run(tool, "upscale", "lr.tif", "-m", "em-x4", "-o", "sr.tif", cwd=tmp_path)
    assert (tmp_path / "sr.tif").stat().st_size > 640**2
    scales = {
        c["name"]: c["scale"] for c in json.loads(run(tool, "models", "--json", cwd=tmp_path)) if c["kind"] == "EM"
    }
    made = json.loads(run(python, "-c", UPSCALE, *scales, cwd=tmp_path))
    assert made == {name: [160 * scale, 160 * scale] for name, scale in scales.items()}
    entry = run(
        python, "-c",
        "from importlib.metadata import entry_points as e, files\n"
        "(m,) = e(group='napari.manifest', name='napari-sr'); print(m.value)",
        cwd=tmp_path,
    )  # fmt: skip
    module, _, name = entry.strip().partition(":")
    path = run(
        python,
        "-c",
        f"import {module}, pathlib; print(pathlib.Path({module}.__file__).parent / '{name}')",
        cwd=tmp_path,
    )
    assert yaml.safe_load(Path(path.strip()).read_text(encoding="utf-8"))["name"] == "napari-sr"
