"""A file's array with its axes in another order, or its values turned: without reading more than is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.images.stack import Stack

#: the order in which images are passed on and written
ORDER = "TZCYXS"


class View:
    """An array-like whose dimensions come in another order, and whose values pass through a function.

    Parameters
    ----------
    data
        Array-like with ``shape``, ``dtype`` and slicing by integers and slices.
    order
        The dimension of ``data`` that each dimension of the view is.
    values
        Applied to every window that is read; must keep its shape and dtype. None to leave them.
    """

    def __init__(
        self, data: Any, order: tuple[int, ...], values: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None
    ) -> None:
        self.data, self.order, self.values = data, order, values
        self.shape = tuple(int(data.shape[n]) for n in order)
        self.dtype = np.dtype(data.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, window: Any) -> npt.NDArray[Any]:
        window = window if isinstance(window, tuple) else (window,)
        if Ellipsis in window:
            at = window.index(Ellipsis)
            window = (*window[:at], *(slice(None),) * (self.ndim - len(window) + 1), *window[at + 1 :])
        window = (*window, *(slice(None),) * (self.ndim - len(window)))
        found = np.asarray(self.data[tuple(window[self.order.index(n)] for n in range(self.ndim))])
        # integers are gone from what was read: what is left stands in the data's order
        left = [n for n in range(self.ndim) if not isinstance(window[self.order.index(n)], int | np.integer)]
        turned = found.transpose([left.index(n) for n in self.order if n in left])
        return turned if self.values is None else self.values(turned)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        found = self[(slice(None),) * self.ndim]
        return np.array(found, dtype=dtype or self.dtype)


def ordered(data: Any, axes: str) -> tuple[Any, str]:
    """Return an image with its axes in the usual order: others, then Y and X, samples last."""
    wanted = "".join(sorted(axes, key=lambda a: (ORDER.index(a) if a in ORDER else -1, axes.index(a))))
    if wanted == axes:
        return data, axes
    order = tuple(axes.index(a) for a in wanted)
    return (data.transpose(order) if isinstance(data, np.ndarray) else View(data, order)), wanted


def with_values(data: Any, values: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Any:
    """Return an image whose values pass through a function that keeps shape and dtype."""
    return View(data, tuple(range(len(data.shape))), values)


def shown_like(stack: Stack) -> Stack:
    """Return an image with its axes as a viewer needs them: rows and columns last, before samples of colours."""
    data, axes = ordered(stack.data, stack.axes)
    return replace(stack, data=data, axes=axes)
