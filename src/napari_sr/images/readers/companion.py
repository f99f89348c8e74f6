"""OME-XML in a file of its own, which says of several TIFF files what image they are."""

from __future__ import annotations

from pathlib import Path

from napari_sr.errors import ImageError
from napari_sr.images.readers import tiff
from napari_sr.images.readers.ome_xml import members, missing_members
from napari_sr.images.stack import Stack


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return the images of the set of files that a companion describes.

    Raises
    ------
    ImageError
        If it names no files, or one that is not there.
    """
    xml = path.read_text(encoding="utf-8", errors="replace")
    if missing := missing_members(path, xml):
        raise ImageError(f"{path.name} describes an image of which {', '.join(missing)} is missing.")
    files = [path.parent / name for name in members(path, xml)]
    if not files:
        raise ImageError(f"{path.name} names no image files.")
    return tiff.read(files[0], lazy=lazy)
