"""Array-likes that results are written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class MappedFile:
    """Part of a file as an array that takes windows of values.

    The file is mapped anew for every window: pages of a mapping that stays open count as this process's
    memory, which would then grow to the size of the file.
    """

    def __init__(self, path: Path, *, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.offset, self.shape, self.dtype = path, offset, shape, dtype

    def __setitem__(self, window: Any, values: Any) -> None:
        mapped = np.memmap(self.path, self.dtype, "r+", self.offset, self.shape)
        mapped[window] = values
        mapped.flush()


class Turned:
    """An output whose dimensions stand in another order in the file.

    Parameters
    ----------
    out
        What is written to.
    order
        The dimension of this one that each dimension of ``out`` is.
    """

    def __init__(self, out: Any, order: tuple[int, ...]) -> None:
        self.out, self.order, self.dtype = out, order, out.dtype
        self.shape = tuple(int(out.shape[order.index(n)]) for n in range(len(order)))

    def __setitem__(self, window: Any, values: Any) -> None:
        if window is Ellipsis:
            window = (slice(None),) * len(self.shape)
        left = [n for n, at in enumerate(window) if not isinstance(at, int | np.integer)]
        turned = np.asarray(values).transpose([left.index(n) for n in self.order if n in left])
        self.out[tuple(window[n] for n in self.order)] = turned
