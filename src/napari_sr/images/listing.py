"""The images of a folder: each once, also if it lies in several files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.images.readers import chosen, read_image
from napari_sr.images.readers.formats import suffixes
from napari_sr.images.readers.ome_xml import members
from napari_sr.images.readers.zarr_folder import is_zarr
from napari_sr.paths import exists, is_file, is_folder, is_link, why_not_open

#: bytes of a TIFF in which the description of an image in several files is looked for
SEARCHED = 64 * 1024


def image_files(path: Path) -> list[Path]:
    """Return ``path`` itself, or the images in the folder ``path``, sorted by name.

    What the system hides (names that begin with a dot) and folders that are no zarr images are left out. Of files that
    make up one image, the first stands for all.

    Raises
    ------
    ImageError
        If there is nothing, or no image.
    """
    file, _ = chosen(path)
    if is_file(file) or is_zarr(file):
        return [path]
    if not exists(path) and is_link(path):
        raise ImageError(f"{path} leads to a file that is not there.")
    if not is_folder(path):
        raise ImageError(f"There is no file or folder {path}.")
    found = sorted(f for f in path.iterdir() if _is_image(f))
    if not found:
        raise ImageError(f"There are no images in {path} (looked for {', '.join(suffixes())}).")
    return _once(found)


def _is_image(file: Path) -> bool:
    """Return True for what is named as an image is; a broken link is one that cannot be read, and is said to be."""
    if file.name.startswith(".") or not file.name.lower().endswith(suffixes()):
        return False
    return not file.is_dir() or is_zarr(file)


def _once(files: list[Path]) -> list[Path]:
    """Leave out the files that an earlier one names as parts of its own image, and what describes a set beside it."""
    taken: set[str] = set()
    kept = []
    for file in files:
        if file.name in taken:
            continue
        kept.append(file)
        others = file_members(file)
        companion = [n for n in others if n.lower().endswith(".companion.ome")]
        for name in companion:  # it knows the rest of the set
            if not why_not_open(file.parent / name):
                others += members(file.parent / name, (file.parent / name).read_text("utf-8", errors="replace"))
        taken.update(others)
    return kept


def file_members(file: Path) -> list[str]:
    """Return the names of the other files of which ``file`` is one image; empty if it is one alone."""
    name = file.name.lower()
    if name.endswith(".companion.ome"):
        return [] if why_not_open(file) else members(file, file.read_text(encoding="utf-8", errors="replace"))
    if not name.endswith((".tif", ".tiff")) or not file.is_file() or why_not_open(file):
        return []  # what is wrong with it is said when it is read
    import tifffile

    with file.open("rb") as opened:
        head = opened.read(SEARCHED)
        opened.seek(max(0, file.stat().st_size - SEARCHED))
        if b"OME" not in head and b"OME" not in opened.read():
            return []
    try:
        with tifffile.TiffFile(file) as tif:
            return members(file, tif.pages.first.description) if tif.is_ome else []
    except Exception:  # noqa: BLE001 - it is said when the file is read
        return []


def read_planes(path: Path, on_note: Callable[[str], None] | None = None) -> list[npt.NDArray[Any]]:
    """Return every 2-D plane of a file or of all files in a folder; planes stay on disk where possible.

    Parameters
    ----------
    path
        The file or folder.
    on_note
        Called with what was decided about a file that its user should know.

    Raises
    ------
    ImageError
        If an image cannot be read, or has colours.
    """
    planes: list[npt.NDArray[Any]] = []
    for file in image_files(path):
        image = read_image(file)
        if image.rgb:
            raise ImageError(f"{file.name} is a colour image; images of a single channel are needed here.")
        if on_note is not None:
            for note in image.notes:
                on_note(note if file.name in note else f"{file.name}: {note}")
        try:
            # memory-mapped planes stay on disk; zarr and compressed files are read
            planes += list(image.planes())
        except ImageError as error:
            raise ImageError(f"{file.name}: {error}") from error
    return planes
