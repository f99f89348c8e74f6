"""An image larger than memory into OME-Zarr: memory over time, and the same result after `kill -9`.

    python benchmarks/large_image.py [--side 40000] [--rows 1024] [--out FOLDER]

A uint16 zarr image of side x side pixels is made of a few chunks that are linked many times, so that it takes little
room. It is super-resolved by the command line, in processes of their own whose resident memory is read twice a second
(Linux only: /proc): x2 bicubic on the whole, and x4 by the model that is recommended on a strip of it. Each is run
twice, once as it is and once killed in the middle and begun again; the two results are compared file by file. A table
(.csv) and a picture (.png) of the memory over time are written.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CHUNK = 512
#: chunks that differ: the others are links to these
DIFFERENT = 7
MAIN = [sys.executable, "-c", "from napari_sr.cli import main; main()"]


def make(path: Path, side: int) -> None:
    """Write a zarr image with structure whose chunks are a few files, linked many times."""
    import zarr

    array = zarr.create_array(str(path), shape=(side, side), chunks=(CHUNK, CHUNK), dtype=np.uint16)
    rng, y = np.random.default_rng(0), np.arange(CHUNK)
    for number in range(DIFFERENT):
        waves = np.sin(y[:, None] / (3 + number)) * np.cos(y / (5 + number)) + 0.3 * np.sin(y * y[:, None] / 900)
        noise = rng.normal(0, 2, (CHUNK, CHUNK))  # few counts, as of a camera: they are compressed
        array[:CHUNK, number * CHUNK : (number + 1) * CHUNK] = (300 + 100 * waves + noise).astype(np.uint16)
    across = -(-side // CHUNK)
    first = [path / "c" / "0" / str(n) for n in range(DIFFERENT)]
    for row in range(across):
        (path / "c" / str(row)).mkdir(exist_ok=True)
        for column in range(across):
            chunk = path / "c" / str(row) / str(column)
            if not chunk.exists():
                os.link(first[(3 * row + 5 * column) % DIFFERENT], chunk)


@dataclass
class Run:
    """One command, and the memory of its process over time."""

    name: str
    seconds: list[float] = field(default_factory=list)
    gib: list[float] = field(default_factory=list)
    peak: float = 0.0
    took: float = 0.0

    def go(self, arguments: list[str], journal: Path | None = None, blocks: int = 0) -> int:
        """Run to the end, or until the journal has a number of blocks: then kill; returns the exit code."""
        start, before = time.perf_counter(), self.took
        with subprocess.Popen([*MAIN, *arguments], stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                status = Path(f"/proc/{process.pid}/status").read_text()
                rows = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
                if "VmRSS" in rows:
                    self.seconds.append(before + time.perf_counter() - start)
                    self.gib.append(int(rows["VmRSS"].split()[0]) / 1024**2)
                    self.peak = max(self.peak, int(rows["VmHWM"].split()[0]) / 1024**2)
                if journal is not None and journal.exists() and journal.read_bytes().count(b"\n") >= blocks:
                    process.send_signal(signal.SIGKILL)
                time.sleep(0.5)
            self.took = before + time.perf_counter() - start
            print("   ", " ".join((process.stdout.read() if process.stdout else "").split()), flush=True)
            return process.returncode

    def growth(self) -> float:
        """Return by how much memory grew from the second tenth of the time to the last one, GiB."""
        tenth = max(1, len(self.gib) // 10)
        return float(np.median(self.gib[-tenth:]) - np.median(self.gib[tenth : 2 * tenth] or self.gib))


def digest(path: Path) -> str:
    """Return a digest of every file of a result."""
    found = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        found.update(str(file.relative_to(path)).encode() + file.read_bytes())
    return found.hexdigest()


def size(path: Path) -> float:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) / 1024**3


def case(name: str, source: Path, folder: Path, arguments: list[str], blocks: int, whole: bool) -> list[Run]:
    """Run a case as it is and killed, say what came of it, and return the memory of both."""
    runs, digests = [], []
    for kind in ("whole", "killed") if whole else ("killed",):
        target = folder / f"{kind}.zarr"
        command = ["upscale", str(source), "-o", str(target), "--precision", "fp32", *arguments]
        run = Run(f"{name}, {kind}")
        if kind == "killed":
            code = run.go(command, folder / f".{target.name}.unfinished" / "journal", blocks)
            assert code == -signal.SIGKILL, f"the run ended before it was killed ({code})"
            assert not target.exists()
        assert run.go(command) == 0
        print(
            f"{run.name}: {run.took:.0f} s; result of {size(target):.2f} GiB on disk; memory at most {run.peak:.2f} "
            f"GiB, growth {run.growth():+.3f} GiB",
            flush=True,
        )
        digests.append(digest(target) if whole else "")
        shutil.rmtree(target)
        runs.append(run)
    if whole:
        print(f"{name}: the two results are {'equal' if len(set(digests)) == 1 else 'NOT EQUAL'}", flush=True)
    return runs


def draw(runs: list[Run], folder: Path) -> None:
    """Write the memory over time as a table and a picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with (folder / "large_image.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "seconds", "resident GiB"])
        writer.writerows([r.name, f"{s:.1f}", f"{g:.3f}"] for r in runs for s, g in zip(r.seconds, r.gib, strict=True))
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for run in runs:
        axes.plot(run.seconds, run.gib, label=run.name)
    axes.set(xlabel="seconds", ylabel="resident memory (GiB)", ylim=(0, None))
    axes.legend()
    figure.savefig(folder / "large_image.png", dpi=120, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=40_000)
    parser.add_argument("--rows", type=int, default=1024, help="of the strip for the model")
    parser.add_argument("--model", default="em-x4")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--once", action="store_true", help="bicubic: only the run that is killed, compared with none")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as temporary:
        folder = Path(temporary)
        source, side = folder / "large.zarr", arguments.side
        make(source, side)
        gib = side * side * 2 / 1024**3
        print(f"{side} x {side} uint16, {gib:.2f} GiB; {size(source):.2f} GiB in files, most of them links", flush=True)
        block = 4096 if 2 * side > 16_384 else 2048
        half = (-(-2 * side // block)) ** 2 // 2
        runs = case("bicubic-x2, whole image", source, folder, ["-m", "bicubic-x2"], half, not arguments.once)
        block = 4096 if 4 * side > 16_384 else 2048
        half = max(1, -(-4 * arguments.rows // block) * -(-4 * side // block) // 2)
        strip = ["-m", arguments.model, "--region", f"0:{arguments.rows},0:{side}"]
        name = f"{arguments.model}, strip of {arguments.rows} x {side}"
        runs += case(name, source, folder, strip, half, True)
    draw(runs, arguments.out)


if __name__ == "__main__":
    main()
