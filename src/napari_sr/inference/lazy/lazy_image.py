"""An image that is super-resolved where it is looked at, as arrays of falling resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ImageError
from napari_sr.images.axes import Layout
from napari_sr.images.dtypes import output_dtype
from napari_sr.images.guarded import Guarded
from napari_sr.inference.lazy.enlarge import enlarged
from napari_sr.inference.lazy.plane_array import PlaneArray, smaller_levels
from napari_sr.inference.lazy.tile_cache import CACHE_BYTES, TileCache
from napari_sr.inference.lazy.tile_grid import Block, Looked, TileGrid, blocks
from napari_sr.inference.lazy.tile_worker import Compute, Seen, TileWorker

if TYPE_CHECKING:
    from napari_sr.inference.conditions import Conditions
    from napari_sr.inference.upscaler import Upscaler

#: side of a tile, LR pixels
SIDE = 128
#: share of them for what is interpolated until tiles come
INTERPOLATED = 1 / 8
#: side below which the image is not made smaller for those who look from far away
FAR = 1024


class SharpLevel(PlaneArray):
    """The super-resolved image at one resolution: tiles that were computed, and the interpolated image elsewhere.

    Reading never computes a network. The whole is refused, since it would be a mixture of both.
    """

    def __init__(self, of: LazyImage, number: int) -> None:
        self.of, self.number = of, number
        #: pixels to one of the image
        self.factor = of.scale >> number
        super().__init__(Layout(of.layout.axes, of.layout.upscaled_shape(self.factor)), of.dtype)
        side = of.grid.side * self.factor
        #: a viewer then reads whole tiles, and has to read anew only where other ones come into view
        self.chunks = tuple(min(n, side) if a in "YX" else 1 for n, a in zip(self.shape, of.layout.axes, strict=True))

    def read(self, index: tuple[int, ...], rows: range, columns: range) -> npt.NDArray[Any]:
        """Return what there is of one plane."""
        return self.of.read(self.number, index, rows, columns)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        raise ImageError(
            "This layer holds only what was looked at; elsewhere it shows the image, interpolated. "
            "Write the whole image first."
        )


class LazyImage:
    """A super-resolved image of any size, which is there at once and computed where it is looked at.

    Parameters
    ----------
    levels
        The LR image, and what there is of it in lower resolution.
    axes
        Of the image; without colours.
    scale
        Of the model.
    load
        Called in the background, once: returns the prepared model.
    conditions
        What the network is told; what is left out is estimated.
    changed
        Called from the background whenever :meth:`seen` has changed.
    cache_bytes
        That tiles may take.
    side
        Of a tile, LR pixels.

    Raises
    ------
    ImageError
        If the axes do not fit, or the image has colours or numbers that are not real.
    """

    def __init__(
        self, levels: Sequence[Any], axes: str, *, scale: int, load: Callable[[], Upscaler],
        conditions: Conditions | None = None, changed: Callable[[], None] = lambda: None,
        cache_bytes: int = CACHE_BYTES, side: int = SIDE,
    ) -> None:  # fmt: skip
        image = levels[0]
        self.layout, self.scale = Layout(axes, tuple(int(n) for n in image.shape)), scale
        if "S" in self.layout.axes:
            raise ImageError("Colours are super-resolved as a whole image or in part, not while you look around.")
        self.dtype = output_dtype(np.dtype(image.dtype), None)
        self.grid = TileGrid(self.layout.plane_shape, side)
        #: how many levels are finer than the image
        self.sharp = next(n for n in range(1, 32) if scale >> n << n != scale or scale >> n <= 1)
        self.cache, self._soft = (TileCache(limit) for limit in _shared(cache_bytes))
        self._image = image if isinstance(image, np.ndarray) else Guarded(image)
        self._unreadable: Exception | None = None
        self.levels = [SharpLevel(self, n) for n in range(self.sharp)]
        lower = smaller_levels(levels, self.layout.axes, below=FAR)
        self.levels += lower if scale > 1 else lower[1:]

        self._asked, self._loaded = (load, conditions), load
        #: of a tile, in all its resolutions
        self._tile_bytes = sum((side * (scale >> n)) ** 2 for n in range(self.sharp)) * self.dtype.itemsize

        def make(before: Compute | None) -> Compute:
            from napari_sr.inference.lazy.tile_network import TileNetwork

            load, conditions = self._asked
            old = before if isinstance(before, TileNetwork) else None
            if old is not None and self._loaded is load:
                return old.told(conditions)
            made = TileNetwork(image, self.layout.axes, load(), conditions, levels=self.sharp, before=old)
            self._loaded = load
            return made

        self.worker = TileWorker(self.grid, self.cache, self._at_once(), make, changed)

    def _at_once(self) -> int:
        return max(1, self.cache.limit // self._tile_bytes)

    def look(self, looked: Looked | None) -> None:
        """Compute the missing tiles of a window, nearest to its centre first, and no others any more."""
        self.worker.look(looked)

    def prepare(self, index: tuple[int, ...]) -> None:
        """Load the model in the background, and find out what holds for a plane, before its tiles are wanted."""
        self.worker.prepare(index)

    def tell(self, conditions: Conditions | None, *, load: Callable[[], Upscaler] | None = None) -> None:
        """Tell the network something else, or take another model of the same scale.

        What is seen is computed again; until then, the tiles that were there stay.
        """
        self._asked = load or self._asked[0], conditions
        self.worker.anew()

    def resize(self, cache_bytes: int) -> None:
        """Let tiles take up to another number of bytes."""
        for cache, limit in zip((self.cache, self._soft), _shared(cache_bytes), strict=True):
            cache.resize(limit)
        self.worker.resize(self._at_once())

    def seen(self) -> Seen:
        """Return how far the tiles in view are."""
        seen = self.worker.seen()
        return replace(seen, failure=seen.failure or self._unreadable)

    def close(self) -> None:
        """End what goes on in the background; the tiles stay. It can be looked at again."""
        self.worker.close()

    def forget(self) -> None:
        """Forget all tiles."""
        self.cache.clear()
        self._soft.clear()

    def read(self, number: int, index: tuple[int, ...], rows: range, columns: range) -> npt.NDArray[Any]:
        """Return pixels of one level of a plane: tiles that are there, and the interpolated image elsewhere."""
        side = self.grid.side * (self.scale >> number)
        out = _Canvas(rows, columns, self.dtype)
        missing = []
        for place in _over(rows, columns, side).places():
            tile = self.cache.get((index, place))
            part = self._soft.get((number, index, place)) if tile is None else (tile[number],)
            if part is None:
                missing.append(place)
            else:
                out.put(part[0], place[0] * side, place[1] * side)
        whole = rows.step == columns.step == 1
        for block in blocks(missing) if whole else [_one(place) for place in missing]:
            soft = self._interpolated(number, index, block)
            top, left = block.rows.start * side, block.columns.start * side
            out.put(soft, top, left)
            if whole:
                for place in block.places():
                    y, x = place[0] * side - top, place[1] * side - left
                    self._soft.put((number, index, place), (soft[y : y + side, x : x + side].copy(),))
        return out.pixels

    def _interpolated(self, number: int, index: tuple[int, ...], block: Block) -> npt.NDArray[Any]:
        """Return the image, interpolated, where a block of tiles lies."""
        window = self.grid.window(block)
        around = [slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(window, self.grid.shape, strict=True)]
        try:
            lr = self.layout.take(self._image, index, *around)
        except ImageError as error:  # said in the status, once: a viewer asks again and again
            self._unreadable = self._unreadable or error
            lr = np.zeros([s.stop - s.start for s in around], self.dtype)
        lr = lr.astype(self.dtype, copy=False)
        beside = [(1 - (s.start - a.start), 1 - (a.stop - s.stop)) for s, a in zip(window, around, strict=True)]
        return enlarged(np.pad(lr, beside, mode="edge"), self.scale >> number)


def _shared(cache_bytes: int) -> tuple[int, int]:
    """Return the bytes for tiles, and those for what is interpolated."""
    interpolated = int(cache_bytes * INTERPOLATED)
    return cache_bytes - interpolated, interpolated


class _Canvas:
    """Pixels with steps between them, which are put together from pieces without steps."""

    def __init__(self, rows: range, columns: range, dtype: np.dtype[Any]) -> None:
        self.rows, self.columns = rows, columns
        self.pixels = np.empty((len(rows), len(columns)), dtype)

    def put(self, piece: npt.NDArray[Any], top: int, left: int) -> None:
        """Take what is wanted of a piece that begins at a row and a column."""
        down, across = _wanted(self.rows, top, piece.shape[0]), _wanted(self.columns, left, piece.shape[1])
        self.pixels[down[0], across[0]] = piece[down[1], across[1]]


def _wanted(span: range, start: int, length: int) -> tuple[slice, slice]:
    """Return which entries of a span lie within a piece, and where in the piece."""
    first, stop = (min(len(span), max(0, -((span.start - n) // span.step))) for n in (start, start + length))
    begin = span.start + first * span.step - start
    end = begin + max(0, stop - first - 1) * span.step + min(1, stop - first)
    return slice(first, stop), slice(begin, end, span.step)


def _over(rows: range, columns: range, side: int) -> Block:
    """Return the tiles of ``side`` pixels that a window touches."""
    return Block(*(range(span[0] // side, span[-1] // side + 1) for span in (rows, columns)))


def _one(place: tuple[int, int]) -> Block:
    return Block(*(range(n, n + 1) for n in place))
