"""What the window's thread imports for a dock: nothing slow. Seconds are what benchmarks/startup.py measures."""

import json
import subprocess
import sys

#: what takes 0.1 s and more to import; napari itself has imported some of them, which cost a dock nothing more
HEAVY = (
    "torch", "lightning", "torchmetrics", "safetensors", "spandrel", "onnx", "onnxruntime", "openvino", "scipy",
    "skimage", "matplotlib", "pandas", "dask", "zarr", "tifffile", "h5py", "PIL", "sympy", "rich", "pyiqa",
)  # fmt: skip
DOCKS = {
    "Super-resolve": "napari_sr.widgets.super_resolve.dock:SuperResolve",
    "Simulate low resolution": "napari_sr.widgets.simulate:SimulateLowResolution",
    "Train": "napari_sr.widgets.train.dock:Train",
    "Compare": "napari_sr.widgets.compare.dock:Compare",
    "Models": "napari_sr.widgets.models.dock:Models",
}
#: napari's part first; then modules are counted that were not there, and whose thread looked for them
PREPARED = """
import importlib, json, sys, threading, time
import napari.layers, napari._qt.qt_main_window
from napari.components import ViewerModel
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication

app = QApplication([])
heavy, docks = set({heavy!r}), {docks!r}
seen = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            seen.append(name)

def slow():
    found = sorted(set(n for n in seen if n.split(".")[0] in heavy and n in sys.modules))
    seen.clear()
    return found[:5]

def build(place):
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)(ViewerModel())

sys.meta_path.insert(0, Watch())
"""


def in_a_new_process(code: str) -> dict[str, list[str]]:
    """Run code after ``PREPARED``; its last line is JSON."""
    whole = PREPARED.format(heavy=HEAVY, docks=DOCKS) + code
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_dock_is_built_without_a_slow_import():
    """Jobs in the background are held: what is imported is the window's thread's own doing."""
    code = """
from napari_sr.widgets.base.job import Job
held = []
Job.start = lambda job: held.append(job)
found = {}
for title, place in docks.items():
    widget = build(place)
    app.processEvents()
    found[title] = slow()
found["held"] = [str(len(held))]
print(json.dumps(found))
"""
    found = in_a_new_process(code)
    assert int(found.pop("held")[0]) >= 3  # the lists of models
    assert found == {title: [] for title in DOCKS}


def test_the_watch_sees_a_slow_import():
    found = in_a_new_process("import skimage.metrics\nprint(json.dumps({'seen': slow()}))")
    assert any(name.startswith("skimage") for name in found["seen"])


def test_the_lists_of_models_are_shown_without_a_slow_import():
    """torch comes with the cards, in the background."""
    code = """
widgets = [build(docks[title]) for title in ("Super-resolve", "Models")]
end = time.monotonic() + 100
while any(widget.job is not None or widget.side_jobs for widget in widgets) and time.monotonic() < end:
    app.processEvents()
    time.sleep(0.005)
app.processEvents()
print(json.dumps({"seen": slow(), "torch": ["torch"] if "torch" in sys.modules else []}))
for widget in widgets:
    widget.shut_down()
"""
    assert in_a_new_process(code) == {"seen": [], "torch": ["torch"]}
