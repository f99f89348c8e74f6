"""Read and enlarge every instrument file of a folder, and print what we read beside what others read of it.

    python scripts/measure_readers.py [scripts/models/data/readers]

The folder's README says of each file what an independent library reads. The files stay where they are: some have
licences under which they may not be copied into this project.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from napari_sr.errors import SRError
from napari_sr.images.readers import read, read_image
from napari_sr.images.stack import Stack
from napari_sr.inference import Upscaler
from napari_sr.inference.files import iter_upscale_file
from napari_sr.models.store import load_model

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "scripts/models/data/readers")


def theirs(readme: str, name: str) -> str:
    """Return what the README says that a library reads of a file."""
    found = re.search(rf"^## {re.escape(name)}\n((?:- .*\n?)+)", readme, re.MULTILINE)
    lines = found[1].strip().split("\n")[1:] if found else []
    text = " ".join(line.removeprefix("- ") for line in lines)
    text = re.sub(r"(kinds|n_series|compression|min/max|XRes|unit)=\S+( \d+\))?", "", text)
    return " ".join(text.split()).replace("|", "/")[:170]


def ours(stack: Stack) -> str:
    """Return what we read of an image."""
    size = stack.pixel_size
    shape = " × ".join(map(str, stack.data.shape))
    pixel = "no pixel size" if size is None else f"{size[0]:.5g} × {size[1]:.5g} {stack.unit}"
    return f"{shape} {stack.axes} {stack.data.dtype}, {pixel}"


def files() -> list[Path]:
    """Return every file of the folder, and the zarr images in it."""
    found = []
    for path in sorted(FOLDER.iterdir()):
        if path.name == "README.md":
            continue
        found += sorted(path.iterdir()) if path.is_dir() else [path]
    return [path for path in found if not path.name.startswith(".")]


def main() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    model = load_model("bicubic-x2")
    print("| file | what an independent library reads | napari-sr reads | `upscale -m bicubic-x2` |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for path in files():
            told = theirs(readme, path.name)
            try:
                mine = "; ".join(ours(stack) for stack in read(path))
                target = Path(folder) / f"{path.name}.tif"
                for _ in iter_upscale_file(path, target, Upscaler(model)):
                    pass
                result = ours(read_image(target))
            except SRError as error:
                mine, result = f"*{error}*", "–"
            print(f"| {path.name} | {told} | {mine} | {result} |", flush=True)


if __name__ == "__main__":
    main()
