"""Images as Python programs hold them: lists, pictures of Pillow, tensors, masked and labelled arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_sr.errors import ImageError

#: what the names of dimensions begin with, for those that are not called as their letter is
NAMES = {"TIME": "T", "CHANNEL": "C", "ROW": "Y", "COL": "X", "LAT": "Y", "LON": "X", "BAND": "C", "RGB": "S"}


def as_image(image: Any, axes: str | None = None) -> tuple[Any, str | None]:
    """Return an array-like, and its axes if the image knows them; what is one already is left as it is.

    Parameters
    ----------
    image
        Anything with ``shape``, ``dtype`` and slicing; lists of numbers; pictures of Pillow; tensors of PyTorch, on any
        device; numpy's masked arrays, whose masked pixels become NaN, which is kept out of the result; xarray's
        labelled arrays, whose dimensions tell the axes.
    axes
        As given by the user, who knows best.

    Raises
    ------
    ImageError
        If it is no image, or has masked pixels of a type that has no NaN.
    """
    if isinstance(image, list | tuple):
        try:
            image = np.asarray(image)
        except ValueError as error:
            raise ImageError(f"The lists are no image: {error}.") from None
    if isinstance(image, np.ma.MaskedArray):
        return _unmasked(image), axes
    kind = f"{type(image).__module__}.{type(image).__qualname__}"
    if kind.startswith("PIL."):
        return _of_pillow(image), axes
    if kind.startswith("torch."):
        return image.detach().cpu().resolve_conj().numpy(), axes
    if hasattr(image, "dims") and hasattr(image, "data"):  # xarray
        return image.data, axes or axes_of(tuple(str(d) for d in image.dims))
    if not (hasattr(image, "shape") and hasattr(image, "dtype")):
        raise ImageError(f"{type(image).__name__} is no image: give an array of numbers.")
    return image, axes


def _unmasked(image: np.ma.MaskedArray[Any, Any]) -> Any:
    if not np.ma.is_masked(image):
        return image.data
    if image.dtype.kind != "f":
        masked = int(np.ma.getmaskarray(image).sum())
        raise ImageError(
            f"{masked} pixels are masked, and {image.dtype} has no value for that. Convert the image to floating point "
            "(they are kept out then), or fill them (image.filled(0))."
        )
    return image.filled(np.nan)


def _of_pillow(picture: Any) -> Any:
    from napari_sr.images.readers.picture import stack_of

    return stack_of(picture).data


def axes_of(names: tuple[str, ...]) -> str | None:
    """Return a letter a named dimension; None if there are no rows and columns among them, or two of one letter."""
    letters = "".join(
        next((letter for name, letter in NAMES.items() if n.upper().startswith(name)), n[:1].upper()) for n in names
    )
    return letters if {"Y", "X"} <= set(letters) and len(set(letters)) == len(letters) else None
