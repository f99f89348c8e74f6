"""The worked examples of CONTRIBUTING.md as a package of somebody else: found, and held to all contracts."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from napari_sr.models.model import HEADER_KEY

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGE = "my_microscope"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Write the examples where their first lines say, with the entry points of the text; return the environment."""
    folder = tmp_path_factory.mktemp("site")
    written = []
    for block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        place = re.match(r"# (\S+\.py)\n", block)[1]
        path = folder / PACKAGE / place
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(block)
        written.append(place)
    (folder / PACKAGE / "__init__.py").touch()
    (points,) = re.findall(r"```toml\n(.*?)```", TEXT, flags=re.DOTALL)
    info = folder / f"{PACKAGE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    groups = tomllib.loads(points)["project"]["entry-points"]
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for group, found in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    assert sorted(written) == ["metrics/median.py", "networks/espcn.py", "readers/arc_grid.py"]
    paths = [str(folder), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(environment, *words, **settings):
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, timeout=300, **settings
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_network_and_metric_meet_every_contract_of_their_kind(installed):
    told = run(
        installed, "-m", "pytest", "tests/networks/test_contract.py", "tests/metrics/test_metrics.py", "-k",
        "espcn or median_error", "-v", "-p", "no:cacheprovider", "-n", "0", cwd=ROOT,
    )  # fmt: skip
    passed = [line for line in told.splitlines() if "PASSED" in line]
    assert sum("espcn" in line for line in passed) >= 20
    assert sum("median_error" in line for line in passed) >= 1


def test_the_network_is_trained_by_the_command_of_the_text(installed, tmp_path, rng):
    (command,) = re.findall(r"    (napari-sr train .*)", TEXT)
    words = [w.replace("my_images/", str(tmp_path / "my_images")) for w in command.split()[1:]]
    (tmp_path / "my_images").mkdir()
    for number in range(2):
        np.save(tmp_path / "my_images" / f"{number}.npy", rng.integers(0, 255, (96, 96)).astype(np.uint8))
    short = ["--steps", "2", "--batch-size", "1", "--lr-patch", "8", "--scale", "2", "--device", "cpu"]
    run(installed, "-m", "napari_sr", *words, *short, cwd=tmp_path)
    # here, nobody knows that network: its name stands on the card
    with safe_open(tmp_path / "run/my-model.safetensors", framework="np") as file:
        assert json.loads(file.metadata()[HEADER_KEY])["network"] == "espcn"


def test_the_metric_and_the_reader_in_one_command(installed, tmp_path, rng):
    """An image is written as that grid, read, and measured with that metric by the command of the text."""
    image = rng.normal(100, 10, (64, 64)).astype(np.float32)
    header = "ncols 64\nnrows 64\nxllcorner 0\nyllcorner 0\ncellsize 1\nNODATA_value -9999\n"
    rows = "\n".join(" ".join(f"{v:.9g}" for v in row) for row in image)
    (tmp_path / "hr.asc").write_text(header + rows)
    np.save(tmp_path / "sr.npy", image + np.float32(2))
    (command,) = re.findall(r"    (napari-sr evaluate .*)", TEXT)
    words = command.replace("hr.npy", "hr.asc").split()[1:]
    told = run(installed, "-m", "napari_sr", *words, "--json", cwd=tmp_path)
    (row,) = [r for r in json.loads(told)["rows"] if r["name"] == "sr.npy"]
    figures = row["mean"]
    assert figures["median_error"] == pytest.approx(2 / float(np.ptp(image)), rel=1e-3)
