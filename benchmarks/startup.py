"""How long a user waits for the command line's help, and for each dock of a napari that is up.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/startup.py [--processes 5]

Every figure is the median of several new processes. Of a dock: *shown* is the time from the call that opens it until it
is painted and the window's thread takes events again; *filled* that until its list of models is there; *stall* the
longest gap between two ticks of a 10-ms timer from *shown* on, for five seconds; *on the window's thread*, how many
modules that thread imported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

HELPS = (["--help"], ["upscale", "--help"], ["train", "--help"])
DOCKS = ("Super-resolve", "Compare", "Train", "Models", "Simulate low resolution")
#: seconds that the window's thread is watched for, once a dock is shown
WATCHED = 5.0


def help_seconds(arguments: list[str]) -> float:
    """Return how long a help takes in a new process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "napari_sr", *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


class Imports:
    """Counts the modules that the window's thread looks for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if threading.current_thread() is threading.main_thread():
            self.names.append(name)


class Ticks:
    """Gaps between the ticks of a 10-ms timer."""

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self.gaps: list[float] = []
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setInterval(10)
        self.timer.timeout.connect(self._tick)
        self.timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self.last)
        self.last = now


def open_dock(title: str) -> dict[str, float]:
    """Open one dock in a napari that is up, in this process."""
    import napari
    from qtpy.QtCore import QEventLoop, QTimer

    def wait(condition: Any, seconds: float) -> None:
        end = time.monotonic() + seconds
        loop, timer = QEventLoop(), QTimer()
        timer.setInterval(5)
        timer.timeout.connect(lambda: loop.exit() if time.monotonic() > end or condition() else None)
        timer.start()
        loop.exec()
        timer.stop()

    viewer = napari.Viewer()
    wait(lambda: False, 2.0)
    imports = Imports()
    sys.meta_path.insert(0, imports)  # type: ignore[arg-type]
    start = time.perf_counter()
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", title)
    free: list[float] = []
    QTimer.singleShot(0, lambda: free.append(time.perf_counter()))
    wait(lambda: free and widget.isVisible(), 60)
    shown = time.perf_counter() - start
    ticks = Ticks()
    wait(lambda: widget.job is None and not widget.side_jobs, 60)
    filled = time.perf_counter() - start
    wait(lambda: False, max(0.0, shown + WATCHED - filled))
    viewer.close()
    return {"shown": shown, "filled": filled, "stall": max(ticks.gaps), "imports": float(len(imports.names))}


def in_a_new_process(title: str) -> dict[str, float]:
    """Return what :func:`open_dock` finds in a new process."""
    command = [sys.executable, __file__, "--dock", title]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--dock", choices=DOCKS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.dock:
        print(json.dumps(open_dock(given.dock)), flush=True)
        return
    for arguments in HELPS:
        seconds = [help_seconds(arguments) for _ in range(given.processes)]
        command = " ".join(["napari-sr", *arguments])
        print(f"{command:<26} {statistics.median(seconds):.2f} s  (slowest {max(seconds):.2f})")
    print(f"\n{'dock':<26} {'shown':>7} {'slowest':>8} {'filled':>7} {'stall':>7}  on the window's thread")
    for title in DOCKS:
        runs = [in_a_new_process(title) for _ in range(given.processes)]
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        slowest = max(run["shown"] for run in runs)
        shown = f"{title:<26} {middle['shown']:>5.2f} s {slowest:>6.2f} s {middle['filled']:>5.2f} s"
        print(f"{shown} {middle['stall']:>5.2f} s  {middle['imports']:.0f} modules", flush=True)


if __name__ == "__main__":
    main()
