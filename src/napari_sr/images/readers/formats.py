"""Which files are images, and which module reads them.

Other packages add formats by an entry point in the group ``napari_sr.images.readers`` that names a :class:`Format`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from napari_sr.errors import ImageError
from napari_sr.paths import exists, is_link, reason

logger = logging.getLogger(__name__)
GROUP = "napari_sr.images.readers"
#: bytes by which a file is known
HEAD = 512


@dataclass(frozen=True)
class Format:
    """Formats that one module reads.

    Attributes
    ----------
    module
        Dotted name of the module that reads them; a single word for one beside this.
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

    @property
    def path(self) -> str:
        """Dotted name of the module, also of one beside this."""
        return self.module if "." in self.module else f"{GROUP}.{self.module}"


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


FORMATS = (
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


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats of files: ours, then those of other packages. One that cannot be loaded is logged."""
    found = []
    for point in entry_points(group=GROUP):
        try:
            found.append(point.load())
        except Exception:  # another package's fault must not take ours away; the log has its traceback
            logger.exception("The image format of %s could not be loaded.", point.value)
    return (*FORMATS, *found)


def suffixes() -> tuple[str, ...]:
    """Return the suffixes by which images are found in a folder."""
    return tuple(suffix for one in (*formats(), ZARR) for suffix in one.suffixes)


def format_of(path: Path) -> Format:
    """Return the format of a file.

    Raises
    ------
    ImageError
        If there is no such file, it cannot be opened, or it is of no known format.
    """
    if not exists(path):
        broken = f"{path} leads to a file that is not there." if is_link(path) else f"There is no file {path}."
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
        raise ImageError(f"{path.name} cannot be opened: {reason(error)}.") from None
    if not head:
        raise ImageError(f"{path.name} is empty.")
    for one in formats():
        if one.matches(head):
            return one
    suffix = path.suffix.lower()
    if suffix in ELSEWHERE:
        raise ImageError(f"{path.name} holds no image: {ELSEWHERE[suffix]}.")
    if named := next((f for f in formats() if suffix in f.suffixes), None):
        raise ImageError(f"{path.name} cannot be read; it may be damaged: it does not begin as {named.title} does.")
    raise ImageError(f"{path.name}: files of type {suffix or '(none)'} are not supported; use {', '.join(suffixes())}.")
