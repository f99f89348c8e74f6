"""Image files that belong together: where they lie over each other follows from their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_sr.errors import ImageError
from napari_sr.images.grid import GridImage, multiple
from napari_sr.images.lazy_plane import open_planes
from napari_sr.images.pairs import matched_files
from napari_sr.images.readers import read_image


def placed_file(path: Path, *, name: str = "", like: GridImage | None = None) -> GridImage:
    """Open an image file; its pixels are whole multiples of those of ``like``.

    Raises
    ------
    ImageError
        If it cannot be read, or its size is not that of ``like`` or a whole fraction of it.
    """
    image = read_image(path, lazy=True)
    found = GridImage(name or path.name, image.data, image.axes)
    if like is None:
        return found
    shape, whole = found.layout.plane_shape, like.layout.plane_shape
    factor = max(1, round(whole[0] / shape[0]))
    if not all(0 <= w - s * factor < factor for w, s in zip(whole, shape, strict=True)):
        raise ImageError(
            f"{path.name} has {shape[0]} × {shape[1]} pixels, {like.name} {whole[0]} × {whole[1]}: "
            "one is not a whole number of times the other, so they cannot be laid over each other."
        )
    return GridImage(found.name, found.data, found.axes, multiple(factor))


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return the files' names without ends, with as many of their folders as tell them apart.

    Raises
    ------
    ImageError
        If one file is named twice.
    """
    parts = [list(path.resolve().parts) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        part[-1] = path.name.removesuffix(path.suffix).removesuffix(".ome")
    for length in range(1, max((len(part) for part in parts), default=1) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise ImageError(f"{paths[0].name} and others have the same name and place: give every image once.")


def matched_planes(path: Path, target: Path, names: tuple[str, str]) -> tuple[list[Any], list[Any], list[str]]:
    """Return the planes of a file or folder, those of the targets of the same names, and what they are called.

    They stay in their files: ``np.asarray`` reads one.

    ``names`` are what the two are called in messages.

    Raises
    ------
    ImageError
        If one has no partner, or another number of planes than it.
    """
    planes: list[Any] = []
    targets: list[Any] = []
    titles: list[str] = []
    for one, other in matched_files(path, target, names):
        mine, theirs = open_planes(one), open_planes(other)
        if len(mine) != len(theirs):
            raise ImageError(f"{one.name} has {len(mine)} images, {other.name} {len(theirs)}.")
        planes += mine
        targets += theirs
        titles += [other.name] if len(theirs) == 1 else [f"{other.name}, plane {n + 1}" for n in range(len(theirs))]
    return planes, targets, titles
