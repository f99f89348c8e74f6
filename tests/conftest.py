from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

# one thread is fastest for small networks, in processes and workers that tests start, too; torch reads it when imported
os.environ.setdefault("OMP_NUM_THREADS", "1")
# napari's settings stay in memory: workers share no file, and the user's own is not touched
os.environ["NAPARI_CONFIG"] = ""

import numpy as np
import pytest
from bf16 import pretend_bf16
from small_models import make_model

from napari_sr.inference import device
from napari_sr.models.model import Model

#: What "auto" means depends on the processor: bf16 where that is fast, fp32 elsewhere. `NAPARI_SR_TEST_BF16=on` runs
#: all tests as on a processor with fast bfloat16, `off` as on one without; unset, they run as on this one. Processes
#: that a test starts see the processor as it is.
PRETEND_BF16 = os.environ.get("NAPARI_SR_TEST_BF16", "")


def pytest_configure() -> None:
    if PRETEND_BF16 not in ("", "on", "off"):
        raise pytest.UsageError(f"NAPARI_SR_TEST_BF16 is on, off or not set, and is {PRETEND_BF16!r}")


def pytest_report_header() -> str:
    return f"fast bfloat16: {PRETEND_BF16 or device.cpu_has_fast_bf16()}"


@pytest.fixture(autouse=True)
def processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor that ``NAPARI_SR_TEST_BF16`` asks for."""
    if PRETEND_BF16:
        pretend_bf16(monkeypatch, fast=PRETEND_BF16 == "on")


@pytest.fixture(params=["bf16", "fp32"])
def automatic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, processor: None) -> str:
    """The precision that "auto" stands for: on a processor with fast bfloat16, and on one without; no GPU is seen."""
    monkeypatch.setattr(device, "available_devices", lambda: ("cpu",))
    pretend_bf16(monkeypatch, fast=request.param == "bf16")
    return request.param


@pytest.fixture
def model() -> Model:
    return make_model()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    """A smooth image with structure, uint8."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=(96, 80)), 2)
    return np.clip(128 + 400 * noise, 0, 255).astype(np.uint8)


@pytest.fixture
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the curves out of reports, which take half a second to draw; test_history_and_runs has them."""
    from napari_sr.training.runs import report  # with all that trains: for those that ask for this alone

    monkeypatch.setattr(report, "_curves", lambda history: "")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line as the console script does; returns (exit code, output, errors)."""
    from napari_sr.cli.app import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["napari-sr", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or touches the user's models and downloads."""
    monkeypatch.setenv("NAPARI_SR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_SR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NAPARI_SR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_SR_SETTINGS", str(tmp_path / "docks.json"))
