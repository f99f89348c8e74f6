"""Pictures: PNG, JPEG, BMP, GIF; with 16 bits where they have them, and the right way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from napari_sr.errors import ImageError
from napari_sr.images.stack import Stack

PNG = b"\x89PNG\r\n\x1a\n"
#: what PIL turns other kinds of picture into
SIMPLE = {"P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB", "LA": "L", "La": "L", "1": "L"}


def read(path: Path, *, lazy: bool = False) -> list[Stack]:
    """Return a picture; the opacity of grey ones is left out, that of colours is kept.

    Raises
    ------
    ImageError
        If it has frames, as films have.
    """
    with path.open("rb") as file:
        head = file.read(26)
    if head.startswith(PNG) and head[24] == 16 and head[25] in (2, 4, 6):  # PIL reads 8 bits of these
        import imagecodecs

        data = np.asarray(imagecodecs.png_decode(path.read_bytes()))
        return [_grey_without_opacity(data) if head[25] == 4 else Stack(data, "YXS")]
    with Image.open(path) as picture:
        frames = int(getattr(picture, "n_frames", 1))
        if frames > 1:
            raise ImageError(f"{path.name} has {frames} frames. Save it as a TIFF stack.")
        return [stack_of(picture)]


def stack_of(picture: Image.Image) -> Stack:
    """Return what a picture of Pillow shows."""
    mode = picture.mode
    upright = ImageOps.exif_transpose(picture)
    if mode in ("P", "PA"):
        upright = upright.convert("RGBA" if mode == "PA" or "transparency" in picture.info else "RGB")
        if upright.mode == "RGB" and _is_grey(np.asarray(upright)):
            upright = upright.convert("L")
    elif mode in SIMPLE:
        notes = ("The image's opacity is left out",) if mode in ("LA", "La") else ()
        return _stack(np.asarray(upright.convert(SIMPLE[mode])), notes)
    data = np.asarray(upright)
    if mode == "I" and data.size and data.min() >= 0 and data.max() <= 65_535:  # 16 bits, as older versions read them
        data = data.astype(np.uint16)
    return _stack(data)


def _stack(data: np.ndarray, notes: tuple[str, ...] = ()) -> Stack:
    return Stack(data, "YXS" if data.ndim == 3 else "YX", notes=notes)


def _grey_without_opacity(data: np.ndarray) -> Stack:
    return _stack(np.ascontiguousarray(data[..., 0]), ("The image's opacity is left out",))


def _is_grey(data: np.ndarray) -> bool:
    return bool((data == data[..., :1]).all())
