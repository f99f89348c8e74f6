"""What the numbers of a TIFF mean: grey or colours, black or white at zero, opacity, palettes, and which way is up.

A picture viewer knows these things, so a result must look there as its input did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_sr.errors import ImageError
from napari_sr.images.geometry import Geometry
from napari_sr.images.stack import Channel, Stack
from napari_sr.images.view import ordered, with_values

Array = npt.NDArray[Any]
#: photometric interpretations
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
#: share of grey pixels from which an image with a palette is a grey one, with a scale bar, say, drawn in colours
MOSTLY = 0.99
#: brightness of red, green and blue
LUMA = (0.299, 0.587, 0.114)
#: JPEG's own colours are turned into RGB when it is decompressed
JPEG = (6, 7)


def meaning(stack: Stack, page: tifffile.TiffPage, name: str, *, of_imagej: bool) -> Stack:
    """Return the image as it is meant to be seen.

    Parameters
    ----------
    stack
        As tifffile reads it: axis ``S`` is whatever a pixel has more than one of.
    page
        That describes it.
    name
        Of the file, for messages.
    of_imagej
        A palette is then how single values are to be shown, not what they are.
    """
    stack = replace(stack, data=_bilevel(stack.data))
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    photometric, extra = int(page.photometric), tuple(int(e) for e in page.extrasamples)
    if photometric == PALETTE and "S" not in stack.axes:
        stack = _palette(stack, page.colormap, of_imagej=of_imagej)
    elif photometric == WHITE_IS_ZERO and not of_imagej:
        stack = _inverted(_samples(stack, 1, extra), bits)
    elif photometric in (RGB, YCBCR, CIELAB, SEPARATED) and "S" in stack.axes:
        stack = _colours(stack, photometric, extra, compression=int(page.compression), name=name)
    elif photometric in (BLACK_IS_ZERO, WHITE_IS_ZERO, RGB, YCBCR):
        stack = _samples(stack, 1, extra)
    else:
        raise ImageError(
            f"{name} stores its colours as {page.photometric!s}, which is not supported here. Save it as grey or RGB."
        )
    orientation = page.tags.valueof("Orientation", 1)
    return _upright(stack, int(orientation) if orientation in range(1, 9) else 1)


def _bilevel(data: Any) -> Any:
    """Return black and white as the smallest and the largest of 8 bit: viewers show 0 and 1 of 255 both as black."""
    return np.where(np.asarray(data), np.uint8(255), np.uint8(0)) if np.dtype(data.dtype).kind == "b" else data


def _samples(stack: Stack, colours: int, extra: tuple[int, ...]) -> Stack:
    """Take apart what a pixel has more of than ``colours``: opacity is left out, all else are channels."""
    if "S" not in stack.axes:
        return stack
    opacity = [colours + n for n, kind in enumerate(extra) if kind in (1, 2)]
    data, axes = ordered(stack.data, stack.axes)
    left = [n for n in range(data.shape[-1]) if n not in opacity]
    notes = stack.notes
    if opacity:
        notes = (*notes, "The image's opacity is left out")
        data = np.asarray(data[...])[..., left]
    if len(left) == 1:
        return replace(stack, data=data[..., 0], axes=axes[:-1], notes=notes)
    free = next(a for a in "CVRAPH" if a not in axes)
    return replace(stack, data=data, axes=axes[:-1] + free, notes=notes)


def _colours(stack: Stack, photometric: int, extra: tuple[int, ...], *, compression: int, name: str) -> Stack:
    """Return red, green, blue and perhaps opacity, last."""
    data, axes = ordered(stack.data, stack.axes)
    count = int(data.shape[-1])
    base = 4 if photometric == SEPARATED else 3
    if count < base:
        return _samples(stack, 1, extra)
    notes = list(stack.notes)
    if photometric == YCBCR and compression not in JPEG:
        data = _turned(data, _from_ycbcr, np.uint8, name)
    elif photometric == CIELAB:
        data = _turned(data, _from_lab, np.uint8, name)
    elif photometric == SEPARATED:
        data = _from_cmyk(np.asarray(data[...]))
        notes.append("Printing colours (CMYK) were turned into red, green and blue")
    further = data.shape[-1] - 3
    # a fourth sample that nothing is said of is taken for opacity, as picture viewers do
    opaque = further >= 1 and (not extra or extra[0] in (0, 1, 2)) and photometric == RGB
    if opaque and extra[:1] == (1,):
        data = _not_multiplied(np.asarray(data[...]))
    kept = 4 if opaque and further == 1 else 3
    if data.shape[-1] > kept:
        notes.append(f"A pixel has {count} samples, of which red, green and blue are taken")
        data = np.asarray(data[...])[..., :kept]
    return replace(stack, data=data, axes=axes, notes=tuple(notes))


def _turned(data: Any, turn: Callable[[Array], Array], dtype: Any, name: str) -> Array:
    values = np.asarray(data[...])
    if values.dtype != dtype:
        raise ImageError(f"{name} stores colours of {values.dtype} in a way that is not supported. Save it as RGB.")
    return turn(values)


def _from_ycbcr(values: Array) -> Array:
    """ITU-R BT.601, as in JPEG."""
    y, cb, cr = (values[..., n].astype(np.float64) for n in range(3))
    rgb = np.stack(
        [y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)], axis=-1
    )
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _from_lab(values: Array) -> Array:
    from skimage.color import lab2rgb

    lab = np.stack([values[..., 0] * (100 / 255), *(values[..., n].astype(np.int8) for n in (1, 2))], axis=-1)
    return np.asarray(np.rint(lab2rgb(lab.astype(np.float64)) * 255), dtype=np.uint8)


def _from_cmyk(values: Array) -> Array:
    """Return what is left of white light behind the inks, as picture viewers do without a colour profile."""
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    ink = values[..., :4].astype(np.float64) / full
    rgb = (1 - ink[..., :3]) * (1 - ink[..., 3:]) * full
    return np.asarray(np.rint(rgb) if values.dtype.kind == "u" else rgb, dtype=values.dtype)


def _not_multiplied(values: Array) -> Array:
    """Divide colours by the opacity that they were multiplied with."""
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    opacity = values[..., 3:4].astype(np.float64) / full
    colours = np.divide(values[..., :3], opacity, out=np.zeros(values[..., :3].shape), where=opacity > 0)
    whole = np.clip(np.rint(colours), 0, full) if values.dtype.kind == "u" else colours
    return np.concatenate([whole.astype(values.dtype), values[..., 3:4]], axis=-1)


def _inverted(stack: Stack, bits: int) -> Stack:
    """Return an image whose smallest value is black."""
    dtype = np.dtype(stack.data.dtype)
    if dtype.kind == "f":
        note = "Its smallest value is white, says the file; values are left as they are"
        return replace(stack, notes=(*stack.notes, note))
    if dtype.kind == "i":
        return replace(stack, data=with_values(stack.data, np.invert))
    largest = np.iinfo(dtype).max if bits in (1, 8 * dtype.itemsize) else 2**bits - 1
    return replace(stack, data=with_values(stack.data, lambda values: (largest - values).astype(dtype)))


def _palette(stack: Stack, colormap: Array | None, *, of_imagej: bool) -> Stack:
    """Return the colours of a palette; or the values, if the palette only says how to show them."""
    if colormap is None:
        return stack
    table = np.asarray(colormap)
    table = (table >> 8).astype(np.uint8) if table.max() > 255 else table.astype(np.uint8)
    values = np.asarray(stack.data[...])
    counts = np.bincount(values.ravel(), minlength=table.shape[1])
    used = np.flatnonzero(counts)  # entries that do not occur may be anything
    ramp = bool((np.diff(table[:, used].astype(int), axis=1) >= 0).all())
    greys = (table == table[:1]).all(axis=0)
    if counts[greys].sum() < MOSTLY * values.size:
        if (of_imagej or ramp) and table.shape == (3, 256):
            # values in a lookup table's colours: they are quantities, and can be interpolated
            return replace(stack, channels=(replace((*stack.channels, Channel())[0], table=table),))
        return replace(stack, data=np.moveaxis(table[:, values], 0, -1), axes=stack.axes + "S")
    drawn = bool(counts[~greys].any())
    brightness = np.rint(np.tensordot(LUMA, table, 1)).astype(np.uint8)
    if of_imagej or (not drawn and np.array_equal(table[0, used], used)):
        return stack
    notes = (
        (*stack.notes, "Colours of what was drawn into the grey image are turned into grey") if drawn else stack.notes
    )
    return replace(stack, data=brightness[values], notes=notes)


def _upright(stack: Stack, orientation: int) -> Stack:
    """Turn an image whose first row is not its upper one, or whose first column is not its left one."""
    if orientation == 1:
        return stack
    data = np.asarray(stack.data[...])
    y, x = stack.axes.index("Y"), stack.axes.index("X")
    if orientation >= 5:
        data = np.swapaxes(data, y, x)
    # with the axes exchanged, what was the first row is the first column
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    data = np.flip(data, tuple(axis for axis, flip in ((y, flip_rows), (x, flip_columns)) if flip))
    geometry = stack.geometry
    if orientation >= 5:
        other = {"Y": "X", "X": "Y"}
        geometry = Geometry(
            {other.get(a, a): step for a, step in geometry.steps.items()},
            {other.get(a, a): unit for a, unit in geometry.units.items()},
        )
    return replace(stack, data=data, geometry=geometry)
