"""Folders and stacks as lists of 2-D images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.data.io import SUFFIXES, read_image
from napari_sr.data.ome_zarr import is_zarr
from napari_sr.errors import ImageError


def image_files(path: Path) -> list[Path]:
    """Return ``path`` itself, or the image files in the folder ``path``, sorted by name."""
    if path.is_file() or path.suffix.lower() == ".zarr" or is_zarr(path):
        return [path]
    if not path.is_dir():
        raise ImageError(f"There is no file or folder {path}.")
    found = sorted(f for f in path.iterdir() if f.name.lower().endswith(SUFFIXES))
    if not found:
        raise ImageError(f"There are no images in {path} (looked for {', '.join(SUFFIXES)}).")
    return found


def read_planes(path: Path) -> list[npt.NDArray[Any]]:
    """Return every 2-D plane of a file or of all files in a folder; planes stay on disk where possible."""
    planes: list[npt.NDArray[Any]] = []
    for file in image_files(path):
        image = read_image(file)
        data = image.data
        if image.rgb:
            raise ImageError(f"{file.name} is a colour image; images of a single channel are needed here.")
        for index in np.ndindex(*data.shape[:-2]):
            plane = data[index] if index else data
            # memory-mapped planes stay on disk; zarr and compressed files are read
            planes.append(plane if isinstance(plane, np.ndarray) else np.asarray(plane[...]))
    return planes


def matched_files(lr: Path, hr: Path, names: tuple[str, str] = ("LR", "HR")) -> list[tuple[Path, Path]]:
    """Return pairs of LR and HR files of the same name; a file is its own folder of one.

    What all names of the first folder end with beside those of the second, such as a model's name, does not count.
    ``names`` are what the two are called in messages.

    Raises
    ------
    ImageError
        With the names that have no partner.
    """
    lr_files, hr_files = image_files(lr), image_files(hr)
    if len(lr_files) == len(hr_files) == 1:
        return [(lr_files[0], hr_files[0])]
    of_lr, of_hr = ({_stem(f): f for f in files} for files in (lr_files, hr_files))
    ending = _common_ending(list(of_lr), list(of_hr))
    of_lr = {stem.removesuffix(ending): file for stem, file in of_lr.items()}
    alone = [f"{of_lr[n].name} ({names[0]})" for n in sorted(of_lr.keys() - of_hr)]
    alone += [f"{of_hr[n].name} ({names[1]})" for n in sorted(of_hr.keys() - of_lr)]
    if alone:
        shown = ", ".join(alone[:10]) + (f" and {len(alone) - 10} more" if len(alone) > 10 else "")
        raise ImageError(f"{names[0]} and {names[1]} images are matched by name; without a partner: {shown}.")
    return [(of_lr[n], of_hr[n]) for n in sorted(of_lr)]


def _common_ending(longer: list[str], shorter: list[str]) -> str:
    """Return what all of some names end with beside one of others; empty if there is no such thing."""
    first = min(longer, default="")
    for stem in sorted(shorter, key=len, reverse=True):
        ending = first.removeprefix(stem)
        if first.startswith(stem) and all(n.endswith(ending) and n.removesuffix(ending) in shorter for n in longer):
            return ending
    return ""


def _stem(file: Path) -> str:
    return file.name.removesuffix(file.suffix).removesuffix(".ome").lower()
