"""What ``--help`` imports: nothing that takes long. Seconds are benchmarks/startup.py's business."""

import subprocess
import sys

import pytest

#: what the commands need once they run; typer and rich are what the help is written with
HEAVY = (
    "numpy", "scipy", "skimage", "torch", "lightning", "torchmetrics", "safetensors", "spandrel", "onnx", "onnxruntime",
    "openvino", "napari", "qtpy", "magicgui", "superqt", "dask", "zarr", "tifffile", "h5py", "matplotlib", "pandas",
    "PIL", "yaml",
)  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["upscale", "--help"], ["models", "--help"], ["--version"]])
def test_help_imports_nothing_that_takes_long(arguments):
    code = (
        "import sys\n"
        "from napari_sr.cli import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        f"print('imported:', *sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    *said, imported = done.stdout.splitlines()
    assert any(line.strip() for line in said)
    assert imported == "imported:"
