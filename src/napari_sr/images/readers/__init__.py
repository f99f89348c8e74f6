"""Reading images: one function for every family of formats, chosen by what a file holds rather than by its name.

Each format stands in a module of its own beside this one, which has a function ``read(path, lazy)`` that returns the
images of a file, and is named in :data:`~napari_sr.images.readers.formats.FORMATS`. What it needs is imported when a
file of it is read.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_sr.errors import ImageError, SRError
from napari_sr.images.readers.formats import format_of
from napari_sr.images.stack import Stack
from napari_sr.paths import exists, is_file, is_folder


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return every image of a file, in the file's order; those in files that can be read in parts stay there.

    Parameters
    ----------
    path
        The file, or the folder of a zarr image.
    lazy
        Leave compressed TIFFs on disk even if they are small: for when there are many.

    Raises
    ------
    ImageError
        If the file is missing or damaged, holds no image, is of a kind that is not known, or needs a package that is
        not installed.
    """
    form = format_of(path)
    try:
        module = importlib.import_module(form.path)
        stacks = _images(module.read(path, lazy=lazy))
    except SRError as error:
        if path.name in str(error):
            raise
        raise ImageError(f"{path.name}: {error}") from None
    except ImportError as error:
        if not form.needs or error.name is None or error.name.split(".")[0] != form.needs:
            raise
        raise ImageError(
            f"{path.name} is a file of {form.title}. To read it: pip install 'napari-sr[formats]'"
        ) from None
    except MemoryError:
        raise ImageError(f"{path.name} does not fit into memory.") from None
    except Exception as error:
        # whatever a library makes of a foreign file, it is that file that the user has to look at
        raise ImageError(f"{path.name} cannot be read; it may be damaged ({_what(error)}).") from error
    if not stacks:
        raise ImageError(f"{path.name} holds no image: nothing in it has rows and columns.")
    return stacks


def _images(found: list[Stack]) -> list[Stack]:
    """Return what are images, with a note of what is not; raises :class:`ImageError` if nothing is."""
    problems = {number: problem for number, stack in enumerate(found) if (problem := _problem(stack))}
    images = [stack for number, stack in enumerate(found) if number not in problems]
    if not problems:
        return images
    if not images:
        raise ImageError(next(iter(problems.values())))
    left = "; ".join(f"{found[n].name or n}: {problem}" for n, problem in problems.items())
    return [replace(stack, notes=(*stack.notes, f"Left out ({left.rstrip('.')})")) for stack in images]


def _problem(stack: Stack) -> str:
    """Return why something is no image; empty if it is one."""
    dtype = np.dtype(stack.data.dtype)
    if dtype.kind == "c":
        return "It holds complex numbers. Save what is meant to be seen, such as their magnitude, and open that."
    if dtype.kind not in "buif":
        return f"It holds no numbers that make an image, but values of type {dtype}."
    if dtype.itemsize > 8:
        return f"It holds numbers of type {dtype}, which few programs know. Save it as float64 or float32."
    try:
        stack.layout  # noqa: B018 - it checks axes and shape
    except ImageError as error:
        return str(error)
    return ""


def _what(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def chosen(path: Path) -> tuple[Path, str]:
    """Return a file, and which of its images is meant: ``stack.tif:1`` is its second, ``data.h5:/raw`` one by name.

    The second is empty if none is named, or if a file has this very name.
    """
    text = str(path)
    at = text.find(":", 2)  # not the colon of a drive
    while at != -1 and not exists(path):
        file = Path(text[:at])
        if is_file(file) or (is_folder(file) and file.suffix.lower() == ".zarr"):
            return file, text[at + 1 :]
        at = text.find(":", at + 1)
    return path, ""


def read_image(path: Path, *, lazy: bool = False) -> Stack:
    """Return the image that ``path`` means: of several in a file the one that is named, or the largest.

    Parameters
    ----------
    path, lazy
        As in :func:`read`; ``file.tif:1`` or ``file.h5:/path`` names one image of several.

    Raises
    ------
    ImageError
        As :func:`read`; or if there is no such image in the file.
    """
    file, which = chosen(path)
    stacks = read(file, lazy=lazy)
    names = [stack.name or str(n) for n, stack in enumerate(stacks)]
    if which:
        for n, stack in enumerate(stacks):
            if which in (str(n), stack.name, stack.name.lstrip("/")):
                return stack
        raise ImageError(f"{file.name} has no image {which!r}; it holds {listed(stacks)}.")
    sizes = [len(stack) * stack.layout.plane_shape[0] * stack.layout.plane_shape[1] for stack in stacks]
    best = sizes.index(max(sizes))
    if len(stacks) == 1:
        return stacks[0]
    taken = names[best] if names[best] == str(best) else f"{best} ({names[best]})"
    note = f"Of {len(stacks)} images in {file.name}, the largest is taken, number {taken}: there are {listed(stacks)}"
    return replace(stacks[best], notes=(note, *stacks[best].notes))


def listed(stacks: list[Stack], most: int = 10) -> str:
    """Return how each image of a file is named and what size it has."""
    said = [
        f"{n}{f' ({stack.name})' if stack.name else ''}: {' × '.join(map(str, stack.data.shape))} {stack.axes}"
        for n, stack in enumerate(stacks[:most])
    ]
    return "; ".join(said) + (f"; and {len(stacks) - most} more" if len(stacks) > most else "")
