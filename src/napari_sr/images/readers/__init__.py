"""Reading images: one function for every family of formats, chosen by what a file holds rather than by its name.

Each family stands in a module of its own beside this one, which has a function ``read(path, lazy)`` that returns the
images of a file, and is named in :data:`FAMILIES`. What a family needs is imported when a file of it is read.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from napari_sr.errors import ImageError, SRError
from napari_sr.images.stack import Stack

#: bytes from which a family knows its files
HEAD = 512


@dataclass(frozen=True)
class Format:
    """Formats that one module reads.

    Attributes
    ----------
    module
        Beside this one.
    title
        For messages.
    suffixes
        By which its files are found in a folder, lower case.
    matches
        Whether a file that begins like this is one of them.
    needs
        The package that must be installed for it, beside those that always are.
    """

    module: str
    title: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    needs: str = ""


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


FAMILIES = (
    Format(
        "tiff", "TIFF", (".tif", ".tiff", ".lsm", ".stk", ".flex", ".svs", ".ndpi", ".scn", ".qptiff", ".btf"),
        _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    ),
    Format("companion", "OME-XML", (".companion.ome",), lambda head: b"<OME" in head),
    Format("arrays", "NumPy", (".npy", ".npz"), _starts(b"\x93NUMPY", b"PK\x03\x04")),
    Format(
        "picture", "picture", (".png", ".jpg", ".jpeg", ".bmp"),
        _starts(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8"),
    ),
    Format("czi", "Zeiss CZI", (".czi",), _starts(b"ZISRAWFILE"), needs="czifile"),
    Format("nd2", "Nikon ND2", (".nd2",), _starts(b"\xda\xce\xbe\x0a", b"\0\0\0\x0cjP  "), needs="nd2"),
    Format("lif", "Leica LIF", (".lif",), lambda head: head[:4] + head[8:9] == b"\x70\0\0\0*", needs="liffile"),
    Format(
        "oif", "Olympus OIB or OIF", (".oib", ".oif"),
        _starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe[\0"), needs="oiffile",
    ),
    Format("mrc", "MRC", (".mrc", ".map", ".rec", ".st"), lambda head: head[208:211] == b"MAP", needs="mrcfile"),
    Format("dm", "Gatan DM", (".dm3", ".dm4"), _starts(b"\0\0\0\x03", b"\0\0\0\x04"), needs="ncempy"),
    Format("ser", "TIA SER", (".ser",), _starts(b"II\x97\x01"), needs="ncempy"),
    Format("hdf5", "HDF5", (".h5", ".hdf5", ".hdf", ".emd", ".ims"), _starts(b"\x89HDF\r\n\x1a\n"), needs="h5py"),
)  # fmt: skip
#: files that only tell of images in others
ELSEWHERE = {".emi": "it describes those in the .ser files beside it", ".lifext": "it belongs to a .lif file"}
#: a zarr image is a folder
ZARR = Format("zarr_folder", "zarr", (".zarr",), lambda head: False)
#: by which images are found in a folder
SUFFIXES = tuple(suffix for family in (*FAMILIES, ZARR) for suffix in family.suffixes)


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
    family = format_of(path)
    try:
        module = importlib.import_module(f"napari_sr.images.readers.{family.module}")
        stacks: list[Stack] = module.read(path, lazy=lazy)
    except SRError as error:
        if path.name in str(error):
            raise
        raise ImageError(f"{path.name}: {error}") from None
    except ImportError as error:
        if not family.needs or error.name is None or error.name.split(".")[0] != family.needs:
            raise
        raise ImageError(
            f"{path.name} is a file of {family.title}. To read it: pip install 'napari-sr[formats]'"
        ) from None
    except MemoryError:
        raise ImageError(f"{path.name} does not fit into memory.") from None
    except Exception as error:
        # whatever a library makes of a foreign file, it is that file that the user has to look at
        raise ImageError(f"{path.name} cannot be read; it may be damaged ({_what(error)}).") from error
    if not stacks:
        raise ImageError(f"{path.name} holds no image: nothing in it has rows and columns.")
    return stacks


def _what(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def format_of(path: Path) -> Format:
    """Return the family that a file belongs to.

    Raises
    ------
    ImageError
        If there is no such file, it cannot be opened, or no family knows it.
    """
    if not path.exists():
        broken = f"{path} leads to a file that is not there." if path.is_symlink() else f"There is no file {path}."
        raise ImageError(broken)
    if path.is_dir():
        from napari_sr.images.readers.zarr_folder import is_zarr

        if is_zarr(path):
            return ZARR
        raise ImageError(f"{path} is a folder, and no image in zarr.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise ImageError(f"{path.name} cannot be opened: {error.strerror}.") from None
    if not head:
        raise ImageError(f"{path.name} is empty.")
    for family in FAMILIES:
        if family.matches(head):
            return family
    suffix = path.suffix.lower()
    if suffix in ELSEWHERE:
        raise ImageError(f"{path.name} holds no image: {ELSEWHERE[suffix]}.")
    if named := next((f for f in FAMILIES if suffix in f.suffixes), None):
        raise ImageError(f"{path.name} cannot be read; it may be damaged: it does not begin as {named.title} does.")
    raise ImageError(f"{path.name}: files of type {suffix or '(none)'} are not supported; use {', '.join(SUFFIXES)}.")


def chosen(path: Path) -> tuple[Path, str]:
    """Return a file, and which of its images is meant: ``stack.tif:1`` is its second, ``data.h5:/raw`` one by name.

    The second is empty if none is named, or if a file has this very name.
    """
    text = str(path)
    at = text.find(":", 2)  # not the colon of a drive
    while at != -1 and not path.exists():
        file = Path(text[:at])
        if file.is_file() or (file.is_dir() and file.suffix.lower() == ".zarr"):
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
